"""A recorded sweep replayed: the report says what the run folders say, whatever state they are in."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from heatmark.foundation.errors import InputError
from heatmark.foundation.files import write_json
from heatmark.models.methods import Detection, IntegralRegression
from heatmark.reports.build import build_report
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import collect
from heatmark.reports.rendering.document import Document, Words
from heatmark.reports.rendering.pdf_file import render_pages
from heatmark.reports.sections.document import assemble
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.lease_record import LeaseRecord
from tests.made_up import fail, final_of, made_epoch, made_result
from tests.reports.recorded import made_up_people, with_errors, write_records

Replay = dict[str, Callable[..., Any]]
HOSTILE = "#let x = 1 $a_b$ *bold* <script>alert(\"1\")</script> & `raw` \\ 'q' @ref // _it_ {{ 7*7 }} \x1b[31m"


class Page(HTMLParser):
    """The text of the cells of the accuracy table, of the whole page, and every address it would fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.text = ""
        self.addresses: list[str] = []
        self.scripts = 0
        self._in_accuracy = self._in_cell = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        # A link is followed by people alone.
        self.addresses += [values[name] or "" for name in ("src", "href") if name in values and tag != "a"]
        self.scripts += tag == "script"
        if tag == "table":
            self._in_accuracy = values.get("id") == "accuracy"
        if self._in_accuracy and (tag == "td" or values.get("scope") == "row"):
            self._in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_cell:
            self.cells[-1] += data


def read_document(sweep: Path) -> Document:
    return assemble(Study(collect(sweep)))


def without(document: Document, title: str) -> Document:
    """The same with a section of which only the heading is left."""
    left = (replace(each, blocks=(Words(("",)),)) if each.title == title else each for each in document.sections)
    return replace(document, sections=tuple(left))


def csv_of(sweep: Path) -> pd.DataFrame:
    return pd.read_csv(sweep / "report" / "tables" / "accuracy.csv")


def test_the_csv_holds_the_numbers_of_the_run_folders(reported: Path) -> None:
    assert (reported / "report.pdf").read_bytes().startswith(b"%PDF") and (reported / "report.html").is_file()
    table = csv_of(reported).set_index(["method", "beta"])
    results = {run.signature: run for run in map(RunFolder, reported.iterdir()) if run.spec_file.is_file()}
    assert len(table) == len(results) == 5
    for run in results.values():
        method, final = run.spec().method, final_of(run)
        label = {"detection": "Detection", "ipr": "IPR", "bcir": "BCIR"}[method.name]
        rows = table.loc[label].reset_index()
        beta = getattr(method, "beta", None)
        row = rows[rows["beta"].isna() if beta is None else rows["beta"] == beta].iloc[0]
        for metric in ("AP", "AP50", "AP75", "AR", "EPE"):
            assert row[metric] == final[f"gtbox/{metric}"]
        assert (row["wall_s"], row["seeds"], row["state"]) == (95.25, 1, "finished")


def test_epochs_to_80_percent_by_hand(reported: Path) -> None:
    # Detection grows as 0.60 (1 - exp(-e/2)), 0.5985 at e = 12: 0.8 * 0.5985 = 0.479 lies between e = 3 (0.466) and 4.
    detection = csv_of(reported).set_index("method").loc["Detection"]
    assert detection["epochs_to_80"] == 4


def test_seeds_are_averaged_with_the_sample_deviation(tmp_path: Path, replay: Replay) -> None:
    sweep = tmp_path / "demo"
    for seed, ap in enumerate((0.50, 0.56, 0.53)):
        run = replay["write_spec"](sweep, replay["trial_spec"](Detection(), tmp_path / "gone", seed))
        replay["write_result"](run, {"gtbox/AP": ap, "gtbox/EPE": 4.0})
    build_report(sweep)
    (row,) = csv_of(sweep).to_dict("records")
    assert row["seeds"] == 3
    assert row["AP"] == pytest.approx(0.53) and row["AP_sd"] == pytest.approx(0.03)
    assert row["EPE_sd"] == 0
    assert "means over 3 seeds" in Page((sweep / "report.html").read_text()).text


def test_unlike_settings_are_never_averaged(tmp_path: Path, replay: Replay) -> None:
    sweep = tmp_path / "demo"
    for lr, ap in ((1e-3, 0.5), (1e-4, 0.3)):
        run = replay["write_spec"](sweep, replay["trial_spec"](Detection(), tmp_path, lr=lr))
        replay["write_result"](run, {"gtbox/AP": ap})
    build_report(sweep)
    rows = csv_of(sweep).set_index("settings")["AP"]
    assert rows.to_dict() == {"train.lr 0.0001": 0.3, "train.lr 0.001": 0.5}


