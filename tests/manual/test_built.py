"""The manual as it is built: no link leads nowhere, and nothing is asked of the network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from heatmark.pipeline.manual import PAGES
from tests.browser import loaded
from tests.manual.blocks import DOCS, ROOT

pytest.importorskip("material", reason="the manual is built with mkdocs-material: pip install -e '.[docs]'")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("manual")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(place)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=250,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stderr
    return place


def test_every_page_is_there(site: Path) -> None:
    written = [str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")]
    for page in [*written, *PAGES]:
        assert (site / page).with_suffix(".html").is_file(), page


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    sources = r"<(?:script|img|iframe|source)[^>]+src=[\"']?(?:https?:)?//"
    fetched = re.compile(rf"{sources}|<link[^>]+rel=[\"']?(?:stylesheet|preconnect)[^>]+//")
    for page in site.rglob("*.html"):
        assert not fetched.search(page.read_text(encoding="utf-8")), page


def test_the_reference_is_in_the_pages_and_can_be_searched(site: Path) -> None:
    assert "data.NAME.keypoints.train.annotations" in (site / "reference/sweep-file.html").read_text(encoding="utf-8")
    assert "keep_checkpoints" in (site / "search/search_index.json").read_text(encoding="utf-8")


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    nav = yaml.safe_load(text)["nav"]
    assert all(page in str(nav) for page in PAGES)


SEARCHING = """<script>setTimeout(() => {
  document.querySelector("[data-md-toggle=search]").click()
  const query = document.querySelector("[data-md-component=search-query]")
  query.focus()
  query.value = "keep_checkpoints"
  query.dispatchEvent(new Event("keyup", { bubbles: true }))
}, 1000)</script></body>"""


def test_the_search_finds_a_key_in_pages_on_disk(site: Path, tmp_path: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    probe = site / "probe.html"
    probe.write_text(page.replace("</body>", SEARCHING), encoding="utf-8")
    document = loaded(probe.as_uri(), tmp_path)
    probe.unlink()
    found = document.partition('data-md-component="search-result"')[2]
    assert re.search(r"\d+ matching documents", found) and "reference/sweep-file.html" in found
