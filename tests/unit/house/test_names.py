"""The names: one word for one thing, and words that say what a thing is."""

import ast
from collections import defaultdict

from tests.support.source import PRODUCT, definitions, files, relative, words

# Participles and household words: none tells a reader what a thing is.
FORBIDDEN = frozenset(
    [
        "known",
        "found",
        "asked",
        "written",
        "given",
        "hand",
        "hands",
        "deed",
        "deeds",
        "standing",
        "standings",
        "place",
        "places",
        "walk",
        "walks",
        "look",
        "looks",
    ]
)
# Terms of the field that have such a word in them.
TERMS = ("not_found", "NotFound")


def forbidden_words(name: str) -> set[str]:
    """Return the forbidden words in a name."""
    for term in TERMS:
        name = name.replace(term, "")
    return words(name) & FORBIDDEN


def test_modules_names_say_what_they_hold() -> None:
    """The name of a module has none of the words that tell nothing."""
    assert [relative(path) for path in files(".py", ".lua") if forbidden_words(path.stem)] == []


def test_names_say_what_things_are() -> None:
    """No class, function or field of the product has one of the words that tell nothing."""
    assert [
        f"{relative(path)}: {each.name}"
        for path in files(".py", below=(*PRODUCT, "benchmarks"))
        for each in definitions(path)
        if forbidden_words(each.name)
    ] == []


def test_no_two_public_classes_have_one_name() -> None:
    """A name that is read in one place means the same in every other."""
    homes = defaultdict(list)
    for path in files(".py", below=PRODUCT):
        for each in definitions(path):
            if isinstance(each.node, ast.ClassDef) and not each.name.startswith("_"):
                homes[each.name].append(relative(path))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}