def test_the_same_inputs_give_the_same_bytes(reported: Path) -> None:
    """In another process too, where strings hash differently."""
    files = (reported / "report.pdf", reported / "report.html", reported / "report" / "tables" / "accuracy.csv")
    first = {path: path.read_bytes() for path in files}
    command = "import sys, pathlib; from heatmark.reports.build import build_report as b; b(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", command, str(reported)], check=True, timeout=250)
    assert [path.name for path in files if path.read_bytes() != first[path]] == []


def test_the_report_imports_no_torch_ray_or_mlflow() -> None:
    check = "import sys, heatmark.reports.build; print({'torch', 'ray', 'mlflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", check], check=True, timeout=60, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_the_page_holds_the_same_numbers_and_fetches_nothing(reported: Path) -> None:
    page = Page((reported / "report.html").read_text())
    rows = [page.cells[start : start + 12] for start in range(0, len(page.cells), 12)]
    for shown, row in zip(rows, csv_of(reported).to_dict("records"), strict=True):
        assert shown[0] == row["method"]
        assert shown[3] == f"{100 * row['AP']:.1f}" and shown[7] == f"{row['EPE']:.2f}"
    assert "AP (GT boxes)" in page.text and "flip test yes" in page.text and "one seed" in page.text
    assert page.addresses and all(address.startswith("data:image/") for address in page.addresses)


def test_names_with_markup_print_literally(tmp_path: Path, sweep: Path, replay: Replay) -> None:
    spec = replay["trial_spec"](Detection(), tmp_path / "data", name=HOSTILE)
    run = replay["write_spec"](sweep, spec)
    fail(run, "crash", HOSTILE * 30, time="2026-03-05T00:00:00.000Z")
    finished = replay["trial_spec"](Detection(), tmp_path / "data")
    result_file = sweep / finished.signature / "result.json"
    write_json(result_file, {**json.loads(result_file.read_text()), "machine": {HOSTILE: HOSTILE}})
    replay["write_plan"](sweep, [finished, spec], name=HOSTILE, scheduler="asha")
    build_report(sweep)
    page = Page((sweep / "report.html").read_text())
    literal = HOSTILE.replace("\x1b", "\N{REPLACEMENT CHARACTER}")
    assert page.text.count(literal) > 15 and page.scripts == 1
    assert "truncated by ASHA: convergence not comparable" in page.text


def test_a_folder_that_is_no_sweep_is_refused(tmp_path: Path, sweep: Path) -> None:
    for folder, hint in ((tmp_path / "absent", "no such folder"), (tmp_path, "not a sweep")):
        with pytest.raises(InputError, match=hint):
            build_report(folder)
    with pytest.raises(InputError, match="give its parent"):
        build_report(next(path.parent for path in sweep.glob("*/spec.json")))
    (sweep / "sweep.json").write_text("{")
    with pytest.raises(InputError, match=r"sweep\.json: damaged: not JSON .*plan the sweep again"):
        build_report(sweep)


def test_a_sweep_of_which_nothing_has_run(tmp_path: Path, replay: Replay) -> None:
    specs = [replay["trial_spec"](method, tmp_path) for method in (Detection(), IntegralRegression())]
    replay["write_plan"](tmp_path, specs)
    build_report(tmp_path)
    assert csv_of(tmp_path)["state"].tolist() == ["not run", "not run"]
    text = Page((tmp_path / "report.html").read_text()).text
    assert "0 of 2 trials finished (2 not run)." in text and "no curve to draw" in text


def test_a_sweep_without_cells(tmp_path: Path, replay: Replay) -> None:
    replay["write_plan"](tmp_path, [])
    build_report(tmp_path)
    assert csv_of(tmp_path).empty


