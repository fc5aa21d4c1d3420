"""The paper's tables filled from made-up run folders: values worked out by hand, and what was not run said to be so."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatmark.datasets.people import Person
from heatmark.datasets.subsets import PRESETS, cell_counts
from heatmark.models.methods import BiasCompensated, Detection, IntegralRegression
from heatmark.models.methods.ipr_l_de import IntegralWithPrior
from heatmark.reports.comparing.cells import grid_cells
from heatmark.reports.paper.entries import Entry, PaperComparison, as_frame, as_table
from heatmark.reports.paper.printed import paper_tables
from heatmark.reports.paper.subsets import JOINTS, OCCLUSION_ROWS, place_of
from heatmark.reports.paper.tables import compare_with_paper, file_names
from heatmark.reports.reading.collect import collect
from heatmark.reports.reading.evidence import gather_evidence
from heatmark.workloads.spec import DataSpec
from tests.made_up import fail, made_epoch
from tests.reports.recorded import SIGMAS, WINDOWS, made_up_people, with_errors, write_records

Replay = dict[str, Callable[..., Any]]
METHODS = (Detection(), IntegralRegression(beta=10.0), BiasCompensated(beta=10.0, t_o=10))


def comparisons(sweep: Path) -> list[PaperComparison]:
    trials = collect(sweep).trials
    return compare_with_paper(grid_cells(trials, gather_evidence(trials)))


def compared(sweep: Path) -> dict[int, PaperComparison]:
    """The paper's tables."""
    return {comparison.paper.number: comparison for comparison in comparisons(sweep) if not comparison.near}


def near(sweep: Path) -> dict[int, PaperComparison]:
    """The tables near those of the paper that are by bands of people."""
    return {comparison.paper.number: comparison for comparison in comparisons(sweep) if comparison.near}


def entry(comparison: PaperComparison, row: str, column: str, *, beside: bool = False) -> Entry:
    """beside: of the row near the paper's, which stands directly below it."""
    place = next(number for number, each in enumerate(comparison.rows) if row in (each.key, each.heads[0]))
    found = comparison.rows[place + beside]
    assert bool(found.near) == (beside or bool(comparison.near)), found.key
    return next(each for each in found.entries if each.column.name == column)


def write_trial(sweep: Path, replay: Replay, method: Any, final: dict[str, float], seed: int = 0, **data: Any) -> Any:
    spec = replay["trial_spec"](method, sweep / "gone", seed)
    backbone, depth = data.pop("backbone", spec.backbone), data.pop("depth", False)
    section, train = DataSpec(**{"name": "drawn", "fingerprint": "0123abcd", **data}), {"depth": depth}
    changed = {"data": section, "backbone": backbone, "train": spec.train.model_copy(update=train)}
    run = replay["write_spec"](sweep, spec.model_copy(update=changed))
    replay["write_result"](run, {f"gtbox/{name}": value for name, value in final.items()})
    return run


def three_people(scale: float) -> dict[str, Any]:
    """Two of 12 joints and 40 px whose means are 2 and 7 pixels, and a hard one (3 joints, 50 px, all hidden) at 20."""
    people = with_errors(made_up_people(3), 1.0)
    error_NK = np.full((3, 17), np.nan, np.float32)
    error_NK[0, :2], error_NK[1, 0], error_NK[2, :3] = (1, 3), 7, 20
    visibility_NK = np.where(np.isnan(error_NK), 0, 2).astype(np.uint8)
    visibility_NK[2, :3] = 1
    chi_square = np.full((3, len(WINDOWS) * len(SIGMAS)), 2.5, np.float32)
    # Window 8 at sigma 2 and 5 of the hard person.
    chi_square[2, len(SIGMAS) + SIGMAS.index(2)], chi_square[2, len(SIGMAS) + SIGMAS.index(5)] = np.inf, 3.5
    return {
        **people,
        "error": error_NK * np.float32(scale),
        "visibility": visibility_NK,
        "labelled_joints": np.array([12, 12, 3], np.float32),
        "occluded_share": np.array([0, 0.3, 1], np.float32),
        "root_of_area": np.array([40, 40, 50], np.float32),
        "chi_square": chi_square,
    }


