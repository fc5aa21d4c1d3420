"""The store of trials: runs/trials/<signature>/ holds a run folder, runs/<sweep>/<signature> is a link to it.

Why links of this kind, and nothing cleverer:
    symbolic     every file system of a cluster has them (NFS, Lustre, GPFS, BeeGFS); folders cannot be linked hard.
    relative     `../trials/<signature>`: the same on login node and compute node, whatever the mount is called there,
                 and still right when the whole of `runs` is moved.
    to a store   no sweep owns a trial: `rm -r runs/demo` removes links, and what other sweeps share stays.
    never moved  a job may hold a run folder by its path. A trial of an earlier version, which lies in its sweep's own
                 folder, stays there, and the store has a link to it; that sweep's folder must be kept, and is named.
What is done here is done under one lock of the store. Where a file system refuses links (FAT, some SMB and FUSE
mounts) every sweep has its trials to itself, as in earlier versions, and a note says so.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from heatmark.foundation.errors import InputError
from heatmark.foundation.file_lock import locked
from heatmark.foundation.files import sync_folder
from heatmark.workloads.run_folder.folder import run_folders
from heatmark.workloads.run_folder.former import is_of_earlier_science, signature_today
from heatmark.workloads.run_folder.sweep_record import sweep_file

# The folder's name, which no sweep can have.
STORE = "trials"
# What symlink(2) says where there are no links.
NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})


def store_of(sweep: Path) -> Path:
    """sweep: the folder of a sweep."""
    return sweep.parent / STORE


def store_lock(sweep: Path) -> Path:
    """What is written of several sweeps' trials without a driver that looks after them is written under this lock."""
    return store_of(sweep) / "placing.lock"


def find_trials(sweep: Path, signatures: Iterable[str]) -> dict[str, Path]:
    """By signature the run folder of each trial that this sweep, the store or a sweep of an earlier version has."""
    wanted = list(signatures)
    found = trials_apart(sweep.parent, wanted)
    for place in (store_of(sweep), sweep):
        found |= {signature: place / signature for signature in wanted if _is_run(place / signature)}
    return found


def place_trials(sweep: Path, signatures: Iterable[str]) -> list[str]:
    """Give a sweep the run folders of its trials, those that are there and new ones. Returns what people should know.

    Raises InputError where a sweep's folder stands in the store's place or the file system has no locks.
    """
    store, wanted = store_of(sweep), list(signatures)
    if sweep_file(store).exists():
        raise InputError(f"{store}: a sweep's folder, where the trials of all sweeps are kept; rename it")
    store.mkdir(parents=True, exist_ok=True)
    sweep.mkdir(parents=True, exist_ok=True)
    lost, unlinked = [], False
    with locked(store_lock(sweep)):
        apart = trials_apart(sweep.parent, wanted, first=sweep.name)
        for signature in wanted:
            try:
                lost += [signature] * _place(sweep, signature, apart.get(signature))
            except _NoLinksError:
                unlinked = True
                with suppress(OSError):  # of a folder in which there is something
                    (store / signature).rmdir()
                (sweep / signature).mkdir(exist_ok=True)
        sync_folder(store)
        sync_folder(sweep)
    return [*_lost(store, lost), *_kept_by_others(sweep, wanted), *_told_unlinked(sweep, unlinked)]


def trials_apart(out: Path, signatures: Iterable[str], first: str = "") -> dict[str, Path]:
    """Run folders that lie in a sweep's own folder, by signature: the finished one, else that of the sweep `first`.

    And those of an earlier science whose numbers are today's, under today's signature (former.py).
    out: the folder of all sweeps.
    """
    wanted = set(signatures)
    found: dict[str, list[Path]] = {}
    for sweep in sweeps_of(out):
        with os.scandir(sweep) as entries:
            own = [entry.name for entry in entries if entry.name in wanted and entry.is_dir(follow_symlinks=False)]
        for name in own:
            if _is_run(sweep / name):
                found.setdefault(name, []).append(sweep / name)

    def rank(path: Path) -> tuple[bool, bool]:
        return not (path / "result.json").exists(), path.parent.name != first

    return _former(out, wanted - found.keys()) | {name: min(paths, key=rank) for name, paths in found.items()}


def _former(out: Path, wanted: set[str]) -> dict[str, Path]:
    """Of the store and of the sweeps' own. One that a job holds is not gone on with: the job has the old name."""
    found: dict[str, Path] = {}
    for place in (out / STORE, *sweeps_of(out)) if wanted else ():
        for run in run_folders(place):
            finished = run.result_file.exists()
            begun = run.checkpoints.is_dir() and not run.lease_file.exists()
            if not run.path.is_symlink() and (finished or begun) and is_of_earlier_science(run):
                today = signature_today(run)
                if today in wanted and today != run.signature and (finished or today not in found):
                    found[today] = run.path
    return found


def sweeps_with(out: Path, signatures: Iterable[str]) -> Mapping[str, list[str]]:
    """For each trial the names of the sweeps that have it, by signature. out: the folder of all sweeps."""
    found: dict[str, list[str]] = {signature: [] for signature in signatures}
    for sweep in sweeps_of(out):
        for name in found.keys() & {path.name for path in sweep.iterdir()}:
            found[name].append(sweep.name)
    return found


def sweeps_of(out: Path) -> Iterator[Path]:
    """The folders of sweeps, in the order of their names."""
    for path in sorted(out.iterdir()) if out.is_dir() else ():
        if path.name != STORE and sweep_file(path).is_file():
            yield path


class _NoLinksError(Exception):
    """The file system refuses a symbolic link."""


def _place(sweep: Path, signature: str, apart: Path | None) -> bool:
    """Whether the trial was there once and is gone. apart: where an earlier version left it."""
    own, kept = sweep / signature, store_of(sweep) / signature
    lost = kept.is_symlink() and not kept.exists()
    if lost:
        kept.unlink()
    if not kept.exists():
        if apart is not None:
            _link(kept, apart)
        else:
            kept.mkdir()
    if not own.exists():
        own.unlink(missing_ok=True)  # a link to what is gone
        _link(own, kept)
    return lost


def _link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(os.path.relpath(target, path.parent), target_is_directory=True)
    except OSError as error:
        if error.errno in NO_LINKS:
            raise _NoLinksError from error
        raise


def _is_run(path: Path) -> bool:
    return (path / "spec.json").is_file()


def _lost(store: Path, signatures: list[str]) -> list[str]:
    return [f"{store / signature}: the sweep that kept it was removed; it begins anew" for signature in signatures]


def _kept_by_others(sweep: Path, signatures: list[str]) -> list[str]:
    """The sweeps of an earlier version in whose folders trials of this one lie."""
    homes = [Path(os.path.realpath(sweep / signature)).parent for signature in signatures]
    own = {Path(os.path.realpath(sweep)), Path(os.path.realpath(store_of(sweep)))}
    return [
        f"{homes.count(home)} trials of this sweep lie in {home}, as an earlier version laid them: keep that folder"
        for home in dict.fromkeys(homes)
        if home not in own
    ]


def _told_unlinked(sweep: Path, unlinked: bool) -> list[str]:
    told = f"{sweep}: this file system has no symbolic links: the trials of this sweep are not shared with others"
    return [told] * unlinked
