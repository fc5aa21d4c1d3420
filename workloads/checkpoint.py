"""Checkpoints that are whole or absent: a folder per tag, a manifest with sizes and SHA-256, renamed into place.

A checkpoint is one consolidated state (weights, optimizer, position, generators), whatever the ZeRO stage that wrote
it and the number of ranks, so that a trial resumes on any number of ranks. Rank 0 alone writes; every rank reads.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import torch

from heatmark.foundation.errors import InputError
from heatmark.foundation.files import sync_folder
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.manifest import FileRecord, Manifest

STATE_FILE = "state.pt"
MANIFEST_FILE = "manifest.json"


def save(folder: RunFolder, state: dict[str, Any], step: int, keep: int, signature: str | None = None) -> Path:
    """Write a checkpoint under `step-<step>` and drop all but the newest `keep`.

    signature: of the trial; None where the folder is named after it.
    """
    final = folder.checkpoints / f"step-{step:09d}"
    temporary = folder.checkpoints / f".{final.name}.{os.getpid()}.tmp"
    for abandoned in folder.checkpoints.glob(".step-*.tmp"):
        shutil.rmtree(abandoned, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        with (temporary / STATE_FILE).open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        files = {STATE_FILE: FileRecord.of(temporary / STATE_FILE)}
        Manifest(signature=signature or folder.signature, files=files).write(temporary / MANIFEST_FILE)
    except Exception:
        shutil.rmtree(temporary, ignore_errors=True)  # on a full disk half a checkpoint would only take up room
        raise
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    sync_folder(folder.checkpoints)
    for old in newest_first(folder)[keep:]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def newest_first(folder: RunFolder) -> list[Path]:
    """The checkpoints in place, whether intact or not."""
    return sorted(folder.checkpoints.glob("step-*"), reverse=True)


def load(folder: RunFolder, signature: str | None = None) -> tuple[dict[str, Any] | None, list[str]]:
    """The newest intact checkpoint, or None where none was ever written, and what is wrong with newer ones.

    signature: of the trial that must have written it, whatever its folder is called by now.
    Raises RuntimeError where checkpoints exist but none is intact: a trial never starts from scratch in silence.
    """
    complaints: list[str] = []
    for path in newest_first(folder):
        complaint = defect(path, signature or folder.signature)
        if complaint is None:
            return read_state(path), complaints
        complaints.append(f"checkpoint {path} is not used: {complaint}")
    if complaints:
        raise RuntimeError(
            "no intact checkpoint is left: " + "; ".join(complaints) + f". To train again from the start, "
            f"remove {folder.checkpoints} and {folder.metrics_file}"
        )
    return None, []


def epoch_ends(folder: RunFolder, signature: str) -> dict[int, Path]:
    """The intact checkpoints that were written between two epochs, by the number of epochs behind them."""
    found: dict[int, Path] = {}
    for path in newest_first(folder):
        if defect(path, signature) is None:
            position = read_state(path)["position"]
            if position["batch"] == 0:
                found.setdefault(position["epoch"], path)
    return found


def read_state(path: Path) -> dict[str, Any]:
    """What a sound checkpoint holds."""
    # Our own run folder, checked against its manifest; weights_only keeps code in a planted file from running.
    state: dict[str, Any] = torch.load(path / STATE_FILE, map_location="cpu", weights_only=True)
    return state


def defect(path: Path, signature: str) -> str | None:
    """What is wrong with a checkpoint, or None."""
    try:
        manifest = Manifest.read(path / MANIFEST_FILE)
    except InputError as error:
        return f"its manifest is no good: {error}"
    if manifest is None:
        return "it has no manifest"
    if manifest.signature != signature:
        return f"it belongs to trial {manifest.signature}"
    for name, expected in manifest.files.items():
        if not (path / name).is_file():
            return f"{name} is missing"
        if FileRecord.of(path / name) != expected:
            return f"{name} differs from its manifest (truncated or damaged)"
    return None