@pytest.fixture
def recorded(tmp_path: Path, replay: Replay) -> Path:
    """Three methods, two seeds; IPR's errors are 10 % larger than detection's, BCIR's 10 % smaller."""
    sweep = tmp_path / "recorded"
    for seed in (0, 1):
        for method, scale, ap in zip(METHODS, (1.0, 1.1, 0.9), (0.50, 0.48, 0.53), strict=True):
            final = {"AP": ap + 0.01 * seed, "EPE": 5 * scale, "EPE/hard": 20 * scale}
            run = write_trial(sweep, replay, method, final, seed)
            write_records(run.path, three_people(scale))
    return sweep


def test_table_1_is_a_mean_over_people(recorded: Path) -> None:
    table = near(recorded)[1]
    found = entry(table, band(table, "32²-64²"), "11-17 D")
    assert found.ours is not None
    # (2 + 7) / 2, not (1 + 3 + 7) / 3.
    assert found.ours.value == pytest.approx(4.5) and (found.people, found.paper) == (2, None)
    ipr = entry(table, band(table, "32²-64²"), "11-17 R").ours
    assert ipr is not None and ipr.value == pytest.approx(4.95) and (ipr.spread, ipr.seeds) == (0, 2)
    assert entry(table, band(table, "128² and more"), "11-17 D").state == "nobody"
    # The hard person is among the 32 to 64, and alone among the hidden.
    assert entry(table, band(table, "> 50 %"), "1-5 D").ours.value == pytest.approx(20)  # type: ignore[union-attr]
    assert entry(table, band(table, "all"), "all D").ours.value == pytest.approx(29 / 3)  # type: ignore[union-attr]
    assert {each.unit for each in table.paper.columns} == {"px over people"}


def band(table: PaperComparison, name: str) -> str:
    """The key of a row of a table near the paper's."""
    return next(row.key for row in table.rows if row.heads == (name,))


def test_tables_1_and_12_are_of_resnet_152_at_384_x_288(tmp_path: Path, replay: Replay) -> None:
    """Another net leaves the paper's rows not run, stands in a table of its own, and the command is offered."""
    for scale, (backbone, size) in enumerate((("sbl-r50", (192, 256)), ("sbl-r152", (288, 384))), 1):
        run = write_trial(tmp_path / backbone, replay, METHODS[0], {"AP": 0.5}, backbone=backbone, input_size=size)
        write_records(run.path, three_people(scale))
    other, own = compared(tmp_path / "sbl-r50"), compared(tmp_path / "sbl-r152")
    for number in (1, 12):
        assert entry(own[number], "> 50 %", "1-5 D").ours.value == pytest.approx(40)  # type: ignore[union-attr]
        states = {each.state for row in other[number].rows for each in row.entries}
        assert states == {"not run"} and "sweeps/paper_coco.yaml" in other[number].commands[0]
        assert near(tmp_path / "sbl-r50")[number].near == "sbl-r50, 192 × 256, GT boxes"
    printed = entry(own[1], "> 50 %", "1-5 D")
    assert printed.paper == 32.0 and printed.difference == pytest.approx(8.0)


def test_turned_back_table_1_prints_what_table_12_prints() -> None:
    first, twelfth = paper_tables()[1], paper_tables()[12]
    for row in (row for row in first.rows if row.name in OCCLUSION_ROWS):
        for joints in JOINTS:
            for letter in "DR":
                place = place_of(first, row, f"{joints} {letter}")
                ours = first.value(place.printed_row, place.printed_column)
                theirs = twelfth.value(twelfth.row(row.name), f"{joints} {letter}")
                if (row.name, joints) == ("< 10 %", "6-10"):
                    assert (ours, theirs) in ((7.02, 8.36), (7.36, 8.53))
                else:
                    assert ours == theirs


def test_the_papers_epe_is_a_mean_over_people_and_not_over_joints() -> None:
    """Table 12's cells, weighted by Table 11's counts, against what Table 3 prints; one cell is Table 1's (a slip)."""
    cells, counts = paper_tables()[12], paper_tables()[11]
    printed = {"D": 8.21, "R": 8.28, "S": 7.82}
    mended = {("< 10 %", "6-10 D"): 7.02, ("< 10 %", "6-10 R"): 7.36}
    typical_joints = {"1-5": 3, "6-10": 8, "11-17": 14}
    for letter, (by_people, by_joints) in {"D": (8.35, 6.74), "R": (8.29, 6.90), "S": (7.89, 6.52)}.items():
        found = []
        for weight_of in ({}, typical_joints):
            total = weights = 0.0
            for row in OCCLUSION_ROWS:
                for joints in JOINTS:
                    column = f"{joints} {letter}"
                    error = mended.get((row, column)) or cells.value(cells.row(row), column)
                    people = counts.value(counts.row(row), joints)
                    assert error is not None and people is not None
                    weight = people * weight_of.get(joints, 1)
                    total, weights = total + weight * error, weights + weight
            found.append(total / weights)
        assert found[0] == pytest.approx(by_people, abs=0.01) and abs(found[0] - printed[letter]) < 0.15
        # How many joints people of a band have is not printed; any guess leaves the printed totals far away.
        assert found[1] == pytest.approx(by_joints, abs=0.15) and printed[letter] - found[1] > 1


