"""The page: every block is filled from results, and from a file of them as well."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.scaling.__main__ import DOCS, main
from benchmarks.scaling.cell import FLEET, SMALL_BATCH, Cell, Series, cells
from benchmarks.scaling.page import BLOCK, BLOCKS, UnknownBlockError, fill
from benchmarks.scaling.results import Results
from benchmarks.scaling.verdict import errors, in_order, verdicts
from tests.support.deployment.scaling_results import example

PAGE = (DOCS / "scaling.md").read_text(encoding="utf-8")


def test_the_page_has_every_block_once() -> None:
    """None is forgotten, and none is there that nothing fills."""
    assert sorted(found[2] for found in BLOCK.finditer(PAGE)) == sorted(BLOCKS)


def test_a_page_is_filled_again_and_again() -> None:
    """What stood in a block is replaced, and the prose stays."""
    once = fill(PAGE, example())
    assert fill(once, example()) == once
    assert BLOCK.sub("", once) == BLOCK.sub("", PAGE)
    assert "| many, batches of 50, 20 ms | 100% |" in once


def test_a_block_that_nothing_fills_is_an_error() -> None:
    """A block's name that was misspelt would stay empty for ever."""
    with pytest.raises(UnknownBlockError, match="'rates'"):
        fill("<!-- measured: rates -->\n<!-- end -->", example())


def test_results_come_back_from_their_file(tmp_path: Path) -> None:
    """So that the page can be made again without measuring."""
    file = tmp_path / "deep" / "scaling.json"
    example().write(file)
    assert Results.read(file) == example()


def test_results_that_the_model_made_have_no_errors() -> None:
    """What is measured is compared with the prediction of the same cell."""
    assert max(abs(error.share) for error in errors(example())) < 0.01


def test_a_trade_out_of_order_is_seen() -> None:
    """The usual way's are a finding; one of the fleet's is a failure."""
    results = example()
    assert in_order(results)
    ours = next(m for m in results.measured if m.cell.series.way == FLEET)
    late = [ours._replace(inversions=1), *results.measured]
    assert not in_order(results._replace(measured=late))


def test_a_table_that_does_not_scale_misses_its_target() -> None:
    """Half of linear is seen as such."""
    results = example()
    cell = Cell(Series(FLEET, "many", SMALL_BATCH), 20, 16)
    slow = [
        m._replace(trades=round(m.trades / 2)) if m.cell == cell else m for m in results.measured
    ]
    linear, *hot = verdicts(results._replace(measured=slow))
    assert not linear.reached
    assert verdicts(results)[0].reached
    assert all(verdict.reached for verdict in hot)


def test_cells_that_share_workers_stand_together() -> None:
    """Workers are started once for each way, batch size and number of processes."""
    found = cells((5, 20), (1, 16), ["many", "hot"], [FLEET])
    crews = [(cell.series.batch, cell.processes) for cell in found]
    assert crews == sorted(crews)
    assert len(set(found)) == len(found)


def test_page_and_plot_are_made_from_a_file(tmp_path: Path) -> None:
    """`--render` measures nothing, and says whether the targets were reached."""
    pytest.importorskip("matplotlib", reason="the plot's library is in the extra `bench`")
    file = tmp_path / "results.json"
    example().write(file)
    arguments = ["--render", str(file), "--into", str(tmp_path)]
    ran = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert "order kept in every cell of the fleet: True" in ran.output
    assert ran.exit_code == 0
    assert "this fleet, 20 ms" in (tmp_path / "scaling.svg").read_text(encoding="utf-8")
    assert "10^9 trades a day" in (tmp_path / "scaling.md").read_text(encoding="utf-8")
