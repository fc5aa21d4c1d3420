"""A sweep over data sets of several formats: each is measured by its own metrics, in a table of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from heatmark.datasets.formats import FORMATS
from heatmark.models.methods import Detection, IntegralRegression
from heatmark.reports.build import build_report
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import collect
from heatmark.reports.reading.measures import amount, lower_is_better, shown_metrics, unit_of
from heatmark.reports.rendering.document import Document
from heatmark.reports.sections.document import assemble
from heatmark.workloads.spec import DataSpec
from tests.made_up import made_epoch

Replay = dict[str, Callable[..., Any]]
FINALS = {
    "coco": {"AP": 0.5, "AP50": 0.8, "AP75": 0.4, "AR": 0.6, "EPE": 5.0},
    "mpii": {"PCKh@0.5": 0.875, "PCKh@0.10": 0.25, "PCKh@0.11": 0.3, "PCKh@0.5/head": 0.96, "EPE": 20.94},
    "lspet": {"PCK@0.2": 0.7, "PCK@0.1": 0.4, "PCK@0.2/knee": 0.1, "EPE": 12.3},
    "rhd": {"AUC@0-30px": 0.8, "PCK@0.2": 0.9, "AUC@20-50mm": 0.6, "EPE": 3.5, "EPE mm": 14.0, "EPE/visible": 3.0},
}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, replay: Replay) -> Path:
    """Detection and IPR on four formats. PCKh grows as 0.1 a epoch to 0.875 at epoch 9."""
    sweep = tmp_path_factory.mktemp("formats") / "mixed"
    for data_format, final in FINALS.items():
        for method, gain in ((Detection(), 0.0), (IntegralRegression(), -0.02)):
            spec = replay["trial_spec"](method, sweep / "gone")
            data = DataSpec(name=f"drawn {data_format}", format=data_format, fingerprint="0123abcd")
            spec = spec.model_copy(update={"data": data})
            run = replay["write_spec"](sweep, spec)
            headline = next(iter(final))
            for epoch in range(9):
                val = {f"gtbox/{headline}": min(0.1 * (epoch + 1), final[headline] + gain), "gtbox/EPE": 30.0 - epoch}
                run.append_epoch(made_epoch(epoch, val, time="", train={"loss": 1.0}))
            replay["write_result"](run, {f"gtbox/{name}": value + gain for name, value in final.items()})
    return sweep


def read_document(sweep: Path) -> Document:
    return assemble(Study(collect(sweep)))


@pytest.fixture(scope="module")
def of_mixed(mixed: Path) -> Document:
    """What the report of them says."""
    return read_document(mixed)


def test_each_format_has_a_table_of_its_own_metrics(of_mixed: Document) -> None:
    tables = of_mixed.section("Accuracy").tables
    assert [table.name for table in tables] == [*("accuracy", "accuracy-mpii", "accuracy-lspet", "accuracy-rhd")]
    mpii = tables[1]
    titles = [column.title for column in mpii.columns]
    assert [title for title in titles if "PCKh@" in title and "Epochs" not in title] == [
        *("PCKh@0.5 (GT boxes)", "PCKh@0.10 (GT boxes)", "PCKh@0.11 (GT boxes)")
    ]
    assert "Epochs to 80 % of final PCKh@0.5" in titles and not any(title.startswith("AP") for title in titles)
    detection = dict(zip(titles, mpii.rows[0], strict=True))
    assert detection["PCKh@0.5 (GT boxes)"].text == "87.5" and detection["PCKh@0.5 (GT boxes)"].best
    assert detection["EPE (GT boxes)"].text == "20.94" and not detection["EPE (GT boxes)"].best
    # 0.8 * 0.875 = 0.7, reached at the seventh epoch.
    assert detection["Epochs to 80 % of final PCKh@0.5"].text == "7"


def test_hands_have_pixels_and_millimetres(of_mixed: Document) -> None:
    columns = {column.title: column.unit for column in of_mixed.section("Accuracy").tables[3].columns}
    assert columns["AUC@0-30px (GT boxes)"] == columns["AUC@20-50mm (GT boxes)"] == "%"
    assert (columns["EPE (GT boxes)"], columns["EPE mm (GT boxes)"]) == ("px", "mm")
    assert "AUC@0-50mm (GT boxes)" not in columns


def test_the_csv_holds_all_formats_and_no_metric_of_another(mixed: Path) -> None:
    build_report(mixed)
    table = pd.read_csv(mixed / "report" / "tables" / "accuracy.csv").set_index(["format", "method"])
    assert table.loc[("lspet", "Detection"), "PCK@0.2"] == 0.7
    assert table.loc[("lspet", "Detection"), ["AP", "PCKh@0.5"]].isna().all()
    assert table.loc[("mpii", "IPR"), "epochs_to_80"] == 7 and table["EPE"].notna().all()


def test_the_first_page_names_each_formats_metric(of_mixed: Document) -> None:
    section = of_mixed.section("In short")
    told = {each.about: dict(each.rows) for each in section.answers}
    (rest,) = section.words
    assert "drawn mpii: Detection with PCKh@0.5 87.5 % (ahead in the mean)" in rest.text
    assert told["drawn lspet with sbl-r18-w16 (GT boxes)"]["By how much?"].startswith(
        "PCK@0.2 70.0 %, 2.0 points better than the next, IPR β 10 (68.0 %)."
    )


def test_curves_are_of_the_headline_metric(of_mixed: Document) -> None:
    captions = [figure.caption for figure in of_mixed.section("Convergence").figures]
    assert any(caption.startswith("PCKh@0.5 and EPE on the validation people") for caption in captions)
    assert any(caption.startswith("PCK@0.2 and EPE") for caption in captions)


def test_a_format_that_names_no_metrics_shows_all_it_measures(monkeypatch: pytest.MonkeyPatch, mixed: Path) -> None:
    """Its headline first, and of those of a part none."""
    monkeypatch.setattr(type(FORMATS["lspet"]), "shown", ())
    lspet = read_document(mixed).section("Accuracy").tables[2]
    titles = [column.title.removesuffix(" (GT boxes)") for column in lspet.columns]
    assert [title for title in titles if title in FINALS["lspet"]] == ["PCK@0.2", "PCK@0.1", "EPE"]
    assert shown_metrics("lspet", ()) == ("PCK@0.2", "EPE")


@pytest.mark.parametrize(
    ("metric", "lower", "shown"),
    [
        ("AP", False, "12.3 %"),
        ("PCK@0.2", False, "12.3 %"),
        ("EPE", True, "0.12 px"),
        ("EPE mm", True, "0.12 mm"),
        ("NME", True, "12.34 %"),
        ("exact/NME", True, "12.34 %"),
        ("exact/EPE", True, "0.12 px"),
    ],
)
def test_errors_are_better_the_lower_and_those_of_a_length_of_the_person_in_percent(
    metric: str, lower: bool, shown: str
) -> None:
    assert (lower_is_better(metric), f"{amount(metric, 0.1234)} {unit_of(metric)}") == (lower, shown)