def test_another_net_stands_below_the_papers_first_of_its_family_and_leaves_it_not_run(recorded: Path) -> None:
    table = compared(recorded)[3]
    row = "+ BCIR, sbl-r50, 192x256"
    paper = entry(table, row, "AP")
    assert (paper.paper, paper.ours, paper.state, paper.difference) == (71.2, None, "not run", None)
    assert table.commands == (
        "COCO_ROOT=/path/to/coco COCO_DETECTIONS=/path/to/detections.json WEIGHTS=/path/to/weights heatmark sweep run "
        "sweeps/paper_coco.yaml",
    )
    found = entry(table, row, "AP", beside=True)
    assert found.ours is not None and found.paper is None
    assert found.ours.value == pytest.approx(53.5) and (found.ours.seeds, found.people) == (2, 3)
    assert found.ours.spread == pytest.approx(100 * np.std([0.53, 0.54], ddof=1))
    # As in print: AP over detection, EPE over IPR.
    assert entry(table, row, "AP gain", beside=True).ours.value == pytest.approx(3.0)  # type: ignore[union-attr]
    # Over people: (2 + 7 + 20) / 3, of BCIR 0.9 and of IPR 1.1 times that.
    over_people = (2 + 7 + 20) / 3
    name = "EPE over people"
    assert entry(table, row, name, beside=True).ours.value == pytest.approx(0.9 * over_people)  # type: ignore[union-attr]
    gain = entry(table, row, f"{name} gain", beside=True).ours
    assert gain is not None and gain.value == pytest.approx(-0.2 * over_people)
    assert "mean over people" in table.caption
    assert entry(table, "+ BCIR, hrnet-w32, 192x256", "AP").state == "not run"
    assert entry(table, "Hourglass [5], 8-stage Hourglass, 192x256", "AP").state == "published, not run here"
    place = next(number for number, each in enumerate(table.rows) if each.key == row)
    assert table.rows[place].heads == ("+ BCIR", "R", "ResNet-50, 192 × 256")
    assert table.rows[place + 1].heads == ("near: BCIR β 10", "R", "sbl-r18-w16, 192 × 256, GT boxes")
    assert [each.near for each in table.rows].count("sbl-r18-w16, 192 × 256, GT boxes") == 3
    assert "data set drawn; boxes GT boxes; flip test yes" in table.caption and "seeds 0, 1" in table.caption
    assert "3 people of drawn, there 6,352" in table.remarks[0]


def test_the_same_net_stands_near_before_another_of_its_family(tmp_path: Path, replay: Replay) -> None:
    """sbl-r152 at another input than the paper's is near its row, too."""
    for backbone, ap in (("sbl-r18-w16", 0.3), ("sbl-r152", 0.7), ("hrnet-w8", 0.4)):
        write_trial(tmp_path, replay, Detection(), {"AP": ap}, backbone=backbone)
    table = compared(tmp_path)[3]
    rows = ("SBL [7], sbl-r50, 192x256", "SBL [7], sbl-r152, 288x384", "HRNet [8], hrnet-w32, 192x256")
    values = [entry(table, row, "AP", beside=True).ours for row in rows]
    assert [value.value for value in values if value] == pytest.approx([30, 70, 40])
    assert all(entry(table, row, "AP").state == "not run" for row in rows)


