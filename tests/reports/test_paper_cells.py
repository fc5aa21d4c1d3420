"""Every row of the paper's tables and every part of its figures has a cell in the sweep that paper.yaml names."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from heatmark.pipeline import plan
from heatmark.pipeline.sweep import load_sweep
from heatmark.reports.paper.match import fits, sweep_command
from heatmark.reports.paper.printed import PaperRow, paper_parts, paper_recipes, paper_tables
from heatmark.reports.paper.recipe import differences
from heatmark.workloads.spec import PretrainedSpec, TrialSpec

ROOT = Path(__file__).parents[2]
# Of Figs. 1, 2 and 6 every part is drawn from formulas.
COMPUTED = {(1, ""), (2, ""), (6, "")}
# Every wish for a trial: where it stands, of which format, in which sweep, and the trial.
Wish = tuple[str, str, str, PaperRow]


def wishes() -> list[Wish]:
    found: list[Wish] = []
    for number, table in paper_tables().items():
        found += [(f"Table {number}, {row.key}", table.format, table.sweep, row) for row in table.trials]
    for part in paper_parts():
        where = f"Fig. {part.figure}{part.part}"
        found += [(f"{where}, {row.key}", part.format, part.sweep, row) for row in part.trials]
    return found


@pytest.fixture
def plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, plan.Plan]:
    """Every sweep that paper.yaml names, expanded without a data set, a detector's boxes or a file of weights."""
    for variable in ("COCO_ROOT", "COCO_DETECTIONS", "MPII_ROOT", "RHD_ROOT", "WEIGHTS"):
        monkeypatch.setenv(variable, "/path/to/it")
    monkeypatch.setattr(plan, "detections_fingerprint", lambda _path: "sha256:0123abcd")
    monkeypatch.setattr(plan, "data_fingerprint", lambda _data: "0123abcd")
    monkeypatch.setattr(plan, "weights_of", _as_named)

    @cache
    def planned(sweep: str) -> plan.Plan:
        return plan.make_plan(load_sweep(ROOT / sweep), tmp_path, ROOT / sweep)

    return {sweep: planned(sweep) for sweep in {sweep for _, _, sweep, _ in wishes()}}


@pytest.fixture
def planned(plans: dict[str, plan.Plan]) -> dict[str, tuple[TrialSpec, ...]]:
    return {sweep: found.trials for sweep, found in plans.items()}


def _as_named(_backbone: str, section: object, _source: Path) -> PretrainedSpec:
    """As if the file's hash were what its name says: `resnet50-19c8e357.pth`."""
    name = Path(str(getattr(section, "file"))).stem  # noqa: B009 (its type is the planner's)
    return PretrainedSpec(sha256=name.rpartition("-")[2].ljust(64, "0"))


def cell_of(trials: tuple[TrialSpec, ...], data_format: str, row: PaperRow) -> list[TrialSpec]:
    """The trials that fill a row, with the evaluations that it needs."""
    return [
        trial
        for trial in trials
        if trial.data.format == data_format
        and fits(trial, row)
        and all(evaluated(trial, epoch) for epoch in row.epochs)
    ]


def evaluated(trial: TrialSpec, epoch: int) -> bool:
    """epoch: counted from 1, 0 before training."""
    if epoch == 0:
        return trial.train.measure_untrained
    return epoch % trial.train.eval_every == 0 and epoch <= trial.train.epochs


def test_no_row_and_no_part_is_without_a_cell(planned: dict[str, tuple[TrialSpec, ...]]) -> None:
    without = [where for where, kind, sweep, row in wishes() if not cell_of(planned[sweep], kind, row)]
    assert without == []


def test_every_column_is_measured_in_its_own_boxes(plans: dict[str, plan.Plan]) -> None:
    for table in paper_tables().values():
        for row in table.trials:
            for trial in cell_of(plans[table.sweep].trials, table.format, row):
                further = plans[table.sweep].wanted[trial.signature]
                measured = {trial.data.bbox_source, *(each.boxes for each in further)}
                assert measured >= {"gt", *table.boxes.values()}, (table.number, row.key)


def test_the_command_sets_every_variable_of_its_sweep() -> None:
    for _, data_format, sweep, _ in wishes():
        asked = set(re.findall(r"\$([A-Z_]+)", re.sub("#.*", "", (ROOT / sweep).read_text())))
        assert asked == set(re.findall(r"([A-Z_]+)=", sweep_command(sweep, data_format))), sweep


def test_every_row_is_run_or_published_elsewhere_and_every_part_drawn_or_computed() -> None:
    for number, table in paper_tables().items():
        for row in table.rows:
            # Rows of bands are filled by the table's cells.
            assert row.published + bool(row.method) + bool(table.cells) == 1, (number, row.key)
        letters = {column.name[-1] for column in table.columns} if number in (1, 9, 12) else set(table.cells)
        assert letters == set(table.cells) or not table.cells, number
        assert set(table.boxes) <= {column.name for column in table.columns}, number
    parts = {(part.figure, part.part) for part in paper_parts()}
    assert {figure for figure, _ in parts} == set(range(1, 12)) and {(8, "a"), (8, "b"), (8, "c"), (5, "d")} <= parts
    assert {(part.figure, part.part) for part in paper_parts() if part.computed} == COMPUTED
    assert all(part.trials or part.computed for part in paper_parts())


def test_the_shipped_sweeps_are_the_papers_recipes(planned: dict[str, tuple[TrialSpec, ...]]) -> None:
    """Nothing to remark of at least one trial of each row: ImageNet's weights, epochs, T_o, sigma and all the rest."""
    for where, kind, sweep, row in wishes():
        unlike = [differences(trial, row) for trial in cell_of(planned[sweep], kind, row)]
        assert () in unlike, (where, unlike)


@pytest.mark.parametrize("number", [2, 3, 5, 6, 7, 8])
def test_the_compared_rows_have_three_seeds(planned: dict[str, tuple[TrialSpec, ...]], number: int) -> None:
    table = paper_tables()[number]
    for row in table.trials:
        assert {trial.seed for trial in cell_of(planned[table.sweep], table.format, row)} == {0, 1, 2}, row.key


def test_the_ablation_shares_the_trials_of_the_comparison(planned: dict[str, tuple[TrialSpec, ...]]) -> None:
    """Table 6's first rows are Table 3's: the same signatures, trained once where sweeps share their trials."""
    comparison = {trial.signature for trial in planned["sweeps/paper_coco.yaml"]}
    both = [trial.method.name for trial in planned["sweeps/paper_ablations.yaml"] if trial.signature in comparison]
    assert sorted(both) == sorted(["detection", "ipr", "bcir"] * 3)


def test_the_weights_of_a_sweep_are_those_of_the_recipe() -> None:
    """The file of each backbone has in its name the digits that paper.yaml knows it by."""
    known = paper_recipes().weights
    for sweep in {sweep for _, _, sweep, _ in wishes()}:
        files = {name: section.file for name, section in load_sweep(ROOT / sweep).pretrained.items()}
        assert files and all(file == f"$WEIGHTS/{Path(file).name}" for file in files.values())
        assert all(Path(file).stem.endswith(f"-{known[name]}") for name, file in files.items()), sweep
