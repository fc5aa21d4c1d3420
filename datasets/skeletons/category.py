"""The skeleton that a category of a COCO file tells of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from heatmark.datasets.people import Skeleton
from heatmark.datasets.skeletons.file import shipped, shipped_of_joints, shipped_of_size
from heatmark.datasets.skeletons.mapping import Found, from_mapping
from heatmark.datasets.skeletons.names import RANGE, normalised
from heatmark.foundation.errors import InputError

Limbs = tuple[tuple[int, int], ...]


def skeleton_of_category(category: Mapping[str, Any], joints: int, where: str) -> Found:
    """category: its record in the file. joints: that the annotations have. Raises InputError.

    Its joints by `keypoints`, by number where it has none. A shipped skeleton is taken where the names are its own: of
    several with the same joints the one with the same limbs, else the first. `keypoints` of a whole-body file name the
    body alone: they are taken for the beginning of the one shipped skeleton that they begin.
    """
    names = category.get("keypoints") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{where}: keypoints of the category: a list of names is expected")
    limbs, dropped = _limbs(category.get("skeleton") or [], joints)
    lost = (f"limbs: {dropped} of the category point outside its {joints} joints: dropped",) if dropped else ()
    if same := _shipped_of(names, joints, limbs):
        skeleton = shipped(same[0])
        others = f" (as are {' and '.join(same[1:])}'s)" if same[1:] else ""
        return Found(skeleton, (f"skeleton: the joints are {same[0]}'s{others}: its pairs and all else are taken",))
    if any(RANGE in name for name in names):
        raise InputError(
            f"{where}: keypoints of the category: {RANGE!r} stands for a range of joints; rename the joint"
        )
    if names and len(names) != joints:
        raise InputError(
            f"{where}: the category names {len(names)} key points, and the annotations have {joints}; "
            "mend `keypoints`, or say which skeleton it is"
        )
    given = {
        "name": str(category.get("name", "")),
        "subject": str(category.get("name", "")),
        "joints": names or [f"kpt-{number}" for number in range(joints)],
    }
    skeleton, notes = from_mapping(given, where, "category")
    hint = () if names else tuple(_hint(joints))
    return Found(replace(skeleton, bones=limbs), (*hint, *notes, *lost))


def _shipped_of(names: list[str], joints: int, limbs: Limbs) -> tuple[str, ...]:
    """The shipped skeletons of these names, the best one first."""
    if not names:
        return ()
    if len(names) < joints:
        begun = tuple(name for name in shipped_of_size(joints) if _begins(names, shipped(name)))
        return begun if len(begun) == 1 else ()
    same = shipped_of_joints(names) if len(names) == joints else ()
    return tuple(sorted(same, key=lambda name: _undirected(shipped(name).bones) != _undirected(limbs)))


def _begins(names: list[str], skeleton: Skeleton) -> bool:
    return [normalised(name) for name in names] == [normalised(joint) for joint in skeleton.joints[: len(names)]]


def _undirected(limbs: Limbs) -> set[frozenset[int]]:
    return {frozenset(limb) for limb in limbs}


def _limbs(given: Any, joints: int) -> tuple[Limbs, int]:
    """Pairs of joints from 0, and how many were none. COCO counts from 1; a file with a 0 in it from 0."""
    items = list(given) if isinstance(given, list) else []
    pairs = [item if _is_pair(item) else None for item in items]
    start = 0 if any(0 in pair for pair in pairs if pair) else 1
    limbs = [(pair[0] - start, pair[1] - start) for pair in pairs if pair]
    kept = tuple(limb for limb in limbs if all(0 <= joint < joints for joint in limb) and limb[0] != limb[1])
    return kept, len(items) - len(kept)


def _is_pair(item: Any) -> bool:
    return (
        isinstance(item, list | tuple)
        and len(item) == 2
        and all(isinstance(joint, int) and not isinstance(joint, bool) for joint in item)
    )


def _hint(joints: int) -> Iterator[str]:
    fitting = shipped_of_size(joints)
    if len(fitting) == 1:
        yield f"{joints} joints without names; if they are {fitting[0]}'s, say skeleton: {fitting[0]}"
    elif fitting:
        owners = f"{', '.join(fitting[:-1])} or {fitting[-1]}"
        yield f"{joints} joints without names; if they are those of {owners}, say which, as in skeleton: {fitting[0]}"