def test_a_column_is_filled_in_its_own_boxes_alone(tmp_path: Path, replay: Replay) -> None:
    """Table 3's AP is in a detector's boxes: of a net that was measured in ground truth's it stands in a row below."""
    row = "SBL [7], sbl-r50, 192x256"
    run = write_trial(tmp_path, replay, Detection(), {"AP": 0.72}, backbone="sbl-r50")
    write_records(run.path, three_people(1.0))
    table = compared(tmp_path)[3]
    assert entry(table, row, "AP").state == "not run"
    assert entry(table, row, "EPE over people").ours.value == pytest.approx(29 / 3)  # type: ignore[union-attr]
    assert entry(table, row, "AP", beside=True).ours.value == pytest.approx(72)  # type: ignore[union-attr]
    assert entry(table, row, "EPE over people", beside=True).state == "in the row above"
    heads = [each.heads for each in table.rows if each.near]
    assert heads == [("near: Detection", "D", "sbl-r50, 192 × 256, GT boxes")]
    shown = as_table(table, "t")
    assert [(each.title, each.unit) for each in shown.columns[3:5]] == [
        ("AP", "%, detected boxes"),
        ("EPE over people", "px, GT boxes"),
    ]
    # One trial measured in both kinds of boxes fills both.
    run.result_file.unlink()
    replay["write_result"](run, {"gtbox/AP": 0.72, "detbox/AP": 0.705})
    table = compared(tmp_path)[3]
    assert entry(table, row, "AP").ours.value == pytest.approx(70.5)  # type: ignore[union-attr]
    assert not any(each.near for each in table.rows)


def test_table_4_is_published_elsewhere_but_for_bcir_which_the_server_scores(tmp_path: Path, replay: Replay) -> None:
    table = compare_with_paper([])[3]
    assert table.paper.number == 4 and "test-dev annotations are not public" in table.caption
    states = {each.state for row in table.rows[:-1] for each in row.entries}
    assert states == {"published, not run here", "no number in the paper"}
    assert {each.state for each in table.rows[-1].entries} == {"not run"} and len(table.commands) == 1
    write_trial(tmp_path, replay, METHODS[2], {"AP": 0.76}, backbone="hrnet-w48", input_size=(288, 384))
    table = compared(tmp_path)[4]
    found = {each.column.name: each for each in table.rows[-1].entries}
    assert found["Parameters"].ours.value == pytest.approx(1.234567)  # type: ignore[union-attr]
    # The AP of val is none of test-dev.
    assert (found["AP"].state, found["AR"].state) == ("not scored", "not scored")


def test_table_6_tells_how_long_the_prior_lasts(tmp_path: Path, replay: Replay) -> None:
    write_trial(tmp_path, replay, IntegralWithPrior(beta=10.0), {"AP": 0.31, "EPE": 9.0})
    write_trial(tmp_path, replay, IntegralWithPrior(beta=10.0, t_o=10), {"AP": 0.42, "EPE": 8.0})
    recorded = write_trial(tmp_path, replay, BiasCompensated(beta=20.0, t_o=10), {"AP": 0.53, "EPE": 7.0})
    write_records(recorded.path, three_people(0.9))
    table = compared(tmp_path)[6]
    all_epochs, beta_20 = "+ L_de, λ = 1 all epochs", "+ BCIR (L_de + de-bias), β 20"
    assert entry(table, all_epochs, "AP", beside=True).ours.value == pytest.approx(31)  # type: ignore[union-attr]
    assert entry(table, "+ L_de", "AP", beside=True).ours.value == pytest.approx(42)  # type: ignore[union-attr]
    assert entry(table, beta_20, "EPE over people", beside=True).ours.value == pytest.approx(8.7)  # type: ignore[union-attr]
    hard = entry(table, beta_20, "EPE over people hard", beside=True)
    assert hard.ours is not None and hard.ours.value == pytest.approx(18) and hard.people == 1
    assert entry(table, "+ BCIR (L_de + de-bias), β 10", "EPE over people").state == "not run"
    for name in ("A(2) e/m", "EPE over people hard", "EPE over people"):
        assert entry(table, "+ L_de", name, beside=True).state == "no records"


def test_hard_people_are_the_occluded_and_the_intersection_stands_beside(tmp_path: Path, replay: Replay) -> None:
    """Of three people two are half hidden or more, and one of them is small with few joints as well."""
    run = write_trial(tmp_path, replay, Detection(), {"AP": 0.5}, backbone="sbl-r50")
    people = three_people(1.0)
    write_records(run.path, {**people, "occluded_share": np.array([0, 0.5, 1], np.float32)})
    found = entry(compared(tmp_path)[6], "SBL [7]", "EPE over people hard")
    assert found.ours is not None and found.ours.value == pytest.approx((7 + 20) / 2) and found.people == 2
    assert found.intersection is not None and found.intersection.value == pytest.approx(20)
    assert found.intersection_people == 1
    frame = as_frame(compared(tmp_path)[6]).query("row == 'SBL [7], sbl-r50, 192x256'").set_index("column")
    values = [float(frame[name]["EPE over people hard"]) for name in ("ours", "intersection")]
    assert values == [13.5, 20.0]
    shown = as_table(compared(tmp_path)[6], "t")
    cell = next(row for row in shown.rows if row[0].text == "SBL [7]")[4]
    assert cell.text == "13.5" and "∩ 20.0, n 1" in cell.under


