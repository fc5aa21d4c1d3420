"""`heatmark export` as a command: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from heatmark.foundation.errors import InputError
from heatmark.pipeline.cli import app
from heatmark.workloads.evaluate import Kept, evaluate
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.views import view_of
from tests.made_up import finish, made_epoch, planned_sweep
from tests.workloads.taught import as_run, drawn_people, spec_of, usual_net

ALONE = Ranks(0, 1, torch.device("cpu"))


def heatmark(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "heatmark.pipeline.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=280)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished trials with records of untrained nets; BCIR has the higher AP on record."""
    folder = tmp_path_factory.mktemp("runs") / "two"
    root = drawn_people(tmp_path_factory.mktemp("data") / "drawn", 24)
    specs = [spec_of(root, name, batch_size=8) for name in ("detection", "bcir")]
    for place, spec in enumerate(specs):
        model = usual_net(spec).eval()
        run = as_run(folder, spec, model)
        found = evaluate(model, view_of(spec, ALONE), ALONE, set(), kept=Kept(every_reading=True))
        found.write(run, 0)
        metrics = {**found.metrics, "gtbox/AP": 0.25 + place / 4}
        run.append_epoch(made_epoch(0, metrics))
        finish(run, metrics, epochs=1, notes=[f"{root}/val2017: one image is absent"])
    planned_sweep(folder, specs)
    return folder


def run_of(sweep: Path, method: str) -> RunFolder:
    found = (RunFolder(path.parent) for path in sweep.glob("*/spec.json"))
    return next(run for run in found if run.spec().method.name == method)


def test_a_file_and_its_card_are_written_and_not_written_over(sweep: Path, tmp_path: Path) -> None:
    file, run = tmp_path / "out" / "model.ts", run_of(sweep, "detection")
    done = heatmark("export", run.path, file, "--verify", "--data-licence", "CC BY 4.0, drawn", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert Path(told["file"]) == file and told["signature"] == run.signature and told["largest_px"] <= 1e-4
    assert told["metrics"]["torch"].keys() == told["metrics"]["torch.jit"].keys()
    assert sorted(path.name for path in file.parent.iterdir()) == ["model.md", "model.ts"]
    card = (file.parent / "model.md").read_text()
    assert "How to run it" in card
    for part in (
        'torch.jit.load("model.ts")',
        "24 validation people",
        "| AP | 25.0 % | ",
        "CC BY 4.0",
    ):
        assert part in card
    assert f"Signature: {run.signature}" in card and "labelled joints:" in card and "| Image | Annotation |" in card
    spec = run.spec()
    assert f"{spec.data.name}/val2017: one image is absent" in card and spec.runtime.data_root not in card
    before = file.read_bytes()
    again = heatmark("export", run.path, file)
    assert again.returncode == 2 and "is there already; give another file, or --force" in again.stderr
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["RUN", "model.bin"], "no format of an export by its suffix"),
        (["RUN"], "give RUN_DIR and FILE"),
        (["RUN", "model.ts", "--metric", "AP"], "--metric and --data go with --run-best"),
        (["nowhere", "model.ts"], "spec.json: cannot be read"),
        (["--run-best", "SWEEP", "model.ts", "--metric", "APx"], "valid: "),
        (["--run-best", "SWEEP", "RUN", "model.ts"], "give FILE alone"),
        (["--run-best", "SWEEP", "model.ts", "--data", "coco"], "no data set of"),
        (["--run-best", "nowhere", "model.ts"], "nowhere: no such folder"),
    ],
)
def test_what_cannot_be_exported_is_said_and_leaves_nothing(
    sweep: Path, tmp_path: Path, arguments: list[str], why: str
) -> None:
    places: dict[str, Any] = {"RUN": run_of(sweep, "bcir").path, "SWEEP": sweep, "nowhere": tmp_path / "nowhere"}
    given = [places.get(each, tmp_path / each if each.startswith("model") else each) for each in arguments]
    with pytest.raises(InputError, match=re.escape(why)):
        app(["export", *map(str, given)], standalone_mode=False)
    assert not list(tmp_path.iterdir())


def test_the_best_of_a_sweep_is_chosen_and_said(sweep: Path, tmp_path: Path) -> None:
    done = heatmark("export", "--run-best", sweep, tmp_path / "best.ts", "--metric", "AP")
    assert done.returncode == 0, done.stderr
    assert "BCIR β 10 with sbl-r18-w8 on drawn is the best of 2 cells by AP: 50.0 %, 1 seed" in done.stderr
    assert "the runner-up is Detection with sbl-r18-w8: 25.0 %, 1 seed" in done.stderr
    card = (tmp_path / "best.md").read_text()
    assert "chosen from a sweep" in card and "It was not given." in card and card.startswith("# BCIR")
