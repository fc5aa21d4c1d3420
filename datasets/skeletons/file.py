"""Skeletons as files: those that are shipped, and anyone's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from heatmark.datasets.people import Skeleton
from heatmark.datasets.skeletons.mapping import Found, as_mapping, from_mapping
from heatmark.datasets.skeletons.mmpose import mmpose_skeleton
from heatmark.datasets.skeletons.names import normalised, same_joints
from heatmark.foundation.errors import InputError
from heatmark.foundation.nearest import nearest
from heatmark.foundation.yaml_file import read_yaml

__all__ = [
    "DEFAULT_SIGMA",
    "Found",
    "as_mapping",
    "notes_of_sigmas",
    "read_skeleton",
    "shipped",
    "shipped_like",
    "shipped_names",
    "shipped_of_size",
    "sigmas_or_default",
]

FOLDER = Path(__file__).parent
DEFAULT_SIGMA = 0.05
_FILES = (".yaml", ".yml", ".json", ".py")


def read_skeleton(given: str | Path | Mapping[str, Any], where: str) -> Found:
    """A shipped skeleton by its name, one of a file (YAML as in this folder, or an mmpose config), or one of a mapping.

    where: what the message of an InputError begins with. Notes tell what was derived. Sigmas are not: a
    skeleton without them has none, and who measures by OKS takes sigmas_or_default and tells notes_of_sigmas. Nor is it
    told that a reference that is not given is the box.
    """
    if isinstance(given, Mapping):
        return from_mapping(given, where, "skeleton")
    if isinstance(given, Path) or Path(given).suffix.lower() in _FILES or "/" in given:
        return _read_file(Path(given), where)
    name = normalised(given)
    if name not in shipped_names():
        raise InputError(
            f"{where}: no skeleton {given!r} is shipped{nearest(given, shipped_names())}; "
            "or give a file (.yaml, or an mmpose config .py)"
        )
    return Found(shipped(name), ())


def _read_file(path: Path, where: str) -> Found:
    if not path.is_file():
        raise InputError(f"{where}: {path}: no such file; give a skeleton file, or one of {', '.join(shipped_names())}")
    if path.suffix == ".py":
        return mmpose_skeleton(path, where)
    content = read_yaml(path, "give the YAML file of a skeleton")
    if not isinstance(content, Mapping):
        raise InputError(f"{where}: {path}: no skeleton; its keys are joints, pairs, limbs and so on")
    return from_mapping(content, f"{where}: {path}", path.stem)


@cache
def shipped_names() -> tuple[str, ...]:
    """The names of the skeletons that are shipped, in order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def shipped(name: str) -> Skeleton:
    """A shipped skeleton by the name of its file, which has nothing to derive."""
    skeleton, notes = _read_file(FOLDER / f"{name}.yaml", "skeletons")
    assert not notes, f"{name}: {notes}"
    return skeleton


def shipped_like(joints: Sequence[str]) -> Skeleton | None:
    """The first shipped skeleton of these joints in this order, names compared as normalised."""
    names = shipped_of_joints(joints)
    return shipped(names[0]) if names else None


def shipped_of_joints(joints: Sequence[str]) -> tuple[str, ...]:
    """All shipped skeletons of these joints in this order, names compared as normalised."""
    return tuple(name for name in shipped_of_size(len(joints)) if same_joints(shipped(name).joints, joints))


def shipped_of_size(joints: int) -> tuple[str, ...]:
    """The names of the shipped skeletons of so many joints."""
    return tuple(name for name in shipped_names() if len(shipped(name).joints) == joints)


def sigmas_or_default(skeleton: Skeleton) -> tuple[float, ...]:
    """Sigmas of OKS: those of the skeleton, or DEFAULT_SIGMA for each joint where it has none."""
    return skeleton.sigmas or (DEFAULT_SIGMA,) * len(skeleton.joints)


def notes_of_sigmas(skeleton: Skeleton) -> tuple[str, ...]:
    """What to tell where AP is computed: nothing of sigmas that were given, one line of the default."""
    if skeleton.sigmas:
        return ()
    return (f"sigmas: none given, {DEFAULT_SIGMA} for each joint: AP with them compares only with itself",)