def test_table_7_has_detection_where_it_was_no_better_than_ipr(tmp_path: Path, replay: Replay) -> None:
    """Hidden joints are at 20, visible ones at 11 / 3; detection's EPE was nearest to IPR's at its second epoch."""
    detection = write_trial(tmp_path, replay, Detection(), {"EPE": 5.0}, format="rhd")
    ipr = write_trial(tmp_path, replay, IntegralRegression(beta=10.0), {"EPE": 8.9}, format="rhd")
    for epoch, error in enumerate((20.0, 9.0, 6.0, 5.0)):
        detection.append_epoch(made_epoch(epoch, {"gtbox/EPE": error}, time="", train={}))
        write_records(detection.path, three_people(error), epoch=epoch, data_format="rhd")
    write_records(ipr.path, three_people(1.0), epoch=3, data_format="rhd")
    table = compared(tmp_path)[7]
    assert entry(table, "IPR", "v = 1", beside=True).ours.value == pytest.approx(11 / 3)  # type: ignore[union-attr]
    assert entry(table, "IPR", "v = 0", beside=True).ours.value == pytest.approx(20)  # type: ignore[union-attr]
    assert entry(table, "IPR", "all", beside=True).ours.value == pytest.approx((11 + 60) / 6)  # type: ignore[union-attr]
    assert entry(table, "Detection", "v = 0", beside=True).ours.value == pytest.approx(100)  # type: ignore[union-attr]
    early = next(row for row in table.rows if row.heads[0] == "near: Detection, at IPR's EPE")
    assert early.heads[1:] == ("sbl-r18-w16, 192 × 256, GT boxes", "2")
    assert early.entries[2].ours.value == pytest.approx(180)  # type: ignore[union-attr]


def test_table_7_without_records_has_what_the_evaluation_named(tmp_path: Path, replay: Replay) -> None:
    write_trial(tmp_path, replay, Detection(), {"EPE": 5.0, "EPE/visible": 4.0, "EPE/occluded": 7.5}, format="rhd")
    table = compared(tmp_path)[7]
    values = [entry(table, "Detection", name, beside=True).ours for name in ("all", "v = 1", "v = 0")]
    assert [value.value for value in values if value] == [5.0, 4.0, 7.5]
    assert entry(table, "Detection (30 epochs), sbl-r50, 256x256", "v = 0").ours is None


def test_table_8_is_of_nets_that_learn_depth(tmp_path: Path, replay: Replay) -> None:
    final = {"AUC@0-30px": 0.84, "AUC@20-50mm": 0.93, "EPE": 4.5, "EPE mm": 14.0}
    flat = {"AUC@0-30px": 0.99, "EPE": 1.0}
    for method in METHODS[1:]:
        write_trial(tmp_path, replay, method, flat, format="rhd")
    write_trial(tmp_path, replay, METHODS[1], final, format="rhd", depth=True)
    table = compared(tmp_path)[8]
    names = ("AUC 2D", "AUC 3D", "EPE 2D", "EPE 3D")
    values = [entry(table, "2.5D regression [9]", name, beside=True).ours for name in names]
    assert [value.value for value in values if value] == pytest.approx([84, 93, 4.5, 14])
    assert entry(table, "+ BCIR, sbl-r50, 256x256", "AUC 2D").state == "not run"
    assert table.commands == (
        "RHD_ROOT=/path/to/rhd WEIGHTS=/path/to/weights heatmark sweep run sweeps/paper_rhd.yaml",
    )


def test_the_usual_net_goes_before_variants_with_more_seeds(tmp_path: Path, replay: Replay) -> None:
    write_trial(tmp_path, replay, Detection(), {"AP": 0.5})
    for seed in (0, 1):
        write_trial(tmp_path, replay, Detection(sigma=0.5), {"AP": 0.4}, seed)
    found = entry(compared(tmp_path)[3], "SBL [7], sbl-r50, 192x256", "AP", beside=True).ours
    assert found is not None and found.value == 50


