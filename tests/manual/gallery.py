"""The pictures of the manual's gallery, taken of a sweep that has ended: `heatmark sweep run sweeps/demo.yaml` first.

    python -m tests.manual.gallery runs/demo

Chromium paints the pages; the pictures go to docs/assets/gallery/, in few colours, so that they are small.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from PIL import Image
from rich.console import Console

from heatmark.foundation.command import print_in_any_locale
from heatmark.pipeline.mlflow_links import links, tracked
from heatmark.pipeline.status_view import print_status
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import collect
from heatmark.reports.rendering.pdf_file import render_pages
from heatmark.reports.sections.document import assemble
from tests.browser_session import Session
from tests.made_up import until
from tests.painted_pages import Page

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "assets" / "gallery"
COLOURS, WIDTH, DPI = 64, 1400, 80


def keep(picture: Image.Image, name: str) -> None:
    """In few colours: pages are mostly paper."""
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)))
    path = FOLDER / f"{name}.png"
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"wrote {path} ({path.stat().st_size // 1024} kB)")


def pages_of_the_report(sweep: Path) -> None:
    """The first page, and the one with the most drawn on it of the next ten."""
    pages = [Image.open(io.BytesIO(page)) for page in render_pages(assemble(Study(collect(sweep))), DPI)]
    keep(pages[0], "report-first")
    for number in (1, 2, 3):
        keep(pages[number], f"report-{number + 1}")


def page_from_disk(sweep: Path, session: Session) -> None:
    session.open((sweep / "report.html").as_uri())
    keep(Image.open(io.BytesIO(session.picture())), "report-page")


@contextmanager
def mlflow(sweep: Path) -> Iterator[str]:
    """`heatmark ui` while it is left."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "ui", str(sweep), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def pages_of_mlflow(sweep: Path, session: Session) -> None:
    """The stored views whose links `heatmark ui` prints: what people compare, and the chosen charts."""
    found = tracked(sweep)
    assert found is not None, f"{sweep}: MLflow has nothing of it"
    page = Page(session)
    with mlflow(sweep) as server:
        _, _, ranked, charts, *_ = links(found, server)
        for name, link, ready in (
            ("mlflow-ranked", ranked, "document.body.innerText.includes('BCIR')"),
            ("mlflow-charts", charts, "document.querySelectorAll('.js-plotly-plot, canvas').length > 2"),
        ):
            until(partial(_opened, page, link.address), 180, f"no page at {link.address}")
            page.wait(ready, link.what)
            session.evaluate("new Promise((done) => setTimeout(() => done(true), 4000))")  # until lines are drawn
            keep(Image.fromarray(page.picture()), name)


def _opened(page: Page, address: str) -> bool:
    page.open(address)
    return "error" not in str(page.value("document.title || 'error'")).lower()


def terminal(sweep: Path) -> None:
    """`heatmark sweep status` as a drawing. sweep: as a user names it."""
    console = Console(record=True, width=80, file=io.StringIO(), force_terminal=True)
    print_status(sweep, False, console)
    path = FOLDER / "status.svg"
    path.write_text(console.export_svg(title="heatmark sweep status"))
    print(f"wrote {path}")


def main() -> None:
    """The command."""
    print_in_any_locale()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=Path)
    given = parser.parse_args().sweep
    sweep = given.absolute()
    FOLDER.mkdir(parents=True, exist_ok=True)
    pages_of_the_report(sweep)
    with tempfile.TemporaryDirectory() as folder, Session(Path(folder), 1400, 1000) as session:
        page_from_disk(sweep, session)
        pages_of_mlflow(sweep, session)
    terminal(given)


if __name__ == "__main__":
    main()
