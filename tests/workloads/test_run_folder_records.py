"""Every file of a run folder: what is written is what is read, and a file with another key or column is refused.

A file's content stands here as it is on disk, of this version and of every earlier one.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heatmark.foundation.errors import InputError
from heatmark.workloads.run_folder import evaluation
from heatmark.workloads.run_folder.array_record import ArrayRecord
from heatmark.workloads.run_folder.cost import Cost
from heatmark.workloads.run_folder.decision import Decision
from heatmark.workloads.run_folder.epoch import EpochRecord
from heatmark.workloads.run_folder.events import Ended, Saved, Started, read_events
from heatmark.workloads.run_folder.failure import Failure
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.heartbeats import Beat
from heatmark.workloads.run_folder.job_record import JobRecord
from heatmark.workloads.run_folder.lease_record import LeaseRecord
from heatmark.workloads.run_folder.manifest import Manifest
from heatmark.workloads.run_folder.measured import Measured, Wanted
from heatmark.workloads.run_folder.mirrored import Mirrored
from heatmark.workloads.run_folder.record import Record
from heatmark.workloads.run_folder.result import Result
from heatmark.workloads.run_folder.spec_file import read_spec, write_spec
from heatmark.workloads.run_folder.sweep_record import SweepRecord
from tests.made_up import made_spec

WHEN = "2026-03-04T09:59:00.000Z"
SENT = {"job_id": "31_0", "time": WHEN, "adopted": False}
END = {"kind": "oom", "message": "the job ended as OUT_OF_MEMORY"}
CELL = {"signature": "0123456789abcdef", "label": "Detection"}
DETECTED = {"boxes": "det", "flip_test": True, "detections": "sha256:00"}
# As they stand on disk today.
FILES: dict[type[Record], dict[str, Any]] = {
    JobRecord: {
        **{"schema_version": 2, "executor": "slurm", "state": "submitted", "job_id": "31_1", "time": WHEN},
        **{"end": END, "killed_for": END, "waiting": {"for": "Priority", "since": WHEN}},
        "submissions": [{**SENT, "ended": WHEN, **END}],
        "earlier": [{**SENT, "ended": None, "kind": None, "message": None}],
    },
    LeaseRecord: {
        **{"schema_version": 1, "host": "node0", "pid": 7, "started": 1.5},
        **{"job": "31_0", "restart": 0, "time": WHEN},
    },
    EpochRecord: {
        **{"schema_version": 1, "epoch": 0, "step": 40, "samples_seen": 1280, "attempt": 0, "time": WHEN},
        **{"wall_s": 7.5, "epoch_s": 7.0, "images_per_s": 170.0, "data_s": 0.4, "lr": 1e-3},
        **{"train": {"loss": 0.5}, "val": {"gtbox/AP": 0.2, "gtbox/APL": None}},
    },
    Started: {
        **{"schema_version": 1, "attempt": 0, "time": WHEN, "event": "start"},
        **{"job": "31_0", "restart": 0, "ranks": 2, "nodes": 1},
    },
    Saved: {"schema_version": 1, "attempt": 0, "time": WHEN, "event": "checkpoint", "step": 40},
    Ended: {"schema_version": 1, "attempt": 0, "time": WHEN, "event": "end", "how": "finished", "step": 40},
    Beat: {"schema_version": 1, "pid": 7, "host": "node0", "step": 40, "time": WHEN},
    Failure: {
        **{"schema_version": 1, "kind": "crash", "message": "why", "rank": 0, "time": WHEN},
        **{"job": "31_0", "traceback": "Traceback ..."},
    },
    Decision: {"schema_version": 1, "by": "user", "reason": "enough", "time": WHEN},
    Result: {
        **{"schema_version": 1, "signature": "0123456789abcdef", "state": "finished", "epochs": 3, "wall_s": 95.25},
        **{"final": {"gtbox/AP": 0.2, "gtbox/APL": None}, "attempts": 1, "world_size": 2, "parameters": 1234567},
        **{"unreadable_images": ["a.jpg"], "notes": ["one image is absent"], "finished": WHEN},
        **{"versions": {"torch": "2.13.0"}, "machine": {"host": "node0", "cores": 2, "gpus": []}},
    },
    Cost: {
        **{"schema_version": 1, "attempts": 2, "states": ["PREEMPTED", "COMPLETED"], "cpu_hours": 1.5},
        **{"gpu_hours": 0.0, "wasted_cpu_hours": 0.25, "wasted_gpu_hours": 0.0},
    },
    Mirrored: {
        **{"schema_version": 3, "target": "sqlite:///a.db 1 2", "run_id": "ab12", "offset": 310, "measured": 120},
        "state": {"state": "submitted", "job_id": "31_0", "attempts": 1, "costed": False},
        **{"identity": "77", "parent": "cd34"},
    },
    Manifest: {
        **{"schema_version": 1, "signature": "0123456789abcdef"},
        "files": {"state.pt": {"bytes": 10, "sha256": "ab"}},
    },
    SweepRecord: {
        **{"schema_version": 3, "name": "demo", "created": WHEN, "scheduler": "fifo", "targets": {"coco": 0.6}},
        **{"cluster": {"executor": "local"}, "cells": [{**CELL, "source": "det"}]},
    },
    Wanted: {
        "schema_version": 1,
        "measurements": [{"source": "det", "measurement": DETECTED, "file": "/boxes.json"}],
    },
    Measured: {
        **{"schema_version": 1, "source": "det", "measurement": DETECTED, "epoch": 3, "step": 120, "time": WHEN},
        "metrics": {"detbox/AP": 0.2, "detbox/APL": None},
    },
    ArrayRecord: {
        **{"schema_version": 1, "name": "demo-1a2b", "signatures": ["0123456789abcdef"], "specs": ["/a/spec.json"]},
        **{"array": True, "job_id": "31", "cluster": None, "seen": True, "refused": False, "withdrawn": []},
        "time": 1772618340.5,
    },
}
RECORDS = sorted(FILES, key=lambda kind: kind.__name__)


def keys_of(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every key of a record, those of its parts included; not to names that are data."""
    data = {"train", "val", "final", "metrics", "versions", "machine", "cluster", "files", "targets"}
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*place, key)
            if key not in data:
                yield from keys_of(item, (*place, key))
            elif key == "files":
                yield from keys_of(item["state.pt"], (*place, key, "state.pt"))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from keys_of(item, (*place, number))