def test_tables_10_and_11_count_as_the_splitter_does(tmp_path: Path, replay: Replay) -> None:
    columns = with_errors(made_up_people(200), 4.0)
    people = [
        Person(1, row, Path(), (0, 0, 1, 1), np.zeros((17, 2)), visibility_K.astype(float), float(root) ** 2)
        for row, (visibility_K, root) in enumerate(zip(columns["visibility"], columns["root_of_area"], strict=True))
    ]
    run = write_trial(tmp_path, replay, Detection(), {"AP": 0.5})
    write_records(run.path, columns)
    tables, rules = compared(tmp_path), PRESETS["paper_counts"]
    for number, factor, row, band in ((10, rules.size, "64²-96²", "64-96"), (11, rules.occlusion, "> 50 %", "high")):
        counts = cell_counts(people, factor, rules.joints)[band]
        for joints in JOINTS:
            assert entry(tables[number], row, joints).ours.value == counts[joints]  # type: ignore[union-attr]
    assert entry(tables[10], "all", "all").ours.value == 200  # type: ignore[union-attr]


def test_tables_13_to_15_and_what_is_above_1000(recorded: Path) -> None:
    tables = compared(recorded)
    paper, hard = entry(tables[13], "8", "R σ 5"), entry(tables[13], "8", "R σ 5", beside=True)
    assert (paper.state, paper.paper) == ("not run", 3.95)
    assert hard.ours is not None and (hard.ours.value, hard.people, hard.paper) == (3.5, 1, None)
    # Easy and medium by occlusion, though by no means by all three factors.
    for number in (14, 15):
        found = entry(tables[number], "4", "D σ 3", beside=True)
        assert found.ours is not None and (found.ours.value, found.people) == (2.5, 1)
        assert found.intersection is None
    shown = as_table(tables[13], "paper-table-13")
    assert shown.rows[1][0].text == "near: s = 8, sbl-r18-w16, 192 × 256, GT boxes"
    assert shown.rows[1][1].text == "> 1000" and "paper –[a]" in shown.rows[0][1].under
    assert any(note.startswith("[a] A dash stands for") for note in shown.notes)


def test_every_form_of_a_table_has_the_same_cells(recorded: Path) -> None:
    found = comparisons(recorded)
    assert len(set(file_names(found))) == len(found)
    for comparison, name in zip(found, file_names(found), strict=True):
        frame, shown = as_frame(comparison), as_table(comparison, name)
        assert len(frame) == sum(len(row.entries) for row in comparison.rows)
        papers = frame[frame["filled_by"] == "own"]
        assert len(papers) == len(comparison.paper.rows) * len(comparison.paper.columns) * (not comparison.near)
        assert papers["paper"].notna().sum() == len(list(comparison.paper.numbers())) * (not comparison.near)
        assert not frame.loc[frame["filled_by"] != "own", "paper"].notna().any()
        assert frame["row"].nunique() == len(comparison.rows)
        assert all(len(row) == len(shown.columns) for row in shown.rows) and len(shown.rows) == len(comparison.rows)
        assert all(cell.text for row in shown.rows for cell in row), comparison.paper.number
        assert set(frame.loc[frame["ours"].isna(), "state"]) <= {
            *("not run", "no records", "nobody", "no value", "published, not run here", "no number in the paper"),
            "in the row above",
        }


def test_each_data_set_has_its_tables_and_files_of_its_own(tmp_path: Path, replay: Replay) -> None:
    for number, name in enumerate(("a b", "a/b", "c")):
        write_trial(tmp_path, replay, Detection(), {"AP": 0.5}, name=name, fingerprint=f"0123abc{number}")
    trials = collect(tmp_path).trials
    found = compare_with_paper(grid_cells(trials, gather_evidence(trials)))
    names = file_names(found)
    assert [comparison.dataset for comparison in found if comparison.paper.number == 3] == ["a b", "a/b", "c"]
    assert len(set(names)) == len(names) and not any("/" in name for name in names)


