"""Evaluation records as arrays: what was written is what is read, and a bad file gets one clear message."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heatmark.foundation.errors import InputError
from heatmark.models.methods import Detection
from heatmark.reports.reading.collect import collect
from heatmark.reports.reading.records import last_records, record_files, records_at
from heatmark.workloads.run_folder.evaluation import read_records
from tests.reports.recorded import REACHES, SIGMAS, WINDOWS, made_up_people, with_errors, write_records

Replay = dict[str, Callable[..., Any]]


def test_columns_come_back_as_written(tmp_path: Path) -> None:
    columns = with_errors(made_up_people(9), 4.0)
    records = read_records(write_records(tmp_path, columns, epoch=11))
    assert (len(records), records.epoch, records.format, records.boxes) == (9, 12, "coco", "gt")
    assert np.array_equal(records.image_N, columns["image_id"])
    assert np.array_equal(records.error_NK, columns["error"], equal_nan=True)
    assert np.array_equal(records.visibility_NK, columns["visibility"])
    assert np.array_equal(records.numbers["occluded_share"], columns["occluded_share"])
    assert np.array_equal(records.joints_NK2.reshape(9, -1), columns["joints"])
    assert records.activation_NS.shape == (9, len(REACHES))
    assert np.array_equal(records.chi_square_NWG[:, 1, 2], columns["chi_square"][:, len(SIGMAS) + 2])
    assert records.windows == WINDOWS and np.isnan(records.error_mm_NK).all()


def test_nulls_are_no_values(tmp_path: Path) -> None:
    path = write_records(tmp_path, with_errors(made_up_people(4), 4.0))
    table = pq.read_table(path)
    for name, kind in (("annotation_id", pa.int64()), ("oks", pa.float32()), ("reference_length", pa.float32())):
        column = table.column_names.index(name)
        table = table.set_column(column, name, pa.array([None] * 4, kind))
    pq.write_table(table, path)
    records = read_records(path)
    assert records.annotation_N.tolist() == [-1] * 4
    assert np.isnan(records.numbers["oks"]).all() and np.isnan(records.numbers["reference_length"]).all()


def test_the_newest_evaluation_counts_and_others_can_be_asked_for(tmp_path: Path, replay: Replay) -> None:
    run = replay["write_spec"](tmp_path, replay["trial_spec"](Detection(), tmp_path))
    (trial,) = collect(tmp_path).trials
    assert last_records(trial) is None and record_files(trial) == {}
    for epoch in (2, 11, 5):
        write_records(run.path, with_errors(made_up_people(4), 4.0), epoch=epoch)
    newest, third = last_records(trial), records_at(trial, 3)
    assert newest is not None and third is not None
    assert (newest.epoch, third.epoch, records_at(trial, 4)) == (12, 3, None)


def test_a_file_that_is_no_good_is_named(tmp_path: Path) -> None:
    torn = tmp_path / "evaluations" / "epoch-0003.parquet"
    torn.parent.mkdir()
    torn.write_bytes(b"PAR1 torn")
    columns = with_errors(made_up_people(4), 4.0)
    newer = write_records(tmp_path, columns, epoch=4, schema_version=3)
    short = write_records(tmp_path, columns, epoch=5, reaches=[0, 1])
    bare = tmp_path / "evaluations" / "epoch-0006.parquet"
    pq.write_table(pa.table({"image_id": [1]}), bare)
    for path, why in ((torn, "epoch-0003"), (newer, "schema_version 3"), (short, "activation_sum"), (bare, "heatmark")):
        with pytest.raises(InputError, match=why):
            read_records(path)


@pytest.mark.parametrize("column", ["score", "root_of_area"])
def test_a_column_of_another_name_is_an_error_and_no_finding(column: str, tmp_path: Path, replay: Replay) -> None:
    """The report is written, says on its first page what it is without, and gives no other reason for it."""
    sweep = tmp_path / "demo"
    specs = replay["write_sweep"](sweep, tmp_path / "data")
    for spec in specs:
        path = write_records(sweep / spec.signature, with_errors(made_up_people(60), 4.0))
        table = pq.read_table(path)
        names = ["renamed" if name == column else name for name in table.column_names]
        pq.write_table(table.rename_columns(names).replace_schema_metadata(table.schema.metadata), path)
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "report", str(sweep)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stdout.count("wrote ") == 3
    assert done.stderr.count(f"epoch-0011.parquet: column {column}: missing") == 5
    note = (sweep / "report" / "note.md").read_text().replace("\\", "")
    assert "the evaluation records of 5 trials cannot be read" in note and f"column {column}: missing" in note
    assert "cover the same people" not in note
