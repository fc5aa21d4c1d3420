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
    fetched = re.compile(
        r"<(?:script|img|iframe|source)[^>]+src=\"?(https?:)?//|<link[^>]+rel=\"?(?:stylesheet|preconnect)[^>]+//"
    )
    for page in site.rglob("*.html"):
        assert not fetched.search(page.read_text(encoding="utf-8")), page


def test_the_reference_is_in_the_pages_and_can_be_searched(site: Path) -> None:
    assert "data.NAME.keypoints.train.annotations" in (site / "reference/sweep-file.html").read_text(encoding="utf-8")
    assert "keep_checkpoints" in (site / "search/search_index.json").read_text(encoding="utf-8")


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    nav = yaml.safe_load(text)["nav"]
    assert all(page in str(nav) for page in PAGES)
