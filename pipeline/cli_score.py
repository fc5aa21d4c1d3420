"""`heatmark score`: anyone's predictions against anyone's annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from heatmark.pipeline.cli_formats import ScoreHelp
from heatmark.pipeline.json_output import JsonOption
from heatmark.pipeline.keypoint_options import CategoryOption, SkeletonOption, chosen_settings

BY_JOINT = " by joint"


def register(app: typer.Typer) -> None:
    """Add the command to `heatmark`."""
    app.command("score", cls=ScoreHelp)(score_command)


def score_command(
    format: Annotated[str, typer.Argument(metavar="FORMAT", help="One of those below.")],
    truth: Annotated[Path, typer.Argument(metavar="GT", help="Annotations in the format's own file.")],
    predictions: Annotated[Path, typer.Argument(metavar="PRED", help="Predictions in the format's usual file.")],
    zero_based: Annotated[
        bool, typer.Option("--zero-based", help="The first pixel of PRED is 0, where published files count from 1.")
    ] = False,
    skeleton: SkeletonOption = None,
    category: CategoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score anyone's predictions against anyone's annotations, by the format's own metric."""
    from heatmark.datasets import formats

    settings = chosen_settings(skeleton=skeleton, category=category)
    found = formats.score(format, truth, predictions, zero_based=zero_based, settings=settings)
    if as_json:
        print(json.dumps(found, allow_nan=False))
        return
    for line in _score_lines(found):
        print(line)


def _score_lines(found: dict[str, Any]) -> list[str]:
    """A table for people: one row per metric, or one per metric and joint group."""
    lines = []
    by_joint = {name: value for name, value in found.items() if name.endswith(BY_JOINT)}
    for name, value in found.items():
        if name in by_joint:
            continue
        if isinstance(value, dict):
            lines.append(f"{name:10} " + "  ".join(f"{part} {_shown(number, 2)}" for part, number in value.items()))
        else:
            lines.append(f"{name:10} {_shown(value, 4)}")
    return lines + _joint_lines(by_joint)


def _joint_lines(found: dict[str, dict[str, float | None]]) -> list[str]:
    """One row per joint, one column per metric."""
    if not found:
        return []
    heads = [name.removesuffix(BY_JOINT) for name in found]
    joints = list(next(iter(found.values())))
    wide = max(map(len, joints))
    rows = [[_shown(values[joint], 4) for values in found.values()] for joint in joints]
    return [
        "",
        " " * wide + "".join(f"  {head:>8}" for head in heads),
        *(
            f"{joint:{wide}}" + "".join(f"  {value:>8}" for value in row)
            for joint, row in zip(joints, rows, strict=True)
        ),
    ]


def _shown(value: float | None, digits: int) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"
