"""A skeleton from the mapping that a YAML file holds, and back: checked, and filled where it is silent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from heatmark.datasets.people import Skeleton
from heatmark.datasets.skeletons.names import RANGE, JointNames, are_numbers, counted
from heatmark.datasets.skeletons.sides import pairs_by_name, side_by_name
from heatmark.foundation.errors import InputError
from heatmark.foundation.nearest import nearest

Pairs = tuple[tuple[int, int], ...]
Reference = Literal["box", "head"] | Pairs

KEYS = (
    *("name", "subject", "joints", "pairs", "limbs", "sigmas", "upper_body", "reference", "box_area_share"),
    *("parts", "mirror"),
)
TORSO = (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip"))
SHOWN = 4


class Found(NamedTuple):
    """A skeleton, and one line for each thing that was derived because it was not given."""

    skeleton: Skeleton
    notes: tuple[str, ...]


def from_mapping(given: Mapping[str, Any], where: str, name: str) -> Found:
    """given: the keys of a skeleton file, see datasets/skeletons/. name: where it has none. Raises InputError."""
    for key in given:
        if key not in KEYS:
            raise InputError(f"{where}: unknown key {key!r} of a skeleton{nearest(str(key), KEYS)}")
    joints = _joints(given.get("joints"), where)
    names = JointNames(joints, where)
    swaps, notes = _pairs(given["pairs"], names) if given.get("pairs") is not None else derived_pairs(joints)
    skeleton = Skeleton(
        name=_text(given, "name", where) or name,
        joints=joints,
        swaps=swaps,
        bones=tuple(_limbs(given.get("limbs") or [], names)),
        sigmas=_sigmas(given.get("sigmas") or (), names),
        upper_body=tuple(names.spans(given.get("upper_body") or [], "upper_body")),
        subject=_text(given, "subject", where),
        reference=_reference(given.get("reference") or "box", names),
        box_area_share=_share(given.get("box_area_share", 1.0), where),
        parts=_parts(given.get("parts") or {}, names),
        mirrors=_mirror(given.get("mirror", bool(swaps) or given.get("pairs") is not None), where),
    )
    return Found(skeleton, notes)


def as_mapping(skeleton: Skeleton) -> dict[str, Any]:
    """Plain values, all of them, that from_mapping makes an equal skeleton of, without notes."""

    def named(indices: tuple[int, ...]) -> list[str]:
        return [skeleton.joints[index] for index in indices]

    reference = skeleton.reference
    return {
        "name": skeleton.name,
        "subject": skeleton.subject,
        "joints": list(skeleton.joints),
        "pairs": [named(pair) for pair in skeleton.swaps],
        "limbs": [named(bone) for bone in skeleton.bones],
        "sigmas": list(skeleton.sigmas),
        "upper_body": named(skeleton.upper_body),
        "reference": reference if isinstance(reference, str) else [named(pair) for pair in reference],
        "box_area_share": skeleton.box_area_share,
        "parts": {part: named(indices) for part, indices in skeleton.parts.items()},
        "mirror": skeleton.mirrors,
    }


def derived_pairs(joints: tuple[str, ...]) -> tuple[Pairs, tuple[str, ...]]:
    """Pairs from the names, and what to tell of it."""
    pairs = pairs_by_name(joints)
    if not pairs and are_numbers(joints):
        return (), (
            f"pairs: none given, and none can be derived from numbers ({joints[0]} ...): "
            "training is without mirroring; give pairs: [[left, right], ...]",
        )
    if not pairs:
        return (), (
            "pairs: none given, and no joint's name says left or right: training is without mirroring; "
            "give pairs: [[left, right], ...], or pairs: [] where a mirror swaps nothing",
        )
    paired = {joint for pair in pairs for joint in pair}
    alone = [name for joint, name in enumerate(joints) if joint not in paired and side_by_name(name)]
    told = [f"pairs: derived from the names, {_few([f'{joints[a]} with {joints[b]}' for a, b in pairs])}"]
    if alone:
        told.append(f"pairs: no twin on the other side was found of {_few(alone)}: not swapped by a mirror")
    return pairs, tuple(told)


def _few(texts: list[str]) -> str:
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more


def _text(given: Mapping[str, Any], key: str, where: str) -> str:
    text = given.get(key, "")
    if not isinstance(text, str):
        raise InputError(f"{where}: {key}: a text is expected, not {text!r}")
    return text


def _joints(given: Any, where: str) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or not given:
        raise InputError(f"{where}: no joints; give joints: a list of their names, in the order of the annotations")
    for name in given:
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"{where}: joints: a name is expected, not {name!r}; quote a name that is a number")
    joints = tuple(joint for name in given for joint in counted(name))
    seen: dict[str, int] = {}
    for index, joint in enumerate(joints):
        if RANGE in joint:
            raise InputError(f"{where}: joints: {joint!r} is no range that counts; write it as kpt-0..kpt-9")
        if joint in seen:
            raise InputError(
                f"{where}: joints: {joint!r} is there twice, as number {seen[joint]} and {index} (from 0); rename one"
            )
        seen[joint] = index
    return joints


def _pairs(given: Any, names: JointNames) -> tuple[Pairs, tuple[str, ...]]:
    pairs: list[tuple[int, int]] = []
    for item in _lists(given, "pairs", names.where):
        if len(item) != 2:
            raise InputError(f"{names.where}: pairs: a left and a right joint are expected, not {item!r}")
        left, right = (names.span(name, "pairs") for name in item)
        if len(left) != len(right):
            raise InputError(f"{names.where}: pairs: {item[0]} are {len(left)} joints and {item[1]} {len(right)}")
        pairs += zip(left, right, strict=True)
    seen: set[int] = set()
    for joint in (joint for pair in pairs for joint in pair):
        if joint in seen:
            raise InputError(f"{names.where}: pairs: {names.joints[joint]!r} is in two; a joint has one twin")
        seen.add(joint)
    return tuple(pairs), ()


def _limbs(given: Any, names: JointNames) -> Iterator[tuple[int, int]]:
    """Pairs of joints that follow one another in a list of two or more."""
    for item in _lists(given, "limbs", names.where):
        joints = tuple(names.spans(item, "limbs"))
        if len(joints) < 2:
            raise InputError(f"{names.where}: limbs: two joints or more are expected, not {item!r}")
        yield from pairwise(joints)


def _sigmas(given: Any, names: JointNames) -> tuple[float, ...]:
    count = len(names.joints)
    if isinstance(given, Mapping):
        by_joint = {joint: value for name, value in given.items() for joint in names.span(name, "sigmas")}
        if missing := [name for joint, name in enumerate(names.joints) if given and joint not in by_joint]:
            raise InputError(f"{names.where}: sigmas: none of {_few(missing)}; give one of each joint, or no sigmas")
        given = [by_joint[joint] for joint in sorted(by_joint)]
    if not isinstance(given, list | tuple):
        raise InputError(f"{names.where}: sigmas: a list or a mapping by joint is expected, not {given!r}")
    if given and len(given) != count:
        raise InputError(f"{names.where}: {len(given)} sigmas of {count} joints; give one of each joint, or no sigmas")
    for joint, sigma in zip(names.joints, given, strict=bool(given)):
        if not _is_number(sigma) or sigma <= 0:
            raise InputError(f"{names.where}: sigmas: {joint}: a number above 0 is expected, not {sigma!r}")
    return tuple(float(sigma) for sigma in given)


def _reference(given: Any, names: JointNames) -> Reference:
    if given == "box":
        return "box"
    if given == "head":
        return "head"
    if given == "torso":
        given = TORSO
    if isinstance(given, list | tuple) and given and all(isinstance(item, str) for item in given):
        given = [given]
    if not isinstance(given, list | tuple):
        raise InputError(
            f"{names.where}: reference: box, head, torso, or the two joints that it lies between, not {given!r}"
        )
    pairs = []
    for item in given:
        if not isinstance(item, list | tuple) or len(item) != 2:
            raise InputError(f"{names.where}: reference: two joints are expected, not {item!r}")
        first, second = (names.index(name, "reference") for name in item)
        if first == second:
            raise InputError(f"{names.where}: reference: from {item[0]!r} to itself is no length; name two joints")
        pairs.append((first, second))
    return tuple(pairs)


def _share(given: Any, where: str) -> float:
    if not _is_number(given) or not 0 < given <= 1:
        raise InputError(f"{where}: box_area_share: above 0 and at most 1 is expected, not {given!r}")
    return float(given)


def _mirror(given: Any, where: str) -> bool:
    if not isinstance(given, bool):
        raise InputError(f"{where}: mirror: true or false is expected, not {given!r}")
    return given


def _parts(given: Any, names: JointNames) -> dict[str, tuple[int, ...]]:
    if not isinstance(given, Mapping):
        raise InputError(f"{names.where}: parts: a mapping of part to its joints is expected, not {given!r}")
    parts = {str(part): tuple(names.spans(joints, f"parts: {part}")) for part, joints in given.items()}
    for part, joints in parts.items():
        if not joints or len(set(joints)) != len(joints):
            raise InputError(f"{names.where}: parts: {part}: joints are expected, each once")
    return parts


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _lists(given: Any, of: str, where: str) -> Iterator[list[Any] | tuple[Any, ...]]:
    if not isinstance(given, list | tuple):
        raise InputError(f"{where}: {of}: a list of lists of joints is expected, not {given!r}")
    for item in given:
        if not isinstance(item, list | tuple):
            raise InputError(f"{where}: {of}: a list of joints is expected, not {item!r}; write [[a, b], [c, d]]")
        yield item
