"""The page: fills the marked blocks of docs/scaling.md; the prose between them is handwritten."""

import re
from collections.abc import Callable

from benchmarks.scaling.cell import FLEET, USUAL
from benchmarks.scaling.report import measured_blocks as measured
from benchmarks.scaling.report import model_blocks as model
from benchmarks.scaling.results import Results

BLOCK = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
BLOCKS: dict[str, Callable[[Results], str]] = {
    "conditions": measured.conditions_block,
    "targets": measured.targets_block,
    "fleet": lambda results: measured.rates_block(results, FLEET),
    "linear": measured.linear_block,
    "usual": lambda results: measured.rates_block(results, USUAL),
    "disorder": measured.disorder_block,
    "skewed": model.skewed_block,
    "costs": model.costs_block,
    "errors": model.errors_block,
    "model": model.model_block,
    "parts": model.parts_block,
    "facts": model.facts_block,
}


class UnknownBlockError(ValueError):
    """The page has a block that nothing fills."""


def fill(page: str, results: Results) -> str:
    """Return the page with the results in its blocks.

    Raises:
        UnknownBlockError: the page has a block that nothing fills; the message names it.
    """

    def block(match: "re.Match[str]") -> str:
        if match[2] not in BLOCKS:
            raise UnknownBlockError(f"no block {match[2]!r}; there are {', '.join(BLOCKS)}")
        return f"{match[1]}{BLOCKS[match[2]](results)}\n{match[3]}"

    return BLOCK.sub(block, page)
