"""A method, a backbone, a format or a cluster of somebody else's is one file, known by its name from then on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from heatmark.workloads.run_folder.folder import run_folders
from tests.made_up import final_of, job_of
from tests.plug_ins import install, write_dots

DRAWN = {"synthetic": {"people_train": 16, "people_val": 8}, "input_size": [64, 64]}


def heatmark(environment: dict[str, str], cwd: Path, *arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "heatmark.pipeline.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)


def sweep_file(folder: Path, **changes: Any) -> Path:
    grid = {"method": ["detection"], "backbone": ["sbl-r18-w8"], "dataset": ["people"], "seed": [0]}
    content: dict[str, Any] = {
        "name": "theirs",
        "grid": grid | changes.pop("grid", {}),
        "train": {"epochs": 1, "batch_size": 4, "flip_test": True},
        "data": {"people": changes.pop("people", DRAWN)},
        "cluster": {"threads": 1, **changes.pop("cluster", {})},
        "tune": {"dashboard": False},
        "tracking": {"enabled": False},
        **changes,
    }
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def planned(environment: dict[str, str], folder: Path, **changes: Any) -> dict[str, Any]:
    done = heatmark(environment, folder, "sweep", "plan", sweep_file(folder, **changes), "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_method_is_in_the_grid_with_its_own_fields(tmp_path: Path) -> None:
    environment = install(tmp_path / "site", "methods")
    grid = {"method": ["sharp", {"name": "sharp", "sigma": 1.5}], "reach": [1, 2]}
    plan = planned(environment, tmp_path, grid=grid)
    methods = [trial["spec"]["method"] for trial in plan["trials"]]
    assert [(each["sigma"], each["reach"]) for each in methods] == [(1, 1), (1, 2), (1.5, 1), (1.5, 2)]
    assert all(trial["label"].startswith("Sharp sbl-r18-w8 people seed 0") for trial in plan["trials"])
    done = heatmark(environment, tmp_path, "sweep", "plan", sweep_file(tmp_path, grid={"method": ["shrap"]}))
    assert done.returncode == 2 and "grid.method: 'shrap' is no method; did you mean 'sharp'?" in done.stderr


def test_a_backbone_is_in_the_grid_and_has_a_cost(tmp_path: Path) -> None:
    environment = install(tmp_path / "site", "backbones")
    plan = planned(environment, tmp_path, grid={"backbone": ["plain-w4"]})
    assert [trial["spec"]["backbone"] for trial in plan["trials"]] == ["plain-w4"]
    # Whatever of a trial is an installed package's is in its signature, by its content.
    (use,) = plan["trials"][0]["spec"]["plugins"]
    assert (use["of"], use["installed"], use["name"]) == ("backbone", True, "their_backbones")
    done = heatmark(environment, tmp_path, "models", "plain-w4", "--joints", 3, "--input-size", "64x64", "--json")
    assert json.loads(done.stdout)["plain-w4"]["parameters"] == 3 * 4 * 9 + 4 + 4 * 4 * 9 + 4 + 4 * 3 + 3
    done = heatmark(environment, tmp_path, "models", "plane-w4")
    assert done.returncode == 2 and "did you mean 'plain-w4'?" in done.stderr and "plain nets as in" in done.stderr


def test_a_format_is_read_checked_shown_and_scored(tmp_path: Path) -> None:
    environment = install(tmp_path / "site", "formats")
    truth = write_dots(tmp_path / "dots")
    plan = planned(environment, tmp_path, people={"format": "dots", "root": str(truth.parent)})
    data = plan["trials"][0]["spec"]["data"]
    assert (data["format"], data["input_size"]) == ("dots", [64, 64]) and data["fingerprint"].startswith("sha256:")
    report = json.loads(heatmark(environment, tmp_path, "data", "check", truth.parent, "--json").stdout)
    assert (report["format"], report["defects"], report["splits"]["train"]["people"]) == ("dots", [], 12)
    stats = json.loads(heatmark(environment, tmp_path, "data", "stats", truth.parent, "--json").stdout)
    assert stats["splits"]["val"]["labelled"] == {"top": 1, "left": 1, "right": 1}
    sheet = tmp_path / "sheet.png"
    assert heatmark(environment, tmp_path, "data", "show", truth.parent, "--out", sheet).returncode == 0
    assert sheet.stat().st_size > 10_000
    found = [each["joints"] for each in json.loads(truth.read_text()) if each["split"] == "val"]
    (tmp_path / "found.json").write_text(json.dumps(found))
    scored = heatmark(environment, tmp_path, "score", "dots", truth, tmp_path / "found.json", "--json")
    assert json.loads(scored.stdout) == {"Hits": 1.0}
    assert "dots: dots.json and a json list" in heatmark(environment, tmp_path, "score", "--help").stdout


def test_a_format_without_a_drawn_twin_is_not_drawn(tmp_path: Path) -> None:
    environment = install(tmp_path / "site", "formats")
    done = heatmark(environment, tmp_path, "data", "synth", "--format", "dots", tmp_path / "out")
    assert done.returncode == 2
    assert "synthetic dots: nothing is drawn in this format; valid: coco, mpii, lspet, rhd" in done.stderr
    path = sweep_file(tmp_path, people={**DRAWN, "format": "dots"})
    done = heatmark(environment, tmp_path, "sweep", "plan", path)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "data.people.synthetic: nothing is drawn in the format dots; give root (a folder)" in done.stderr


def test_a_cluster_is_an_executor(tmp_path: Path) -> None:
    environment = install(tmp_path / "site", "clusters")
    path = sweep_file(tmp_path, cluster={"executor": "pretend", "nodes": 3}, train={"batch_size": 6})
    done = heatmark(environment, tmp_path, "sweep", "plan", path)
    assert done.returncode == 0, done.stderr
    assert "one pretend job of 3 node(s)" in done.stdout and "1 trials are pretended" in done.stdout
    path = sweep_file(tmp_path, cluster={"executor": "pretent"})
    done = heatmark(environment, tmp_path, "sweep", "plan", path)
    assert done.returncode == 2
    assert "cluster.executor: \"pretent\": unknown executor 'pretent'; did you mean 'pretend'?" in done.stderr


@pytest.mark.slow
def test_a_sweep_runs_on_a_cluster_of_somebody_elses(tmp_path: Path) -> None:
    environment = install(tmp_path / "site", "clusters")
    path = sweep_file(tmp_path, cluster={"executor": "pretend"}, report={"enabled": False})
    done = heatmark(environment, tmp_path, "sweep", "run", path)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = run_folders(tmp_path / "runs" / "theirs")
    job = job_of(run)
    assert (job.executor, job.state, job.job_id) == ("pretend", "finished", "pretended")


@pytest.mark.slow
@pytest.mark.timeout(1400)
def test_a_sweep_of_nothing_but_plug_ins_ends_with_a_report(tmp_path: Path) -> None:
    environment = install(tmp_path / "site", "methods", "backbones", "formats")
    root = write_dots(tmp_path / "dots").parent
    grid = {"method": ["sharp", "detection"], "backbone": ["plain-w4"]}
    path = sweep_file(tmp_path, grid=grid, people={"format": "dots", "root": str(root)})
    done = heatmark(environment, tmp_path, "sweep", "run", path)
    assert done.returncode == 0, done.stdout + done.stderr
    sweep = tmp_path / "runs" / "theirs"
    for run in run_folders(sweep):
        final = final_of(run)
        assert {"gtbox/Hits", "gtbox/Hits/top", "gtbox/Twice", "gtbox/EPE"} <= set(final)
    page = (sweep / "report.html").read_text()
    # A format that names no metrics shows all of them, its headline first, and no part of one.
    assert "Hits (GT boxes)" in page and "Twice (GT boxes)" in page and "Hits/top" not in page
    assert "Sharp" in page and (sweep / "report.pdf").exists()