def test_one_data_set_under_several_names_is_one(tmp_path: Path, replay: Replay) -> None:
    """As in sweeps/paper_coco.yaml, where nets differ in input and augmentation; a row is filled by its own input."""
    large: dict[str, Any] = {"name": "coco_384", "input_size": (288, 384)}
    for backbone, ap, data in (("sbl-r50", 0.5, {}), ("sbl-r152", 0.6, {}), ("sbl-r152", 0.7, large)):
        place = {"name": "coco", **data}
        run = write_trial(tmp_path, replay, Detection(), {}, backbone=backbone, **place)
        run.result_file.unlink()
        replay["write_result"](run, {"detbox/AP": ap})
    table = compared(tmp_path)[3]
    assert table.dataset == "coco, coco_384"
    assert entry(table, "SBL [7], sbl-r50, 192x256", "AP").ours.value == 50  # type: ignore[union-attr]
    assert entry(table, "SBL [7], sbl-r152, 288x384", "AP").ours.value == 70  # type: ignore[union-attr]


def test_failed_trials_are_no_numbers(tmp_path: Path, replay: Replay) -> None:
    run = replay["write_spec"](tmp_path, replay["trial_spec"](Detection(), tmp_path))
    fail(run, "crash", "")
    tables = compared(tmp_path)
    assert entry(tables[3], "SBL [7], sbl-r50, 192x256", "AP", beside=True).state == "failed"
    table = near(tmp_path)[1]
    assert entry(table, band(table, "32²-64²"), "11-17 D").state == "failed"


def test_a_broken_file_of_records_is_told_and_the_rest_stands(recorded: Path) -> None:
    file = next(recorded.glob("*/evaluations/*.parquet"))
    file.write_bytes(b"PAR1")
    trials = collect(recorded).trials
    evidence = gather_evidence(trials)
    assert len(evidence.digests) == 5 and str(file) in evidence.notes[0]


def test_the_sweep_lines_name_the_sweep_of_the_table() -> None:
    """Every command is taken apart as a shell would; that the sweep holds the rows: test_paper_cells.py."""
    for table in compare_with_paper([]):
        root, *places, weights, heatmark, sweep, run, file = shlex.split(table.commands[0])
        assert root == f"{table.paper.format.upper()}_ROOT=/path/to/{table.paper.format}"
        assert weights == "WEIGHTS=/path/to/weights"
        assert places == ["COCO_DETECTIONS=/path/to/detections.json"] * (table.paper.format == "coco")
        assert (heatmark, sweep, run, file) == ("heatmark", "sweep", "run", table.paper.sweep)
        assert (Path(__file__).parents[2] / table.paper.sweep).is_file()


def test_what_was_trained_otherwise_is_remarked(tmp_path: Path, replay: Replay) -> None:
    """Once where all rows share it, else as lettered notes at the rows."""
    for method in METHODS[:2]:
        write_trial(tmp_path, replay, method, {"AP": 0.5})
    shown = as_table(compared(tmp_path)[3], "t")
    # No gradient clipping, 140 epochs in batches of 128, ImageNet's weights: the replayed trials differ in all of it.
    shared = (
        "Recipe, in brackets the paper's: first weights random (ImageNet's), epochs 12 (140), batch 32 (128), gradient "
        "clipping 1 (0), milestones 8 and 10 (90 and 120)"
    )
    notes = [note for note in shown.notes if "Recipe" in note]
    assert (
        len(notes) == 1 and notes[0].startswith("Recipe") and set(shared.split(", ")) <= set(notes[0][:-1].split(", "))
    )
    write_trial(tmp_path, replay, METHODS[2], {"AP": 0.5})
    shown = as_table(compared(tmp_path)[3], "t")
    notes = [note for note in shown.notes if "Recipe" in note]
    assert [note[:3] for note in notes] == ["[A]", "[B]"] and "T_o 10 (120)" in notes[1] and "T_o" not in notes[0]
    assert [row[0].text for row in shown.rows if row[0].text.startswith("near")] == [
        *("near: Detection [A]", "near: IPR β 10 [A]", "near: BCIR β 10 [B]"),
    ]


def test_table_7_says_how_deep_a_hidden_joint_lies(tmp_path: Path, replay: Replay) -> None:
    for delta_mm, words in ((3.0, "map is 3 mm or more away"), (15.0, "map is 15 mm (the paper: 3 mm) or more away")):
        sweep = tmp_path / f"{delta_mm:g}"
        write_trial(sweep, replay, Detection(), {"EPE": 5.0}, format="rhd", delta_mm=delta_mm)
        assert words in compared(sweep)[7].caption
