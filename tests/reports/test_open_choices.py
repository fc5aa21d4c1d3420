"""Under which reading of the paper its order appears, in made-up sweeps whose order is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from heatmark.models.methods import METHODS
from heatmark.reports.comparing.study import Study
from heatmark.reports.paper.open_choices import Order, read_openly, usual_choices
from heatmark.reports.reading.collect import collect
from heatmark.reports.rendering.table import Export
from heatmark.reports.sections.open_choices import OpenChoices, open_choices_export
from heatmark.reports.sections.section import all_sections
from tests.reports.judged import PEOPLE, Replay, write_trial
from tests.reports.recorded import with_errors

Orders = dict[str, tuple[Order, ...]]
SEEDS = range(3)
USUAL: Mapping[str, Any] = {"l_re_units": "heatmap_px", "l_de_reduction": "sum_pixels", "l_de_weight": 1, "tau": 0.0027}
# Mean errors in pixels, by method and what is chosen otherwise.
ERRORS = {
    ("detection", ()): 3.5,
    ("ipr", ()): 4.0,
    ("bcir", ()): 3.0,
    ("ipr", (("l_re_units", "normalised"),)): 4.0,
    ("bcir", (("l_re_units", "normalised"),)): 4.4,
    ("bcir", (("l_de_reduction", "mean"),)): 3.5,
    ("bcir", (("t_o", 6),)): 3.4,
    ("ipr+l_de", (("t_o", 12),)): 3.6,
    ("ipr+l_de", (("t_o", 10),)): 3.7,
}


def write_study(sweep: Path, replay: Replay, errors: Mapping[tuple[str, tuple[Any, ...]], float]) -> None:
    for (name, changed), error in errors.items():
        method = METHODS[name].model_validate(dict(changed)).resolved(12)
        for seed in SEEDS:
            # Seeds lie 0.4 % apart, and the draws of a seed are all methods' own.
            write_trial(sweep, replay, method, with_errors(PEOPLE, error * (1 + 0.004 * (seed - 1)), seed=seed), seed)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, replay: Replay) -> Study:
    sweep = tmp_path_factory.mktemp("readings")
    write_study(sweep, replay, ERRORS)
    return Study(collect(sweep))


@pytest.fixture(scope="module")
def orders(study: Study) -> Orders:
    """By what is chosen otherwise."""
    return {read.choices.unlike(usual_choices()): read.orders for read in read_openly(study.settings)}


def test_the_usual_reading_is_what_a_sweep_file_without_a_word_gets() -> None:
    assert dict(usual_choices().values) == {**{name: str(value) for name, value in USUAL.items()}, "t_o": "120 of 140"}


def test_the_order_appears_under_the_readings_that_were_made_so(orders: Orders) -> None:
    """BCIR, detection, IPR at 3, 3.5, 4 px are in order; 4.4 is last, 3.5 equal, 3.4 too little."""
    assert {choice: [order.word for order in each] for choice, each in orders.items()} == {
        "": ["appears", "appears"],
        "l_re_units normalised": ["contradicted", "contradicted"],
        "l_de_reduction mean": ["not in the means", "not in the means"],
        "t_o 6 of 12": ["in the means", "in the means"],
    }


def test_a_step_is_positive_where_the_paper_has_it_in_px_and_in_points(orders: Orders) -> None:
    ap, epe = orders[""]
    assert [(step.above.method, step.below.method) for step in epe.methods] == [
        ("bcir", "detection"),
        ("detection", "ipr"),
    ]
    for step, expected in zip(epe.methods, (0.5, 0.5), strict=True):
        low, high = step.interval or (0, 0)
        assert step.lead is not None and 0 < low < step.lead < high
        # Errors are 1.4 times the scale, as every fourth joint is hidden and errs twice as much.
        assert step.lead == pytest.approx(expected * 1.4, rel=0.1)
    assert all(step.lead is not None and step.lead > 0 for step in ap.methods)


def test_the_ablation_counts_pairs_of_rows_in_the_order_of_table_6(orders: Orders) -> None:
    """Of detection 3.5, IPR 4, L_de in all epochs 3.6 and until T_o 3.7, BCIR 3: the paper has 5 rows here, 10 pairs.

    Its AP: BCIR, detection, L_de, L_de always, IPR: one pair is the other way here, L_de until T_o and always. Its EPE:
    BCIR, L_de, L_de always, detection, IPR: three are.
    """
    ap, epe = orders[""]
    assert (ap.agreeing[0], ap.agreeing[2]) == (9, 10)
    assert (epe.agreeing[0], epe.agreeing[2]) == (7, 10)


def test_a_sweep_with_one_reading_has_no_such_section(tmp_path: Path, replay: Replay) -> None:
    """Betas, and the two rows of L_de that Table 6 has, are no readings."""
    write_study(tmp_path, replay, {key: error for key, error in ERRORS.items() if key[0] in ("detection", "ipr+l_de")})
    write_study(tmp_path, replay, {("bcir", ()): 3.0, ("bcir", (("beta", 1.0),)): 3.1})
    study = Study(collect(tmp_path))
    assert read_openly(study.settings) == ()
    assert not list(OpenChoices().blocks(study))


def test_a_method_that_did_not_finish_leaves_a_gap_and_no_word(tmp_path: Path, replay: Replay) -> None:
    write_study(tmp_path, replay, {key: error for key, error in ERRORS.items() if key[0] == "bcir"})
    table = open_choices_export(read_openly(Study(collect(tmp_path)).settings)).table
    assert [cell.text for cell in table.rows[0]] == ["as by default", *6 * ["\N{EN DASH}"]]


def test_the_report_has_the_table_for_people_and_for_files(study: Study) -> None:
    (export,) = OpenChoices().blocks(study)
    assert isinstance(export, Export)
    assert [row[0].text for row in export.table.rows] == [
        *("as by default", "l_re_units normalised", "l_de_reduction mean", "t_o 6 of 12")
    ]
    assert len(export.numbers) == 4 * 2 * 2
    assert set(export.numbers["order"]) == {"appears", "contradicted", "in the means", "not in the means"}
    assert OpenChoices in map(type, all_sections())
