"""Run folders of earlier versions are found under today's signature, where their numbers are today's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heatmark.workloads.run_folder.events import Started
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.former import signature_today
from heatmark.workloads.spec import TrialSpec
from tests.made_up import made_spec, planned


def former(path: Path, version: int, method: str, ranks: int | None, **train: Any) -> tuple[RunFolder, TrialSpec]:
    """A run folder as that version left it, and its trial as it is planned today. ranks: None was never started."""
    today = made_spec(method, train=train)
    then = TrialSpec.model_validate_json(json.dumps({**today.model_dump(mode="json"), "science_version": version}))
    folder = planned(path / then.signature, then)
    if ranks:
        folder.append_event(Started(attempt=0, time="2026-01-01", job="1", restart=0, ranks=ranks, nodes=1))
    return folder, today


@pytest.mark.parametrize(
    ("version", "method", "ranks", "train", "alike"),
    [
        (2, "bcir", 1, {}, True),
        (2, "bcir", None, {}, True),
        (2, "bcir", 2, {}, False),
        (2, "ipr", 4, {}, False),
        (2, "rle", 4, {}, False),
        (2, "detection", 4, {}, True),
        (2, "dsnt", 1, {}, False),
        (1, "bcir", 1, {"flip_test": False}, True),
        (1, "bcir", 1, {}, False),
        (3, "ipr", 4, {}, True),
    ],
)
def test_what_would_come_out_the_same_is_found(
    version: int, method: str, ranks: int | None, train: dict[str, Any], alike: bool, tmp_path: Path
) -> None:
    folder, today = former(tmp_path, version, method, ranks, **train)
    assert (folder.signature == today.signature) == (version == 3)
    assert signature_today(folder) == (today.signature if alike else None)


def test_how_it_was_measured_was_a_part_of_it(tmp_path: Path) -> None:
    """Trials that were two are one now."""
    found = {signature_today(former(tmp_path, 2, "bcir", 1, eval_every=every)[0]) for every in (1, 5)}
    assert len(found) == 1 and len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_read_is_nobodys(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert signature_today(folder) is None
    folder.spec_file.write_text("{")
    assert signature_today(folder) is None
