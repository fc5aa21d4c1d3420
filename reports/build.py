"""The doors of this folder: a sweep's folder in, or those of several, and their report out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from heatmark.foundation.beside import Beside
from heatmark.foundation.collection import collection_paused
from heatmark.foundation.errors import InputError
from heatmark.foundation.files import write_atomic
from heatmark.foundation.hashes import sha256_of
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import Sweep, collect
from heatmark.reports.reading.several import together
from heatmark.reports.rendering.document import Document
from heatmark.reports.rendering.html_file import render_html
from heatmark.reports.rendering.note import note
from heatmark.reports.rendering.pdf_file import render_pdf
from heatmark.reports.rendering.picture_files import write_figures, write_sheets
from heatmark.reports.rendering.table_files import write_exports
from heatmark.reports.sections.document import assemble, constant

# Of a folder's name, on every file system.
LONGEST_NAME = 255


def build_report(sweep: Path, on_unread: Callable[[str], None] = lambda _line: None) -> list[Path]:
    """Write report.pdf, report.html and report/ into a sweep folder; InputError if it is none.

    Returns the two, and the csv of the accuracy; every table is in report/tables/ as csv, parquet and LaTeX, the
    figures in report/figures/, the predictions in report/predictions/, and the verdict in report/note.md.
    on_unread: called with what is wrong with each file that could not be read, once the report is written without it.
    """
    return _build(lambda: collect(sweep), sweep, on_unread)


def build_joint_report(
    sweeps: Sequence[Path], out: Path | None = None, on_unread: Callable[[str], None] = lambda _line: None
) -> list[Path]:
    """One report of several sweeps, each trial once, as build_report writes it, into the folder `out`.

    out: where there is none, `A+B+C` beside the first sweep; a single sweep's is its own folder. Raises InputError
    where one is no sweep, and for targets that contradict each other.
    """
    unlike = list({sweep.resolve(): sweep for sweep in sweeps}.values())
    place = out or (joint_folder(unlike) if len(unlike) > 1 else unlike[0])
    if len(unlike) == 1:
        return _build(lambda: collect(unlike[0]), place, on_unread)
    return _build(lambda: together([collect(sweep) for sweep in unlike]), place, on_unread)


def joint_folder(sweeps: Sequence[Path]) -> Path:
    """No sweep is called so: a name of one has no plus."""
    name = "+".join(sweep.resolve().name for sweep in sweeps)
    return sweeps[0].resolve().parent / (name if len(name) <= LONGEST_NAME else f"joint+{sha256_of(name)[:16]}")


def _build(read: Callable[[], Sweep], out: Path, on_unread: Callable[[str], None]) -> list[Path]:
    # A thousand trials stay in memory, and every search for garbage would look through them.
    with collection_paused(), Beside(constant) as same:
        study = Study(read())
        document = assemble(study, same)
    try:
        out.mkdir(parents=True, exist_ok=True)
        written = _write(out, document)
    except OSError as error:
        raise InputError(
            f"{out}: the report cannot be written there ({error}); make room, or copy the folder elsewhere"
        ) from error
    for line in study.unread:
        on_unread(line)
    return written


def _write(sweep: Path, document: Document) -> list[Path]:
    pdf, page, tables = sweep / "report.pdf", sweep / "report.html", sweep / "report" / "tables"
    # The PDF is made without Python's lock, and by threads of its own that a copy of this process would lack.
    with ThreadPoolExecutor(1) as beside:
        printed = beside.submit(render_pdf, document)
        _write_files(sweep, document, tables)
        write_atomic(page, render_html(document, sweep))
        write_atomic(pdf, printed.result())
    return [pdf, page, tables / "accuracy.csv"]


def _write_files(sweep: Path, document: Document, tables: Path) -> None:
    write_exports(tables, document.exports)
    write_figures(sweep / "report" / "figures", document.named_figures)
    write_sheets(sweep / "report" / "predictions", document.sheets)
    write_atomic(sweep / "report" / "note.md", note(document))
