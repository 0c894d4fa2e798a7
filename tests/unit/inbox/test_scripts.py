"""The parts of `common.lua`: a script gets each part that it uses, and no other."""

import re

import pytest

from tradecapture.inbox.scripts import NAMES, common_parts, parts_used, read_source

PARTS = common_parts()


def names_defined(part: str) -> set[str]:
    """Return the local names that a part of `common.lua` defines."""
    names = re.findall(r"^local (?:function )?(\w+)", part, flags=re.MULTILINE)
    assert names
    return set(names)


def words_of(*lua: str) -> set[str]:
    """Return the words of some Lua texts outside their comments."""
    return set(re.findall(r"\w+", re.sub(r"--.*", "", "\n".join(lua))))


@pytest.mark.parametrize("script", NAMES)
def test_a_script_names_the_parts_that_it_uses(script: str) -> None:
    """Its line `-- uses` names exactly the parts that it mentions, itself or in another part."""
    source = read_source(script)
    named = parts_used(source)
    for name, part in PARTS.items():
        words = words_of(source, *(PARTS[other] for other in named if other != name))
        assert (name in named) == bool(names_defined(part) & words), name


@pytest.mark.parametrize("script", NAMES)
def test_a_part_follows_the_parts_that_it_needs(script: str) -> None:
    """Lua knows a local name only after its definition."""
    named = parts_used(read_source(script))
    for index, name in enumerate(named):
        for later in named[index + 1 :]:
            assert not names_defined(PARTS[later]) & words_of(PARTS[name]), (name, later)
