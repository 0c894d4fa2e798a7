"""Mutation: the inbox's scripts with a mistake in one line, to see that it would be noticed."""

from hashlib import sha1

from tradecapture.inbox import scripts


def mutated(script: str, right: str, wrong: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return all scripts' sources and names, for `scripts._SOURCES` and `scripts._NAMED_BY`.

    Args:
        script: which one is changed.
        right: what its source says, once.
        wrong: what it is to say.
    """
    source = scripts._SOURCES[script]
    assert source.count(right) == 1, f"{script}.lua does not say {right!r} once"
    source = source.replace(right, wrong)
    digest = sha1(source.encode(), usedforsecurity=False).hexdigest()
    return {**scripts._SOURCES, script: source}, {**scripts._NAMED_BY, script: digest}
