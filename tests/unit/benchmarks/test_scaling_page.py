"""The scaling page: every block is filled from results or from a file of results."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.scaling.__main__ import DOCS, main
from benchmarks.scaling.cell import FLEET, SMALL_BATCH, Cell, Series, cells
from benchmarks.scaling.model_errors import prediction_errors
from benchmarks.scaling.report.page import BLOCK, BLOCKS, UnknownBlockError, fill
from benchmarks.scaling.results import Results
from benchmarks.scaling.targets import in_order, target_results
from tests.support.deployment.scaling_results import example

PAGE = (DOCS / "scaling.md").read_text(encoding="utf-8")


def test_the_page_has_every_block_once() -> None:
    """No block is missing, and none is unknown."""
    assert sorted(block[2] for block in BLOCK.finditer(PAGE)) == sorted(BLOCKS)


def test_a_page_is_filled_again_and_again() -> None:
    """The content of a block is replaced, and the prose stays."""
    once = fill(PAGE, example())
    assert fill(once, example()) == once
    assert BLOCK.sub("", once) == BLOCK.sub("", PAGE)
    assert "| many, batches of 50, 20 ms | 100% |" in once


def test_a_block_that_nothing_fills_is_an_error() -> None:
    """A misspelt block name does not stay empty silently."""
    with pytest.raises(UnknownBlockError, match="'rates'"):
        fill("<!-- measured: rates -->\n<!-- end -->", example())


def test_results_come_back_from_their_file(tmp_path: Path) -> None:
    """Results are the same after they were written and read."""
    file = tmp_path / "deep" / "scaling.json"
    example().write(file)
    assert Results.read(file) == example()


def test_results_that_the_model_made_have_no_errors() -> None:
    """Each measured rate is compared with the prediction of its cell."""
    assert max(abs(error.share) for error in prediction_errors(example())) < 0.01


def test_a_trade_out_of_order_is_seen() -> None:
    """An inversion of the usual way is a result; one of the fleet is a failure."""
    results = example()
    assert in_order(results)
    fleet = next(result for result in results.cells if result.cell.series.variant == FLEET)
    late = [fleet._replace(inversions=1), *results.cells]
    assert not in_order(results._replace(cells=late))


def test_a_table_that_does_not_scale_misses_its_target() -> None:
    """Half of linear scaling misses the target."""
    results = example()
    cell = Cell(Series(FLEET, "many", SMALL_BATCH), 20, 16)
    slow = [
        result._replace(trades=round(result.trades / 2)) if result.cell == cell else result
        for result in results.cells
    ]
    linear, *hot = target_results(results._replace(cells=slow))
    assert not linear.reached
    assert target_results(results)[0].reached
    assert all(target.reached for target in hot)


def test_cells_that_share_workers_follow_each_other() -> None:
    """Workers are started once for each variant, batch size and number of processes."""
    chosen = cells((5, 20), (1, 16), ["many", "hot"], [FLEET])
    groups = [(cell.series.batch, cell.processes) for cell in chosen]
    assert groups == sorted(groups)
    assert len(set(chosen)) == len(chosen)


def test_page_and_plot_are_made_from_a_file(tmp_path: Path) -> None:
    """`--render` measures nothing and says whether the targets were reached."""
    pytest.importorskip("matplotlib", reason="the plot's library is in the extra `bench`")
    file = tmp_path / "results.json"
    example().write(file)
    arguments = ["--render", str(file), "--into", str(tmp_path)]
    ran = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert "order kept in every cell of the fleet: True" in ran.output
    assert ran.exit_code == 0
    assert "this fleet, 20 ms" in (tmp_path / "scaling.svg").read_text(encoding="utf-8")
    assert "10^9 trades a day" in (tmp_path / "scaling.md").read_text(encoding="utf-8")
