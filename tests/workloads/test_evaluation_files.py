"""The files of an evaluation come back to the bit; a column, key or array of another name is refused by it."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heatmark.foundation.errors import InputError
from heatmark.workloads.run_folder import evaluation, heatmaps
from heatmark.workloads.run_folder.evaluation import Records, read_records
from heatmark.workloads.run_folder.heatmaps import Heatmaps, read_heatmaps


def made_records() -> Records:
    draw = np.random.default_rng(0)

    def floats(*shape: int) -> Any:
        return draw.random(shape).astype(np.float32)

    return Records(
        format="coco",
        boxes="gt",
        joints=("nose", "left_eye", "right_eye"),
        reaches=(0, 1),
        windows=(4, 8),
        sigmas=(0.5, 1.0, 2.0),
        image_N=np.array([3, 5]),
        annotation_N=np.array([2**53 + 1, -1]),
        numbers={name: floats(2) for name in evaluation.NUMBERS},
        error_NK=np.array([[1.5, np.nan, 2.0], [0.25, 1.0, 3.0]], np.float32),
        visibility_NK=np.array([[2, 0, 1], [2, 2, 1]], np.uint8),
        confidence_NK=floats(2, 3),
        joints_NK2=floats(2, 3, 2),
        activation_NS=floats(2, 2),
        chi_square_NWG=floats(2, 2, 3),
        error_mm_NK=floats(2, 3),
        softmax_activation_NS=floats(2, 2),
        towards_NK=floats(2, 3),
        kind_NK=np.array([[1, 0, 5], [2, 3, 4]], np.uint8),
        oks_mended_NE=floats(2, 4),
        readings={
            "exact": evaluation.Reading(floats(2, 3), floats(2)),
            "dark": evaluation.Reading(floats(2, 3), floats(2)),
        },
    )


@pytest.fixture
def records_file(tmp_path: Path) -> Path:
    path = tmp_path / "epoch-0004.parquet"
    path.write_bytes(evaluation.encode(made_records()))
    return path


def test_evaluation_records_come_back_to_the_bit(records_file: Path) -> None:
    found, made = read_records(records_file), made_records()
    assert found.epoch == 5
    for each in fields(Records):
        value, expected = getattr(found, each.name), getattr(made, each.name)
        if each.name == "numbers":
            assert value.keys() == expected.keys()
            assert all(np.array_equal(value[name], expected[name], equal_nan=True) for name in expected)
        elif each.name == "readings":
            assert list(value) == list(expected)
            for name in expected:
                assert np.array_equal(value[name].error_NK, expected[name].error_NK)
                assert np.array_equal(value[name].oks_N, expected[name].oks_N)
        elif isinstance(expected, np.ndarray):
            assert value.dtype == expected.dtype and np.array_equal(
                value, expected, equal_nan=expected.dtype.kind == "f"
            )
        elif each.name != "epoch":
            assert value == expected


def test_every_column_is_asked_for_by_its_name(records_file: Path) -> None:
    whole = pq.read_table(records_file)
    assert len(whole.column_names) == 26
    for name in whole.column_names:
        names = [f"{each}_" if each == name else each for each in whole.column_names]
        pq.write_table(whole.rename_columns(names).replace_schema_metadata(whole.schema.metadata), records_file)
        with pytest.raises(InputError, match=rf"epoch-0004\.parquet: column {name}"):
            read_records(records_file)
        # A column of text is no column of numbers.
        column = pa.array(["a"] * whole.num_rows)
        pq.write_table(whole.set_column(whole.column_names.index(name), name, column), records_file)
        with pytest.raises(InputError, match=rf"column {name}: 1 x string per person, expected"):
            read_records(records_file)


def test_every_key_of_the_metadata_is_asked_for_by_its_name(records_file: Path) -> None:
    whole = pq.read_table(records_file)
    about = json.loads(whole.schema.metadata[evaluation.METADATA_KEY])
    assert about["schema_version"] == 2 and len(about) == 8
    for key in about:
        changed = {f"{name}_" if name == key else name: value for name, value in about.items()}
        metadata = {evaluation.METADATA_KEY: json.dumps(changed)}
        pq.write_table(whole.replace_schema_metadata(metadata), records_file)
        with pytest.raises(InputError, match=rf"epoch-0004\.parquet: key {key}"):
            read_records(records_file)


def test_records_of_the_first_version_know_one_read_out(records_file: Path) -> None:
    whole = pq.read_table(records_file)
    later = ("softmax_activation", "towards", "kind", "oks_mended")
    first = whole.drop_columns([name for name in whole.column_names if ":" in name or name in later])
    about = json.loads(whole.schema.metadata[evaluation.METADATA_KEY])
    del about["readings"]
    metadata = {evaluation.METADATA_KEY: json.dumps({**about, "schema_version": 1})}
    pq.write_table(first.replace_schema_metadata(metadata), records_file)
    found = read_records(records_file)
    assert found.readings == {} and found.kind_NK is None and found.towards_NK is None
    assert np.array_equal(found.error_NK, made_records().error_NK, equal_nan=True)


def test_heatmaps_come_back_to_the_bit_and_every_array_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "heatmaps-0003.npz"
    joints_PK2 = np.arange(12, dtype=np.float32).reshape(1, 6, 2)
    made = Heatmaps(
        density_PKHW=np.ones((1, 6, 4, 3), np.float16),
        crop_PRC3=np.zeros((1, 16, 12, 3), np.uint8),
        true_PK2=joints_PK2,
        found_PK2=joints_PK2 + 1,
        labelled_PK=np.ones((1, 6), bool),
        image_id_P=np.array([7]),
        annotation_id_P=np.array([2**53 + 1]),
    )
    path.write_bytes(heatmaps.encode(made))
    found = read_heatmaps(path)
    for each in fields(Heatmaps):
        value, expected = getattr(found, each.name), getattr(made, each.name)
        assert value.dtype == expected.dtype and np.array_equal(value, expected)
    with np.load(path) as file:
        arrays = dict(file)
    assert len(arrays) == 8
    for name in arrays:
        np.savez(path, **{f"{each}_" if each == name else each: array for each, array in arrays.items()})
        wrong = r"schema_version_" if name == "schema_version" else name
        with pytest.raises(InputError, match=rf"heatmaps-0003\.npz: array {wrong}"):
            read_heatmaps(path)
    # The first files had no number, and are read.
    first = {name: array for name, array in arrays.items() if name != "schema_version"}
    np.savez(path, **first)
    assert len(read_heatmaps(path)) == 1
    np.savez(path, **first, schema_version=np.array(2))
    with pytest.raises(InputError, match="schema_version 2"):
        read_heatmaps(path)
