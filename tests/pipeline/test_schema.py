"""The JSON schemas of the files that people write: they take what heatmark takes, and refuse what it refuses."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from heatmark.foundation.errors import InputError
from heatmark.pipeline import cli_files
from heatmark.pipeline.schema import schema_text, site_schema, sweep_schema
from heatmark.pipeline.site import read_site
from heatmark.pipeline.sweep import load_sweep
from tests.plug_ins import FILES, install

ROOT = Path(__file__).resolve().parents[2]
SITES = [*sorted((ROOT / "slurm/sites").glob("*.yaml")), ROOT / "slurm/site.example.yaml"]
# The study's sweep is as it was written down before its first run.
SWEEPS = [path for path in sorted((ROOT / "sweeps").glob("*.yaml")) if path.stem != "study"]
SHIPPED = [ROOT / "sweeps/sweep.schema.json", ROOT / "slurm/site.schema.json"]
MARK = "# yaml-language-server: $schema="
GRID: dict[str, Any] = {"method": "bcir", "backbone": "sbl-r18-w4", "dataset": "d"}
SOUND: dict[str, Any] = {"name": "a", "grid": GRID}


def errors(schema: dict[str, Any], content: Any) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(content)]


def shipped() -> dict[str, Any]:
    """Without plug-ins that another test has loaded into this process."""
    schema: dict[str, Any] = json.loads(SHIPPED[0].read_text(encoding="utf-8"))
    return schema


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_schema_is_what_the_command_writes(path: Path, tmp_path: Path) -> None:
    kind = path.name.partition(".")[0]
    command = [sys.executable, "-m", "heatmark.pipeline.cli", kind, "schema"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    assert path.read_text(encoding="utf-8") == printed, "write it again with: make schema"
    subprocess.run([*command, "--out", tmp_path / "a/b.json"], check=True, capture_output=True, timeout=300)
    assert (tmp_path / "a/b.json").read_text(encoding="utf-8") == printed


@pytest.mark.parametrize("path", [*SWEEPS, *SITES, cli_files.TEMPLATE], ids=lambda path: path.name)
def test_a_shipped_file_names_the_schema_that_it_keeps_to(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    first = text.partition("\n")[0]
    assert first.startswith(MARK), first
    folder = ROOT / "sweeps" if path == cli_files.TEMPLATE else path.parent
    schema = json.loads((folder / first.removeprefix(MARK)).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert errors(schema, yaml.safe_load(text)) == []


CHANGES: list[dict[str, Any]] = [
    {"nam": "a"},
    {"name": "a b"},
    {"grid": {}},
    {"grid": {**GRID, "method": "bcrr"}},
    {"grid": {**GRID, "method": {"name": "bcir", "bta": 1}}},
    {"grid": {**GRID, "bta": 10}},
    {"grid": {**GRID, "seed": []}},
    {"train": {"epoch": 3}},
    {"train": {"epochs": -1}},
    {"train": {"epochs": "3"}},
    {"data": {"d": {"format": "coko", "root": "x"}}},
    {"data": {"d": {"root": 3}}},
    {"data": {"a b": {"root": "x"}}},
    {"cluster": {"executor": "slrm"}},
    {"cluster": {"timeout_min": 0}},
    {"pretrained": {"sbl-r18-w4": {"channels": "rgb"}}},
    {"tune": {"scheduler": "ashaa"}},
    {"report": {"targets": {"d": "high"}}},
]
SHORTER: list[dict[str, Any]] = [
    {"grid": [GRID]},
    {"grid": {**GRID, "method": ["bcir", {"name": "ipr+l_de", "t_o": None}], "beta": [1, 10.0]}},
    {"grid": {**GRID, "lr": [0.001, 0.002], "seed": 3}},
    {"data": {"d": {"root": "x", "input_size": None, "scale": None, "shift": None}}},
    {"data": {"d": {"root": "x", "bbox_source": ["gt", "det"], "detections": "boxes.json"}}},
    {"data": {"d": {"synthetic": {"people_train": 3, "people_val": 3}, "input_size": [64, 64]}}},
    {"cluster": {"timeout_min": "2-12:00:00", "stage": "$TMPDIR", "gpus_per_node": "a100:4"}},
    {"cluster": {"stage": {"to": "$TMPDIR", "tars": {"d": "d.tar"}}, "gpus_per_node": 4}},
]


def written(folder: Path, change: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    content = {**copy.deepcopy(SOUND), "data": {"d": {"root": "x"}}, **change}
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(content))
    return path, content


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_what_heatmark_refuses_an_editor_underlines(change: dict[str, Any], tmp_path: Path) -> None:
    path, content = written(tmp_path, change)
    if change != CHANGES[4] and change != CHANGES[3]:  # methods are read with the plan
        with pytest.raises(InputError):
            load_sweep(path)
    assert errors(sweep_schema(), content)


@pytest.mark.parametrize("change", SHORTER, ids=str)
def test_what_heatmark_takes_an_editor_takes(change: dict[str, Any], tmp_path: Path) -> None:
    path, content = written(tmp_path, change)
    load_sweep(path)
    assert errors(sweep_schema(), content) == []


def test_a_site_file_is_checked_as_heatmark_checks_it(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    for content, sound in (
        ({"driver": {"timeout_min": "1-0"}, "extra": {"mail-type": "END", "spread-job": True}}, True),
        ({"stage": "/local"}, True),
        ({"partitio": "gpu"}, False),
        ({"driver": {"cpus": 0}}, False),
        ({"extra": {"a": None}}, False),
    ):
        path.write_text(yaml.safe_dump(content))
        if sound:
            read_site(path)
        else:
            with pytest.raises(InputError):
                read_site(path)
        assert (errors(site_schema(), content) == []) == sound


def test_every_key_says_what_it_is_for() -> None:
    for schema in (sweep_schema(), site_schema()):
        for name, part in {**schema["$defs"], "": schema}.items():
            for key, value in part["properties"].items():
                plain = name.startswith("method.") or name == "Grid"  # a method's name, an axis of a field
                assert plain or value.get("description"), f"{name}.{key}"


def test_a_plug_in_is_in_the_schema(tmp_path: Path) -> None:
    environment = install(tmp_path / "site", "methods", "backbones", "formats", "clusters")
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "sweep", "schema"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment)
    theirs = {
        "name": "a",
        "grid": {"method": {"name": "sharp", "reach": 2.0}, "backbone": "plain-w4", "dataset": "d", "reach": 1.0},
        "data": {"d": {"format": "dots", "root": "x"}},
        "cluster": {"executor": "pretend"},
    }
    assert errors(json.loads(done.stdout), theirs) == []
    assert len(errors(shipped(), theirs)) == 3  # in the grid, of the format, of the executor


def test_a_plug_in_of_a_sweep_file_is_in_the_schema_that_is_asked_for_with_it(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FILES["methods"])
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "sweep", "schema", "--plugin", str(tmp_path / "mine.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    theirs = {**SOUND, "data": {"d": {"root": "x"}}, "plugins": ["mine.py"], "grid": {**GRID, "method": "sharp"}}
    assert errors(json.loads(done.stdout), theirs) == [] and len(errors(shipped(), theirs)) == 1


def test_a_new_sweep_file_can_be_planned_and_names_a_schema_beside_it(tmp_path: Path) -> None:
    cli_files.new_command(tmp_path / "sub/mine.yaml")
    path = tmp_path / "sub/mine.yaml"
    first, _, rest = path.read_text(encoding="utf-8").partition("\n")
    assert (path.parent / first.removeprefix(MARK)).read_text(encoding="utf-8") == schema_text(sweep_schema())
    assert load_sweep(path).name == "mine"
    with pytest.raises(InputError, match=r"mine\.yaml: is there already"):
        cli_files.new_command(path)
    with pytest.raises(InputError, match="named after the file"):
        cli_files.new_command(tmp_path / "a b.yaml")
    assert "NAME" not in rest