def test_every_state_of_a_trial_is_told(tmp_path: Path, replay: Replay) -> None:
    failed, running, unreadable, torn, retried = (
        replay["write_spec"](tmp_path, replay["trial_spec"](Detection(), tmp_path, seed)) for seed in range(5)
    )
    fail(failed, "oom", "killed by #9", time="2026-03-04T09:00:00Z")
    replay["write_epochs"](running, 0, count=3)
    LeaseRecord(host="node0", pid=1, started=0.0, job="1", restart=0, time="").write(running.lease_file)
    unreadable.spec_file.write_text('{"schema_version": 0}')
    torn.metrics_file.write_text('{"epoch": 0}\nnot json\n')
    fail(retried, "hung", "", time="2026-03-04T09:00:00.000Z")
    replay["write_epochs"](retried, 0, count=2)
    build_report(tmp_path)
    states = {trial.signature: (trial.state, trial.message) for trial in collect(tmp_path).trials}
    assert states[failed.signature] == ("failed", "oom: killed by #9\n0 of 12 epochs on record")
    assert (states[running.signature][0], states[retried.signature][0]) == ("running", "unfinished")
    assert "3 of 12 epochs" in states[running.signature][1]
    assert states[unreadable.signature][0] == states[torn.signature][0] == "unreadable"
    assert "schema_version" in states[unreadable.signature][1]
    assert csv_of(tmp_path)["seeds"].eq(0).all()


def test_missing_values_are_dashes(tmp_path: Path, replay: Replay) -> None:
    run = replay["write_spec"](tmp_path, replay["trial_spec"](Detection(), tmp_path / "gone"))
    run.append_epoch(made_epoch(0, train={"loss": None}))
    run.append_epoch(made_epoch(1, {"gtbox/AP": 0.2}, train={}))
    final = {"gtbox/AP": math.nan, "gtbox/EPE": None, "gtbox/AR": 0.5}
    run.result_file.write_text(json.dumps(made_result(run.signature, final).plain()))
    build_report(tmp_path)
    (row,) = csv_of(tmp_path).to_dict("records")
    assert pd.isna(row["AP"]) and pd.isna(row["epochs_to_80"]) and row["AR"] == 0.5
    page = Page((tmp_path / "report.html").read_text())
    assert page.cells[3] == "–" and "No readable predictions" in page.text


def test_predictions_show_the_same_people_for_every_method(document: Document) -> None:
    (sheet,) = document.sheets
    assert sheet.columns == ("Ground truth", "Detection", "IPR β 1", "IPR β 10", "BCIR β 1", "BCIR β 10")
    assert len(sheet.rows) == 6 and all(len(row) == 6 for row in sheet.rows)
    assert all(crop.jpeg.startswith(b"\xff\xd8") for row in sheet.rows for crop in row)
    heights = [int(row[0].text.split()[2]) for row in sheet.rows]
    assert heights == sorted(heights, reverse=True) and heights[0] > 4 * heights[-1]


def test_without_a_picture_there_are_no_predictions_to_show(sweep: Path, tmp_path: Path) -> None:
    for image in (tmp_path / "data" / "val2017").iterdir():
        image.unlink()
    blind = read_document(sweep)
    assert not blind.sheets and "listed images absent" in blind.section("Predictions").words[0].text


def test_predictions_without_annotation_ids_find_their_person(sweep: Path, document: Document) -> None:
    for file in sweep.glob("*/predictions.json"):
        results = json.loads(file.read_text())
        file.write_text(json.dumps([{k: v for k, v in result.items() if k != "annotation_id"} for result in results]))
    assert read_document(sweep).sheets[0].rows == document.sheets[0].rows


def test_absent_data_folder_is_a_line(sweep: Path, tmp_path: Path) -> None:
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    (note,) = read_document(sweep).section("Predictions").words
    assert note.text == "drawn: the data folder is gone or unreadable here, so no predictions are drawn."


def test_run_folders_of_another_grid_are_left_out(sweep: Path, tmp_path: Path, replay: Replay) -> None:
    replay["write_plan"](sweep, [replay["trial_spec"](Detection(), tmp_path / "data")])
    document = read_document(sweep)
    assert len(document.section("Accuracy").tables[0].rows) == 1
    assert "4 further run folders here belong to no cell" in document.summary[-1]


def test_five_trials_are_reported_within_eight_seconds(sweep: Path) -> None:
    # Of this process: other processes on the machine take their own time.
    start = time.process_time()
    build_report(sweep)
    assert time.process_time() - start < 8


def test_five_trials_fit_four_pages_and_the_papers_tables_nine(document: Document) -> None:
    without_figures = without(document, "Figures of the paper")
    pages = render_pages(without_figures, ppi=30)
    # One more for the contents and the heading of the figures that are left out.
    assert len(pages) <= 14 and all(page.startswith(b"\x89PNG") for page in pages)
    # The last of them is the heading of the tables that are left out.
    assert len(render_pages(without(without_figures, "Tables of the paper"), ppi=30)) <= 6
    assert len(render_pages(document, ppi=30)) <= 20


