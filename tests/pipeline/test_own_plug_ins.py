"""A method of one's own, from `heatmark new` to the report, beside built-in ones and beside broken ones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from heatmark.reports.reading.collect import collect
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from tests.made_up import job_of
from tests.pipeline.test_plug_ins import heatmark, sweep_file
from tests.pipeline.test_sweep_run import mlflow_runs

pytestmark = pytest.mark.usefixtures("plug_ins_stay_here")
HERE = dict(os.environ)


def own_sweep(folder: Path, *methods: Any, **changes: Any) -> Path:
    """Of plug-ins my_<name>.py beside the sweep file."""
    plug_ins = sorted(path.name for path in folder.glob("my_*.py"))
    grid = {"method": list(methods)} | changes.pop("grid", {})
    return sweep_file(folder, grid=grid, plugins=plug_ins, **changes)


def begun(folder: Path, name: str, old: str = "", new: str = "") -> Path:
    """A method as `heatmark new` writes it, with one thing changed."""
    done = heatmark(HERE, folder, "new", "method", name, "--out", folder / "new")
    assert done.returncode == 0, done.stderr
    content = (folder / "new" / f"{name}.py").read_text()
    assert old in content
    path = folder / f"{name}.py"
    path.write_text(content.replace(old, new) if old else content)
    shutil.rmtree(folder / "new")
    return path


def line_of(path: Path, words: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), start=1) if words in line)


def signatures(folder: Path, path: Path) -> dict[str, str]:
    done = heatmark(HERE, folder, "sweep", "plan", path, "--json")
    assert done.returncode == 0, done.stderr
    return {each["spec"]["method"]["name"]: each["signature"] for each in json.loads(done.stdout)["trials"]}


@pytest.mark.parametrize("part", ["method", "backbone", "format"])
def test_what_is_begun_passes_its_own_test(tmp_path: Path, part: str) -> None:
    done = heatmark(HERE, tmp_path, "new", part, "my_own")
    assert done.returncode == 0 and f"plugins: [{'my_own.py'}]" in done.stdout, done.stderr
    assert part != "method" or len((tmp_path / "my_own.py").read_text().splitlines()) <= 40
    tried = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_own.py"]
    done = subprocess.run(tried, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout
    again = heatmark(HERE, tmp_path, "new", part, "my_own")
    assert again.returncode == 2 and "my_own.py: is there already" in again.stderr


@pytest.mark.parametrize(
    ("name", "words"), [("bcir", "there is a method 'bcir' already"), ("My-Own", "must begin with a small letter")]
)
def test_a_name_that_cannot_be_is_told(tmp_path: Path, name: str, words: str) -> None:
    done = heatmark(HERE, tmp_path, "new", "method", name)
    assert done.returncode == 2 and words in done.stderr and not list(tmp_path.iterdir())


def test_a_changed_line_makes_new_trials_of_its_own_method_only(tmp_path: Path) -> None:
    plug_in = begun(tmp_path, "my_own")
    path = own_sweep(tmp_path, "detection", "my_own")
    alone = signatures(tmp_path, sweep_file(tmp_path, grid={"method": ["detection"]}))
    first = signatures(tmp_path, own_sweep(tmp_path, "detection", "my_own"))
    plug_in.write_text(plug_in.read_text().replace("abs()", "square()"))
    second = signatures(tmp_path, path)
    assert first["detection"] == second["detection"] == alone["detection"]
    assert first["my_own"] != second["my_own"]
    # Another name of the file is the same plug-in.
    plug_in.rename(tmp_path / "my_renamed.py")
    assert signatures(tmp_path, own_sweep(tmp_path, "detection", "my_own")) == second


def test_a_sweep_with_a_plug_in_is_planned_without_torch(tmp_path: Path) -> None:
    begun(tmp_path, "my_own")
    path = own_sweep(tmp_path, "my_own")
    program = (
        "import sys; sys.modules['torch'] = None\n"
        f"sys.argv = ['heatmark', 'sweep', 'plan', {str(path)!r}]\n"
        "from heatmark.pipeline.cli import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "My Own β 10" in done.stdout, done.stderr


def test_what_fails_in_a_plug_in_is_one_line(tmp_path: Path) -> None:
    path = begun(
        tmp_path,
        "my_own",
        "    def density",
        "    def resolved(self, epochs):\n        return 1 / 0\n\n    def density",
    )
    done = heatmark(HERE, tmp_path, "sweep", "plan", own_sweep(tmp_path, "my_own"))
    line = line_of(path, "return 1 / 0")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert f"error: plug-in my_own.py, line {line}, in resolved: ZeroDivisionError: division by zero" in done.stderr


def test_a_plug_in_that_is_not_there_is_told_with_one_that_is(tmp_path: Path) -> None:
    (tmp_path / "sweeps").mkdir()
    begun(tmp_path / "sweeps", "my_own")
    path = own_sweep(tmp_path / "sweeps", "my_own")
    done = heatmark(HERE, tmp_path, "sweep", "plan", path)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert f"my_own.py: no such file; give it from the folder that the command is run in; there is {path.parent}" in (
        done.stderr
    )


@pytest.mark.slow
@pytest.mark.timeout(1400)
def test_a_method_of_ones_own_is_compared_and_a_broken_one_fails_alone(tmp_path: Path) -> None:
    begun(tmp_path, "my_own")
    begun(tmp_path, "my_shape", "(error_BK * labelled_BK).sum() / ", "(error_BK * labelled_BK) / ")
    begun(tmp_path, "my_exit", "        error_BK = ", "        raise SystemExit(0)\n        error_BK = ")
    names = ["my_shape", "my_exit", "my_own", "detection"]
    path = own_sweep(tmp_path, *names, tracking={"enabled": True}, train={"epochs": 2, "batch_size": 4})
    done = heatmark(HERE, tmp_path, "sweep", "run", path)
    sweep = tmp_path / "runs" / "theirs"
    runs = {run.spec().method.name: run for run in run_folders(sweep)}
    assert done.returncode != 0 and set(runs) == set(names), done.stdout + done.stderr
    assert "failed" in done.stdout
    reasons = {name: job_of(runs[name]).reason or "" for name in ("my_shape", "my_exit")}
    line = line_of(tmp_path / "my_shape.py", "def losses")
    assert (
        f"my_shape.py:{line}: MyShape.losses l_distance is a tensor of 2 x 3; expected a scalar" in reasons["my_shape"]
    )
    line = line_of(tmp_path / "my_exit.py", "raise SystemExit")
    assert f"plug-in my_exit.py, line {line}, in losses: SystemExit" in reasons["my_exit"]
    assert all(runs[name].finished for name in ("my_own", "detection"))

    _, tracked = mlflow_runs(sweep)
    assert {each.data.tags["signature"] for each in tracked if "signature" in each.data.tags} == {
        run.signature for run in runs.values()
    }
    (use,) = runs["my_own"].spec().plugins
    tags = {
        each.data.tags["signature"]: each.data.tags.get("plugin.method")
        for each in tracked
        if "signature" in each.data.tags
    }
    assert (tags[runs["my_own"].signature], tags[runs["detection"].signature]) == (f"my_own.py {use.source}", None)
    read = heatmark(HERE, tmp_path, "decode", runs["my_own"].path)
    assert read.returncode == 0 and "own" in read.stdout, read.stderr
    # It goes with records that are kept.
    assert heatmark(HERE, tmp_path, "records", "keep", sweep, tmp_path / "kept").returncode == 0
    kept = RunFolder(tmp_path / "kept" / runs["my_own"].signature)
    assert (kept.path / "plugins" / use.sha256[:8] / "my_own.py").is_file() and kept.spec().method.label == "My Own"

    # A file that is gone is needed for nothing that was trained; where its copy is gone too, numbers are still there.
    for each in tmp_path.glob("my_*.py"):
        each.unlink()
    assert heatmark(HERE, tmp_path, "evaluate", runs["my_own"].path).returncode == 0
    shutil.rmtree(RunFolder(runs["my_own"].path.resolve()).path / "plugins")
    (own,) = (trial for trial in collect(sweep).trials if trial.signature == runs["my_own"].signature)
    assert own.finished and own.final_metric("EPE") is not None
    reported = heatmark(HERE, tmp_path, "report", sweep)
    page = (sweep / "report.html").read_text()
    assert reported.returncode == 0 and "My Own β 10" in page and use.source in page, reported.stderr
    read = heatmark(HERE, tmp_path, "decode", runs["my_own"].path)
    assert read.returncode == 2 and "plug-in my_own.py: no copy of it in" in read.stderr