def at(value: Any, place: tuple[Any, ...]) -> Any:
    for part in place:
        value = value[part]
    return value


@pytest.mark.parametrize("kind", RECORDS)
def test_what_is_written_is_what_is_read(kind: type[Record], tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(json.dumps(FILES[kind]))
    record = kind.read(path)
    assert record is not None
    record.write(path)
    assert json.loads(path.read_text()) == FILES[kind] and kind.read(path) == record
    assert kind.read(tmp_path / "absent.json") is None


@pytest.mark.parametrize("kind", RECORDS)
def test_a_key_of_another_name_is_refused_by_its_name(kind: type[Record]) -> None:
    places = list(keys_of(FILES[kind]))
    assert len(places) >= len(kind.model_fields)
    for *parents, key in places:
        content = copy.deepcopy(FILES[kind])
        part = at(content, tuple(parents))
        part[f"{key}_"] = part.pop(key)
        if "event" in (key, f"{key}_") and issubclass(kind, (Started, Saved, Ended)):
            continue  # it says which record the line is: see below
        with pytest.raises(InputError, match=rf"^file\.json: (key .*)?{key}"):
            kind.of(content, "file.json")


@pytest.mark.parametrize("kind", RECORDS)
def test_a_value_of_another_type_is_refused_by_its_key(kind: type[Record]) -> None:
    for *parents, key in keys_of(FILES[kind]):
        content = copy.deepcopy(FILES[kind])
        at(content, tuple(parents))[key] = object()
        with pytest.raises(InputError, match=rf"^file\.json: (key .*)?{key}"):
            kind.of(content, "file.json")


@pytest.mark.parametrize("kind", RECORDS)
def test_a_version_of_tomorrow_is_refused(kind: type[Record]) -> None:
    with pytest.raises(InputError, match=r"schema_version 9: .*use the version that wrote the file"):
        kind.of({**FILES[kind], "schema_version": 9}, "file.json")


def unnumbered(kind: type[Record]) -> dict[str, Any]:
    return {key: value for key, value in FILES[kind].items() if key != "schema_version"}


FIRST_JOB = {"schema_version": 1, "executor": "slurm", "job_id": "31_1", "reason": None, "submissions": [SENT]}
FIRST_MIRROR = {"target": "sqlite:///a.db 1 2", "run_id": "ab12", "offset": 310}
SECOND_MIRROR = {key: value for key, value in {**FILES[Mirrored], "schema_version": 2}.items() if key != "measured"}
SECOND_SWEEP = {**FILES[SweepRecord], "schema_version": 2, "cells": [CELL]}
FIRST_SWEEP = {key: value for key, value in {**SECOND_SWEEP, "schema_version": 1}.items() if key != "targets"}

# Files of earlier versions, and what they mean.
EARLIER: list[tuple[type[Record], dict[str, Any], Callable[[Any], Any], Any]] = [
    (JobRecord, {**FIRST_JOB, "state": "new"}, lambda job: (job.state, job.end, job.earlier), ("new", None, [])),
    (
        JobRecord,
        {**FIRST_JOB, "state": "failed", "reason": "oom: no memory: 3 GiB", "time": WHEN},
        lambda job: (job.end.kind, job.end.message, job.reason),
        ("oom", "no memory: 3 GiB", "oom: no memory: 3 GiB"),
    ),
    (
        JobRecord,
        {**FIRST_JOB, "state": "cancelled", "reason": "stopped early by ASHA", "time": WHEN},
        lambda job: (job.end.kind, job.reason),
        ("cancelled", "stopped early by ASHA"),
    ),
    (
        JobRecord,
        {**FIRST_JOB, "state": "submitted", "killed_for": "user: the job can never start: X", "waiting": None},
        lambda job: (job.killed_for.kind, job.killed_for.message),
        ("user", "the job can never start: X"),
    ),
    (
        Mirrored,
        {**FIRST_MIRROR, "state": ["running", "None", "2"]},
        lambda sent: (sent.identity, sent.parent, sent.state.job_id, sent.state.attempts, sent.state.costed),
        (None, None, None, 2, False),
    ),
    (
        Mirrored,
        {**FIRST_MIRROR, "identity": "77", "parent": "cd", "state": ["finished", "31_0", "1", "costed"]},
        lambda sent: (sent.identity, sent.state.job_id, sent.state.costed),
        ("77", "31_0", True),
    ),
    (Mirrored, SECOND_MIRROR, lambda sent: (sent.offset, sent.measured), (310, 0)),
    *((kind, unnumbered(kind), lambda record: record.time, WHEN) for kind in (LeaseRecord, Beat, Started, Ended)),
    (SweepRecord, FIRST_SWEEP, lambda sweep: (sweep.name, sweep.targets), ("demo", {})),
    (SweepRecord, SECOND_SWEEP, lambda sweep: [cell.source for cell in sweep.cells], [""]),
    (Failure, {key: FILES[Failure][key] for key in ("schema_version", "kind", "message", "rank", "time")},
     lambda failure: (failure.job, failure.traceback), (None, "")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "content", "meaning", "expected"), EARLIER)
def test_a_file_of_an_earlier_version_is_read(
    kind: type[Record], content: dict[str, Any], meaning: Callable[[Any], Any], expected: Any, tmp_path: Path
) -> None:
    before = copy.deepcopy(content)
    record = kind.of(content, "file.json")
    assert meaning(record) == expected and content == before
    record.write(tmp_path / "now.json")
    assert kind.read(tmp_path / "now.json") == record


def test_a_file_without_its_number_is_refused_where_every_version_has_one() -> None:
    for kind in (JobRecord, EpochRecord, Result, Cost, Failure, Decision, Manifest, SweepRecord, ArrayRecord):
        with pytest.raises(InputError, match="key schema_version: missing"):
            kind.of(unnumbered(kind), "file.json")


def test_a_key_that_an_earlier_version_had_to_have_is_named() -> None:
    with pytest.raises(InputError, match=r"^job\.json: key state: missing"):
        JobRecord.of({key: value for key, value in FIRST_JOB.items() if key != "state"}, "job.json")


def test_events_are_told_apart_by_their_kind(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = [FILES[kind] for kind in (Started, Saved, Ended)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [type(event) for event in read_events(path)] == [Started, Saved, Ended]
    mistaken: list[Any] = [{**FILES[Saved], "event": "saved"}, {"evens": "start"}, []]
    for wrong in mistaken:
        path.write_text(json.dumps(wrong) + "\n")
        with pytest.raises(InputError, match=r"events\.jsonl: key event: none of start, checkpoint, end"):
            read_events(path)


def test_the_keys_of_a_spec_are_its_own(tmp_path: Path) -> None:
    path, spec = tmp_path / "spec.json", made_spec()
    write_spec(path, spec)
    assert read_spec(path) == spec and RunFolder(tmp_path).spec().signature == spec.signature
    written = json.loads(path.read_text())
    for part in (None, "data", "train", "runtime", "method"):
        for key in written if part is None else written[part]:
            content = copy.deepcopy(written)
            place = content if part is None else content[part]
            place[f"{key}_"] = place.pop(key)
            path.write_text(json.dumps(content))
            with pytest.raises(InputError, match=r"spec\.json: "):
                read_spec(path)


def test_a_run_folder_is_read_without_torch() -> None:
    modules = sorted(path.stem for path in Path(sys.modules[evaluation.__name__].__file__ or "").parent.glob("*.py"))
    lines = [f"import heatmark.workloads.run_folder.{name}" for name in modules if name != "__init__"]
    lines += ["import sys", "assert 'torch' not in sys.modules and 'deepspeed' not in sys.modules"]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, timeout=120)