def test_drawings_are_vectors_in_the_pdf(reported: Path, document: Document) -> None:
    # Crops are the only pixels, 6 people x 6 columns, and the pictures in the paper's figures, equal ones kept once.
    figures = "".join(figure.svg for figure in document.named_figures)
    pictures = set(re.findall(r"data:image/[^\"]*", figures))
    assert all(picture.startswith("data:image/jpeg") for picture in pictures)
    pdf = (reported / "report.pdf").read_bytes()
    assert len(re.findall(rb"/Subtype\s*/Image", pdf)) == 36 + len(pictures)


@pytest.mark.slow
def test_two_hundred_run_folders_are_reported_in_seconds_and_two_gib(tmp_path: Path) -> None:
    """In processor time, as the machine may be busy; `python -m tests.reports.many_runs FOLDER` does a thousand."""
    command = [sys.executable, "-m", "tests.reports.many_runs", str(tmp_path), "200"]
    done = subprocess.run(
        command, check=True, timeout=280, capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    measured = json.loads(done.stdout)
    assert measured["run_folders"] == 200
    # A minute is for a thousand on an idle machine; this only tells a cost that grows faster than the folders.
    assert measured["cpu_s"] < 60 and measured["memory_mib"] < 2048


def test_the_pdf_uses_the_fonts_that_typst_brings(reported: Path) -> None:
    """And no others: what a machine has installed changes nothing. Text in drawings is outlines."""
    pdf = (reported / "report.pdf").read_bytes()
    fonts = {name.decode().partition("+")[2] for name in re.findall(rb"/BaseFont\s*/([A-Za-z0-9+-]+)", pdf)}
    shipped = ("LibertinusSerif", "DejaVuSansMono", "NewCM")
    assert fonts and all(name.startswith(shipped) for name in fonts)


def test_only_settings_with_too_many_cells_leave_some_out(tmp_path: Path, replay: Replay) -> None:
    for name, count in (("large", 14), ("small", 2)):
        for place in range(count):
            spec = replay["trial_spec"](Detection(sigma=1.0 + place / 10), tmp_path / "gone", name=name)
            run = replay["write_spec"](tmp_path / "demo", spec)
            replay["write_result"](run, replay["write_epochs"](run, 0, count=2))
    captions = [figure.caption for figure in read_document(tmp_path / "demo").section("Convergence").figures]
    assert "13 more cells are not drawn" in captions[0] and "data set large" in captions[0].lower()
    assert "not drawn" not in captions[2] and "data set small" in captions[2].lower()


def test_one_bad_file_of_a_run_folder_costs_only_what_it_held(sweep: Path) -> None:
    """No wall time, no accounting, infinite chi-squares, predictions of no image: the report is built, and says so."""
    first, second, third = (RunFolder(file.parent) for file in sorted(sweep.glob("*/spec.json"))[:3])
    result = json.loads(first.result_file.read_text())
    first.result_file.write_text(json.dumps({**result, "wall_s": float("nan")}))
    second.accounting_file.write_text('{"cpu_hours": 1')
    columns = with_errors(made_up_people(60), 4.0)
    write_records(second.path, {**columns, "chi_square": np.full_like(columns["chi_square"], np.inf)})
    third.predictions_file.write_text('[{"image_id": [1], "keypoints": [1, 2, 3]}]')
    build_report(sweep)
    table = csv_of(sweep)
    assert table["seeds"].tolist() == [1] * 5 and table["cpu_hours"].isna().all()
    # The last epoch's, where the result has none.
    assert sorted(table["wall_s"]) == [90.0, *[95.25] * 4]
    document = read_document(sweep)
    assert f"No hours can be read from the accounting.json of {second.signature}" in document.summary[-1]
    orders = [
        cell.order for part in document.section("Tables of the paper").tables for row in part.rows for cell in row
    ]
    assert all(math.isfinite(order) for order in orders if isinstance(order, float))


def test_an_unreadable_trial_names_the_file(sweep: Path) -> None:
    first, second = (RunFolder(file.parent) for file in sorted(sweep.glob("*/spec.json"))[:2])
    first.result_file.write_text('{"state": "fin')
    second.metrics_file.write_text("not json\n")
    messages = {trial.signature: trial.message for trial in collect(sweep).trials if trial.state == "unreadable"}
    assert "result.json: " in messages[first.signature] and "metrics.jsonl: " in messages[second.signature]


def test_a_folder_that_cannot_be_written_is_told(sweep: Path) -> None:
    (sweep / "report").write_text("in the way")
    with pytest.raises(InputError, match=r"the report cannot be written there .*copy the folder"):
        build_report(sweep)
