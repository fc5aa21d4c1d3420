"""The site files in the repository: each loads, and every line of one for a public system says where it is from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from heatmark.pipeline.cluster_section import SlurmKeys, StageSection
from heatmark.pipeline.site import AnswersSection, DriverSection, Site, read_site

FOLDER = Path(__file__).parents[2] / "slurm"
EXAMPLE = FOLDER / "site.example.yaml"
SITES = sorted((FOLDER / "sites").glob("*.yaml"))
# A value: `key: value`, an element of a list. A line that only opens a part (`driver:`) has its sources inside.
_VALUE = re.compile(r"\s*(?:[\w-]+: *[^\s#]|- )")


def lines_without_source(text: str) -> list[str]:
    """The lines with a value that have no URL, neither themselves nor in the comment lines directly above."""
    missing, has_source = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            has_source |= "https://" in line
        else:
            if _VALUE.match(line) and not (has_source or re.search(r"# .*https://", line)):
                missing.append(line)
            has_source = False
    return missing


def test_there_are_files_for_systems_with_different_habits() -> None:
    sites = [read_site(path) for path in SITES]
    assert len(sites) >= 7
    assert any(site.host_suffix == "i" for site in sites)
    assert any(site.launcher for site in sites) and any(site.srun for site in sites)
    assert any(isinstance(site.gpus_per_node, str) for site in sites) and any(site.stage for site in sites)
    assert any(site.gpus_per_node is None and site.gres is None for site in sites)
    assert any(site.driver.partition for site in sites)


@pytest.mark.parametrize("path", [*SITES, EXAMPLE], ids=lambda path: path.stem)
def test_a_site_file_loads(path: Path) -> None:
    assert read_site(path) != Site()


@pytest.mark.parametrize("path", SITES, ids=lambda path: path.stem)
def test_a_public_system_s_file_says_where_every_line_is_from(path: Path) -> None:
    text = path.read_text()
    head = text.split("\n\n")[0]
    assert "from documentation, not run" in head and "Fill in:" in head
    assert read_site(path).account == "CHANGE_ME"
    assert lines_without_source(text) == []


def test_a_line_without_a_source_is_found() -> None:
    text = "# https://site.example/gpu\na: 1\nb: 2\nc: 3  # https://site.example/c\ndriver:\n  d: 4\n# why\n- e\n"
    assert lines_without_source(text) == ["b: 2", "  d: 4", "- e"]


def test_the_page_on_sites_has_every_file() -> None:
    page = (FOLDER / "SITES.md").read_text()
    assert "from documentation, not run" in page and "SITES.md" in (FOLDER / "README.md").read_text()
    assert [path.name for path in SITES if f"sites/{path.name}" not in page] == []


def with_alternatives(text: str) -> str:
    """The example with its commented keys (`# gres: ...`) as keys."""
    return re.sub(r"(?m)^# (?=[a-z_]+: )", "", text)


def test_the_example_has_every_key(tmp_path: Path) -> None:
    every = tmp_path / "site.yaml"
    every.write_text(with_alternatives(EXAMPLE.read_text()))
    site = read_site(every)
    sections: list[tuple[BaseModel | None, type[BaseModel]]] = [
        (site, Site),
        (site.driver, DriverSection),
        (site.answers, AnswersSection),
        (site.stage, StageSection),
    ]
    for section, model in sections:
        assert section is not None and set(model.model_fields) == section.model_fields_set
    assert set(SlurmKeys.model_fields) < set(Site.model_fields)
