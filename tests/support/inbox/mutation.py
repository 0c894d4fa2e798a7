"""Mutation: the inbox's scripts with a mistake in one line, to see that it would be noticed."""

from hashlib import sha1

import pytest

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


def mutate(monkeypatch: pytest.MonkeyPatch, script: str, right: str, wrong: str) -> None:
    """Change a script in this process, whose gateway accepts trades."""
    sources, named_by = mutated(script, right, wrong)
    monkeypatch.setattr(scripts, "_SOURCES", sources)
    monkeypatch.setattr(scripts, "_NAMED_BY", named_by)
