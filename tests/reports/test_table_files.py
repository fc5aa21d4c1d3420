"""Tables as files: the same cells in csv, parquet and LaTeX, and LaTeX that shows text literally."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from heatmark.models.methods import Detection
from heatmark.reports.build import build_report
from heatmark.reports.rendering.table import Cell, Column, Table
from heatmark.reports.rendering.table_files import escape, latex
from tests.reports.recorded import made_up_people, with_errors, write_records

Replay = dict[str, Callable[..., Any]]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory, replay: Replay) -> Path:
    """The five cells with records, reported once."""
    root = tmp_path_factory.mktemp("with_records")
    sweep, people = root / "demo", made_up_people(60)
    replay["write_sweep"](sweep, root / "data")
    for number, file in enumerate(sorted(sweep.glob("*/spec.json"))):
        write_records(file.parent, with_errors(people, 4.0 + number))
    build_report(sweep)
    return sweep / "report" / "tables"


def test_every_table_is_there_in_three_forms(tables: Path) -> None:
    names = {path.stem for path in tables.iterdir()}
    assert {path.name for path in tables.iterdir()} == {
        f"{n}.{kind}" for n in names for kind in ("csv", "parquet", "tex")
    }
    papers = {name for name in names if name.startswith("paper-table-")}
    assert {int(name.split("-")[2]) for name in papers} == set(range(1, 16))
    others = (
        "accuracy",
        "joints",
        "ranking",
        "verdict",
        "findings",
        "comparisons",
        "convergence",
        "paper-figures",
        "trials",
    )
    assert names - papers == set(others)


def test_csv_and_parquet_hold_the_same_numbers(tables: Path) -> None:
    for csv in tables.glob("*.csv"):
        stored = pd.read_parquet(csv.with_suffix(".parquet"))
        read = pd.read_csv(csv, keep_default_na=False, na_values=[""])
        assert list(read.columns) == list(stored.columns) and len(read) == len(stored), csv.name
        for column in stored.select_dtypes("number"):
            expected = pd.to_numeric(stored[column]).astype("float64")
            pd.testing.assert_series_equal(read[column].astype("float64"), expected, check_exact=True)


def test_the_same_records_give_the_same_files(tables: Path) -> None:
    """All of them, byte for byte, in another process where strings hash differently."""
    sweep = tables.parent.parent
    files = [*tables.iterdir(), sweep / "report.pdf", sweep / "report.html"]
    before = {path: path.read_bytes() for path in files}
    command = "import sys, pathlib; from heatmark.reports.build import build_report as b; b(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", command, str(sweep)], check=True, timeout=120)
    assert [path.name for path in files if path.read_bytes() != before[path]] == []


def test_latex_has_all_rows_and_balanced_braces(tables: Path) -> None:
    for tex in tables.glob("*.tex"):
        text = tex.read_text()
        bare = re.sub(r"\\[{}\\]", "", text)
        assert bare.count("{") == bare.count("}"), tex.name
        body = text.split("\\endfoot\n")[1].split("\\end{longtable}")[0].strip().split("\n")
        columns = len(re.search(r"\\begin\{longtable\}\{([lr]+)\}", text)[1])  # type: ignore[index]
        assert all(len(re.findall(r"(?<!\\)&", line)) == columns - 1 and line.endswith(r"\\") for line in body), (
            tex.name
        )
        csv = pd.read_csv(tex.with_suffix(".csv"), keep_default_na=False)
        if tex.stem in ("accuracy", "convergence", "comparisons", "findings"):
            assert len(body) == len(csv)


def test_latex_by_hand() -> None:
    table = Table(
        (Column("Method", False), Column("EPE", True, "px")),
        ((Cell("a_b & 50 % $x$"), Cell("4.20", "± 0.10\npaper 9.52 (−5.32)", best=True)),),
        caption="β #1 {x}",
        notes=("[a] c^2 ~ d\\e",),
    )
    assert latex(table).split("\n")[1:] == [
        r"\begin{longtable}{lr}",
        r"\caption{$\beta$ \#1 \{x\}}\\",
        r"\toprule",
        r"Method & \shortstack[r]{EPE \\ px} \\",
        r"\midrule",
        r"\endhead",
        r"\bottomrule",
        r"\endfoot",
        r"a\_b \& 50 \% \$x\$ & \shortstack[r]{\textbf{4.20} \\ {\scriptsize $\pm$ 0.10} \\ "
        r"{\scriptsize paper 9.52 ($-$5.32)}} \\",
        r"\end{longtable}",
        r"\par\noindent{\footnotesize {[}a{]} c\textasciicircum{}2 \textasciitilde{} d\textbackslash{}e}",
        "",
    ]


def test_markup_in_names_reaches_no_form(tmp_path: Path, replay: Replay) -> None:
    name = 'a_1 & <b>\\input{x}</b> $5 100% "q" #'
    spec = replay["trial_spec"](Detection(), tmp_path / "gone", name=name)
    run = replay["write_spec"](tmp_path, spec)
    replay["write_result"](run, {"gtbox/AP": 0.5, "gtbox/EPE": 4.0})
    write_records(run.path, with_errors(made_up_people(30), 4.0))
    build_report(tmp_path)
    folder = tmp_path / "report" / "tables"
    assert (folder / "paper-table-03-a_1-b-input-x-b-5-100-q.csv").is_file()
    assert pd.read_csv(folder / "accuracy.csv")["dataset"].tolist() == [name]
    text = (folder / "paper-table-03-a_1-b-input-x-b-5-100-q.tex").read_text()
    assert r"\input" not in text and escape(name) in text
    assert "<b>" not in (tmp_path / "report.html").read_text()


def test_no_table_of_an_earlier_report_is_left(tmp_path: Path, replay: Replay) -> None:
    specs = [replay["trial_spec"](Detection(), tmp_path / "gone", name=name) for name in ("first", "second")]
    for spec in specs:
        replay["write_result"](replay["write_spec"](tmp_path, spec), {"gtbox/AP": 0.5, "gtbox/EPE": 4.0})
    own = tmp_path / "report" / "tables" / "mine.tex"
    for spec, other in ((specs[0], "second"), (specs[1], "first")):
        replay["write_plan"](tmp_path, [spec])
        build_report(tmp_path)
        own.write_text("kept")
        names = {path.name for path in own.parent.iterdir()}
        assert f"paper-table-03-{spec.data.name}.csv" in names and not any(other in name for name in names)
    assert own.read_text() == "kept"
