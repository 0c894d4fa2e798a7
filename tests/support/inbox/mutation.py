"""Mutation: one script of the inbox with a mistake in one line, so that a test can catch it."""

import pytest

from tradecapture.inbox import scripts


def mutated(script: str, right: str, wrong: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the sources and SHA-1 names of all scripts, one of them with a mistake.

    They replace `scripts._SOURCES` and `scripts._SHA1`.

    Args:
        script: which script gets the mistake.
        right: a text that its source holds once; parts of `common.lua` count too.
        wrong: what replaces that text.
    """
    source = scripts._SOURCES[script]
    assert source.count(right) == 1, f"{script}.lua does not say {right!r} once"
    source = source.replace(right, wrong)
    sources = {**scripts._SOURCES, script: source}
    return sources, {**scripts._SHA1, script: scripts.sha1_of(source)}


def mutate(monkeypatch: pytest.MonkeyPatch, script: str, right: str, wrong: str) -> None:
    """Give a script of this process a mistake; see `mutated`."""
    sources, sha1 = mutated(script, right, wrong)
    monkeypatch.setattr(scripts, "_SOURCES", sources)
    monkeypatch.setattr(scripts, "_SHA1", sha1)
