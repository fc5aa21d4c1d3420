"""A drawn data set's recipe, and its tree on disk: whole or not at all, and only once."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from heatmark.datasets.people import SPLITS, Split
from heatmark.foundation.errors import InputError

Progress = Callable[[int, int], None]

# Names the recipe of the tree that it lies in: with it a second call knows that there is nothing left to do.
MARKER = "synthetic.json"


@dataclass(frozen=True)
class Recipe(ABC):
    """How many annotated people each split holds, and the seed that everything follows from.

    version: raised with every change of what is drawn or written, so that an older tree is never taken for a new one.
    """

    format: ClassVar[str]
    version: ClassVar[int]

    people_train: int
    people_val: int
    seed: int

    def __post_init__(self) -> None:
        for name, least in (("people_train", 1), ("people_val", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(
                    f"synthetic {self.format}: {name} is {getattr(self, name)}; it must be {least} or more"
                )

    def fingerprint(self) -> str:
        return f"synth-{self.format}-v{self.version}-train{self.people_train}-val{self.people_val}-seed{self.seed}"

    def people(self, split: Split) -> int:
        return self.people_train if split == "train" else self.people_val

    def progress_of(self, split: Split, progress: Callable[[int], None]) -> Callable[[int], None]:
        """For counting people of one split, of which the validation split is the second."""
        before = self.people_train if split == "val" else 0
        return lambda people: progress(before + people)

    @abstractmethod
    def write(self, root: Path, progress: Callable[[int], None]) -> None:
        """Write both splits into an empty folder. progress is called with the people written so far."""


def write_tree(root: Path, recipe: Recipe, progress: Progress | None = None) -> None:
    """Write the tree at `root`, whole or not at all; do nothing where the same recipe's tree is already there.

    progress is called with (people written, people in all). The tree grows in a hidden folder beside `root` and is
    renamed into place. Of several callers at once, on one machine or on many, the first to finish wins and the others
    find its tree; a killed caller leaves its hidden folder, which nothing reads.
    """
    root = root.resolve()
    if _holds(root, recipe):
        return
    growing = root.with_name(f".{root.name}.{uuid.uuid4().hex}.tmp")
    growing.mkdir(parents=True)
    total = sum(recipe.people(split) for split in SPLITS)
    try:
        recipe.write(growing, lambda done: progress(done, total) if progress else None)
        write_bytes(growing / MARKER, as_json({"fingerprint": recipe.fingerprint()}))
        try:
            growing.rename(root)
        except OSError:
            if not _holds(root, recipe):
                raise
    finally:
        shutil.rmtree(growing, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """One file, on disk when this returns."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def as_json(content: Any) -> bytes:
    """Compact UTF-8 JSON. Raises ValueError for a number that is not finite."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def _holds(root: Path, recipe: Recipe) -> bool:
    """Whether the recipe's tree is at `root`; an error where anything else is."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    found = "no synthetic data set of ours"
    if (root / MARKER).is_file():
        found = str(json.loads((root / MARKER).read_text()).get("fingerprint", found))
    if found == recipe.fingerprint():
        return True
    raise InputError(
        f"{root} is taken: it holds {found}, wanted {recipe.fingerprint()}. Give another folder, or delete this one."
    )
