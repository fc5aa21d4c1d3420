"""What a report needs of finished trials, small enough to be committed, and back into a sweep's folder.

    DIR/sweep.json                  the sweep's cells, without where they ran
    DIR/<signature>/                spec, result and epochs of a finished trial, its further measurements, and the
                                    records of the last evaluation of each; its plug-ins

No photograph is in it, no path and no name of a machine. Records lose nothing: they are only packed more tightly.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heatmark.foundation.errors import InputError
from heatmark.foundation.files import write_atomic
from heatmark.foundation.plug_in_source import copies_in
from heatmark.pipeline.trial_labels import name_of
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from heatmark.workloads.run_folder.result import Result
from heatmark.workloads.run_folder.spec_file import write_spec
from heatmark.workloads.run_folder.sweep_record import SweepRecord, sweep_file
from heatmark.workloads.runtime import RuntimeSpec
from heatmark.workloads.spec import TrialSpec

# Of a result's machine, what says which one it was and not what it is like.
NAMES_THE_MACHINE = ("host",)


@dataclass(frozen=True)
class Kept:
    """Trials that were written, and those that were there before, by signature. bytes_written: by the former."""

    written: tuple[str, ...]
    there: tuple[str, ...]
    bytes_written: int


def keep_records(sweep: Path, kept: Path, on_trial: Callable[[str], None] = lambda _line: None) -> Kept:
    """Write the finished trials of a sweep's folder that are not kept yet. on_trial: told the size of each.

    Raises InputError where the folder is no sweep's or none of its trials has finished.
    """
    record = _sweep_record(sweep)
    finished = [(folder, result) for folder in run_folders(sweep) if folder.finished and (result := folder.result())]
    if not finished:
        raise InputError(f"{sweep}: no trial has finished, so there is nothing to keep; run the sweep first")
    written, there, total = [], [], 0
    for folder, result in finished:
        place = RunFolder(kept / folder.signature)
        if place.result() is not None:
            there.append(folder.signature)
            continue
        size = _keep(folder, result, place)
        on_trial(f"{name_of(folder.signature, folder.spec().label)}: {size / 1000:.0f} kB")
        written.append(folder.signature)
        total += size
    record.model_copy(update={"cluster": {}}).write(sweep_file(kept))
    return Kept(tuple(written), tuple(there), total)


def restore_records(kept: Path, sweep: Path) -> Kept:
    """Put kept trials into a sweep's folder, where they are finished ones from then on; others stay as they are.

    Raises InputError where nothing was kept, or where a trial was begun in the folder and has not finished.
    """
    record = _sweep_record(kept)
    trials = list(run_folders(kept))
    begun = [own for trial in trials if _is_begun(own := RunFolder(sweep / trial.signature))]
    if begun:
        raise InputError(
            f"{begun[0].path}: begun here and not finished, but finished in {kept}; let it finish, or remove its folder"
        )
    written, there, total = [], [], 0
    for trial in trials:
        own = RunFolder(sweep / trial.signature)
        if own.result() is not None:
            there.append(trial.signature)
            continue
        # The result is written last: a trial whose restoring was interrupted is restored again.
        for path in [*_files(trial), trial.result_file]:
            content = path.read_bytes()
            write_atomic(own.path / path.relative_to(trial.path), content)
            total += len(content)
        written.append(trial.signature)
    if not sweep_file(sweep).exists():
        record.write(sweep_file(sweep))
    return Kept(tuple(written), tuple(there), total)


def _sweep_record(folder: Path) -> SweepRecord:
    record = SweepRecord.read(sweep_file(folder))
    if record is None:
        raise InputError(
            f"{folder}: no sweep.json here; give a sweep's folder, such as runs/demo, or one of kept records"
        )
    return record


def _is_begun(folder: RunFolder) -> bool:
    return folder.result() is None and (folder.events_file.exists() or folder.job_file.exists())


def _files(folder: RunFolder) -> list[Path]:
    """All that is kept of a trial but its result, of files that are there."""
    records = [path for each in _measurements(folder) for path in each.records_files().values()]
    found = (folder.spec_file, folder.metrics_file, folder.measurements_file, *records)
    return [path for path in found if path.exists()] + copies_in(folder.path)


def _measurements(folder: RunFolder) -> list[RunFolder]:
    """Where the evaluation files of each lie, the trial's own first."""
    return [folder, *(folder.of_source(source) for source in folder.measurements())]


def _keep(folder: RunFolder, result: Result, place: RunFolder) -> int:
    """Returns how many bytes that were."""
    spec = folder.spec()
    anonymous = RuntimeSpec(data_root=spec.data.name)
    write_spec(place.spec_file, spec.model_copy(update={"runtime": anonymous}))
    for path in (folder.metrics_file, folder.measurements_file, *copies_in(folder.path)):
        if path.exists():
            write_atomic(place.path / path.relative_to(folder.path), path.read_bytes())
    for each in _measurements(folder):
        records = each.records_files()
        if records:
            last = records[max(records)]
            write_atomic(place.path / last.relative_to(folder.path), _packed(last))
    _without_place(result, spec).write(place.result_file)
    return sum(path.stat().st_size for path in [*_files(place), place.result_file])


def _without_place(result: Result, spec: TrialSpec) -> Result:
    """The same without the host's name; in its notes the data set's name for its folder."""

    def named(texts: Any) -> list[str]:
        return [spec.without_place(text) for text in texts]

    machine = {name: value for name, value in result.machine.items() if name not in NAMES_THE_MACHINE}
    changed = {"machine": machine, "notes": named(result.notes), "unreadable_images": named(result.unreadable_images)}
    return result.model_copy(update=changed)


def _packed(path: Path) -> bytes:
    """A parquet file with the same columns and metadata in two thirds of the room."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        table = file.read(use_threads=False)
    packed = io.BytesIO()
    pq.write_table(
        table, packed, compression="zstd", compression_level=19, use_dictionary=False, use_byte_stream_split=True
    )
    return packed.getvalue()
