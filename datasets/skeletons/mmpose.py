"""The `dataset_info` of an mmpose config, read without running the config."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from heatmark.datasets.skeletons.mapping import Found, from_mapping
from heatmark.datasets.skeletons.sides import side_by_name
from heatmark.foundation.errors import InputError
from heatmark.foundation.nearest import nearest

VARIABLE = "dataset_info"
LONGEST = 100_000


def mmpose_skeleton(path: Path, where: str) -> Found:
    """The skeleton of a config such as mmpose/configs/_base_/datasets/coco.py. Raises InputError.

    `swap` makes the pairs, `link` the limbs, the type `upper` the upper body; weights and colours have no use here.
    """
    where = f"{where}: {path}"
    info = _dataset_info(path, where)
    points = _by_id(info.get("keypoint_info"), "keypoint_info", where)
    if not points:
        raise InputError(f"{where}: {VARIABLE} has no keypoint_info; give a config that lists key points")
    joints = [_name_of(point, where) for point in points]
    pairs, notes = _pairs(points, joints, where)
    links = [link.get("link") for link in _by_id(info.get("skeleton_info"), "skeleton_info", where)]
    given = {
        "name": info.get("dataset_name") or path.stem,
        "joints": joints,
        "pairs": pairs,
        "limbs": links,
        "sigmas": info.get("sigmas") or [],
        "upper_body": [joint for joint, point in zip(joints, points, strict=True) if point.get("type") == "upper"],
    }
    return Found(from_mapping(given, where, path.stem).skeleton, notes)


def _dataset_info(path: Path, where: str) -> Mapping[str, Any]:
    try:
        module = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{where}: cannot be read as a config ({error}); give a Python file of mmpose") from error
    info: Any = None
    for statement in module.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        if any(isinstance(target, ast.Name) and target.id == VARIABLE for target in targets):
            assert isinstance(statement, ast.Assign | ast.AnnAssign)
            info = _value(statement.value, where)
    if not isinstance(info, dict):
        raise InputError(f"{where}: no {VARIABLE} = dict(...); give the file of mmpose's configs/_base_/datasets")
    return info


def _value(node: ast.expr | None, where: str) -> Any:
    """The value of an expression of constants, lists, tuples and dicts; `[1.] * 98` is how mmpose writes weights."""
    match node:
        case ast.Constant(value=str() | int() | float() | bool() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item, where) for item in items]
        case ast.BinOp(left=ast.List() as items, op=ast.Mult(), right=ast.Constant(value=int() as times)):
            value = _value(items, where)
            if len(value) * times <= LONGEST:
                return value * times
        case ast.Dict(keys=keys, values=values) if None not in keys:
            named = [_value(key, where) for key in keys]
            if all(isinstance(key, str | int) for key in named):
                return dict(zip(named, (_value(value, where) for value in values), strict=True))
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords) if all(each.arg for each in keywords):
            return {str(each.arg): _value(each.value, where) for each in keywords}
        case _:
            pass
    line = f"line {node.lineno}: {ast.unparse(node)[:60]!r}" if node is not None else "nothing"
    raise InputError(
        f"{where}: {VARIABLE}: {line} is no plain value, and configs are not run; write it out as "
        "numbers, texts, lists and dict(...)"
    )


def _by_id(given: Any, key: str, where: str) -> list[Mapping[str, Any]]:
    """The entries of keypoint_info or skeleton_info in the order of their `id`, or of their keys without one."""
    entries = dict(enumerate(given)) if isinstance(given, list) else given or {}
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise InputError(f"{where}: {key}: dict(...) for each number is expected")
    numbered = {}
    for number, entry in entries.items():
        identity = entry.get("id", number)
        if isinstance(identity, str) and identity.isdecimal():  # as JSON has keys
            identity = int(identity)
        if not isinstance(identity, int) or identity in numbered:
            raise InputError(f"{where}: {key}: {number!r}: a number of its own is expected as id, not {identity!r}")
        numbered[identity] = entry
    if key == "keypoint_info" and sorted(numbered) != list(range(len(numbered))):
        raise InputError(f"{where}: {key}: the ids are not 0 to {len(numbered) - 1}; give each joint its number")
    return [numbered[identity] for identity in sorted(numbered)]


def _name_of(point: Mapping[str, Any], where: str) -> str:
    name = point.get("name")
    if not isinstance(name, str) or not name:
        raise InputError(f"{where}: keypoint_info: a joint without a name (id {point.get('id')!r}); give it one")
    return name


def _pairs(
    points: list[Mapping[str, Any]], joints: list[str], where: str
) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """(left, right) names of each pair that `swap` tells, and a note where the names do not say which is left."""
    twins = {joint: point.get("swap") or None for joint, point in zip(joints, points, strict=True)}
    for joint, twin in twins.items():
        if twin is not None and not isinstance(twin, str):
            raise InputError(f"{where}: keypoint_info: swap of {joint}: a text is expected, not {twin!r}")
        if twin is not None and twin not in twins:
            raise InputError(f"{where}: keypoint_info: swap of {joint}: no joint {twin!r}{nearest(twin, twins)}")
    for joint, twin in twins.items():
        if twin is not None and twins[twin] != joint:
            raise InputError(
                f"{where}: keypoint_info: {joint} is swapped with {twin!r}, and that with {twins[twin]!r}; "
                "two joints are swapped with each other"
            )
    pairs = list(_ordered_pairs({joint: twin for joint, twin in twins.items() if twin not in (None, joint)}))
    untold = [f"{left} with {right}" for left, right in pairs if side_by_name(left) == side_by_name(right)]
    if not untold:
        return pairs, ()
    return pairs, (
        f"pairs: {len(untold)} have names that do not say which joint is left ({untold[0]} and so on): "
        "the first is drawn as left",
    )


def _ordered_pairs(twins: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    done: set[str] = set()
    for joint, twin in twins.items():
        if joint not in done:
            done |= {joint, twin}
            sides = side_by_name(joint), side_by_name(twin)
            yield (twin, joint) if sides[0] == "right" or sides[1] == "left" else (joint, twin)
