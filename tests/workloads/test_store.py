"""Trials shared between sweeps: where their run folders lie, and what becomes of them when a sweep is removed."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from heatmark.foundation.errors import InputError
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from heatmark.workloads.run_folder.store import find_trials, place_trials, sweeps_with
from heatmark.workloads.spec import TrialSpec
from tests.made_up import finish, made_spec, planned, planned_sweep
from tests.workloads.test_former import former

SPECS = [made_spec(seed=seed) for seed in range(3)]
ONE, TWO, THREE = (spec.signature for spec in SPECS)


def placed(sweep: Path, specs: list[TrialSpec]) -> list[str]:
    """As a driver does it. Returns the notes."""
    notes = place_trials(sweep, [spec.signature for spec in specs])
    for spec in specs:
        planned(sweep / spec.signature, spec)
    planned_sweep(sweep, specs)
    return notes


def test_two_sweeps_have_one_run_folder_of_a_trial_that_both_ask_for(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert placed(runs / "a", SPECS[:2]) == [] and placed(runs / "b", SPECS[1:]) == []
    finish(RunFolder(runs / "a" / TWO))
    assert RunFolder(runs / "b" / TWO).result() is not None
    assert [folder.signature for folder in run_folders(runs / "b")] == sorted([TWO, THREE])
    assert {path.name for path in (runs / "trials").iterdir() if path.is_dir()} == {ONE, TWO, THREE}
    assert (runs / "b" / TWO).readlink() == Path("..") / "trials" / TWO
    assert sweeps_with(runs, [ONE, TWO]) == {ONE: ["a"], TWO: ["a", "b"]}


def test_a_removed_sweep_takes_no_trial_of_another_along(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    placed(runs / "a", SPECS[:2])
    placed(runs / "b", SPECS[1:])
    finish(RunFolder(runs / "a" / TWO))
    shutil.rmtree(runs / "a")
    assert RunFolder(runs / "b" / TWO).result() is not None
    runs.rename(tmp_path / "elsewhere")
    assert RunFolder(tmp_path / "elsewhere" / "b" / TWO).result() is not None
    # And nobody's trial is found by the next that asks for it.
    kept = tmp_path / "elsewhere" / "trials" / ONE
    assert find_trials(tmp_path / "elsewhere" / "c", [ONE, "0" * 16]) == {ONE: kept}


def test_a_trial_in_the_folder_of_an_earlier_versions_sweep_is_found_and_stays_there(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    old = planned(runs / "old" / ONE, SPECS[0])
    planned_sweep(runs / "old", SPECS[:1])
    finish(old)
    assert find_trials(runs / "new", [ONE]) == {ONE: old.path}
    (note,) = placed(runs / "new", SPECS[:2])
    assert f"1 trials of this sweep lie in {runs / 'old'}" in note and "keep that folder" in note
    assert not old.path.is_symlink() and RunFolder(runs / "new" / ONE).result() is not None
    # The old sweep, run again, has its own, as it had.
    assert placed(runs / "old", SPECS[:1]) == [] and not old.path.is_symlink()

    shutil.rmtree(runs / "old")
    assert not RunFolder(runs / "new" / ONE).spec_file.exists()
    (note,) = placed(runs / "new", SPECS[:2])
    assert "the sweep that kept it was removed; it begins anew" in note
    assert RunFolder(runs / "new" / ONE).spec_file.exists() and RunFolder(runs / "new" / ONE).result() is None


def test_of_two_old_folders_of_a_trial_the_finished_one_is_shared(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("early", "late"):
        planned(runs / name / ONE, SPECS[0])
        planned_sweep(runs / name, SPECS[:1])
    finish(RunFolder(runs / "late" / ONE))
    placed(runs / "new", SPECS[:1])
    assert (runs / "new" / ONE).resolve() == runs / "late" / ONE


def test_a_trial_with_two_names_in_a_sweep_is_one_run_folder(tmp_path: Path) -> None:
    old, today = former(tmp_path / "old", 2, "bcir", 1)
    planned_sweep(tmp_path / "old", [old.spec()])
    finish(old)
    place_trials(tmp_path / "old", [today.signature])
    assert [folder.signature for folder in run_folders(tmp_path / "old")] == [today.signature]
    assert [folder.signature for folder in run_folders(tmp_path / "trials")] == [today.signature]


def test_a_trial_of_an_earlier_science_is_gone_on_with_unless_a_job_holds_it(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    old, today = former(runs / "old", 2, "bcir", 1)
    planned_sweep(runs / "old", [old.spec()])
    assert find_trials(runs / "new", [today.signature]) == {}, "it never began"
    old.checkpoints.mkdir()
    assert find_trials(runs / "new", [today.signature]) == {today.signature: old.path}
    old.lease_file.write_text("{}")
    assert find_trials(runs / "new", [today.signature]) == {}


def test_a_finished_trial_of_an_earlier_science_is_found_where_its_numbers_are_todays(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    old, today = former(runs / "old", 2, "detection", 1)
    changed, unlike = former(runs / "old", 2, "dsnt", 1)
    planned_sweep(runs / "old", [old.spec(), changed.spec()])
    assert find_trials(runs / "new", [today.signature]) == {}, "it has not finished"
    finish(old)
    finish(changed)
    assert find_trials(runs / "new", [today.signature, unlike.signature]) == {today.signature: old.path}
    placed(runs / "new", [])
    place_trials(runs / "new", [today.signature])
    found = RunFolder(runs / "new" / today.signature)
    assert found.result() is not None and found.signature == today.signature != old.signature


def test_where_there_are_no_links_every_sweep_has_its_trials_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted", str(path))

    monkeypatch.setattr(Path, "symlink_to", refused)
    runs = tmp_path / "runs"
    for name in ("a", "b"):
        (note,) = placed(runs / name, SPECS[:2])
        assert "no symbolic links" in note and "not shared" in note
    finish(RunFolder(runs / "a" / ONE))
    assert RunFolder(runs / "b" / ONE).result() is None and len(list(run_folders(runs / "b"))) == 2
    assert not (runs / "trials" / ONE).exists()


def test_what_is_one_sweeps_own_is_not_in_the_shared_folder(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    placed(runs / "a", SPECS[:1])
    placed(runs / "b", SPECS[:1])
    first, second = RunFolder(runs / "a" / ONE), RunFolder(runs / "b" / ONE)
    assert first.mirror_file != second.mirror_file and first.given_up_file != second.given_up_file
    assert planned(tmp_path / "alone").mirror_file == tmp_path / "alone" / "mlflow.json"


def test_a_sweep_in_the_stores_place_is_refused(tmp_path: Path) -> None:
    planned_sweep(tmp_path / "runs" / "trials", SPECS[:1])
    with pytest.raises(InputError, match=r"trials: a sweep's folder, where the trials of all sweeps are kept; rename"):
        place_trials(tmp_path / "runs" / "a", [ONE])
