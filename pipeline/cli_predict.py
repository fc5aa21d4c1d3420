"""`heatmark predict`: a trained net on one's own pictures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from heatmark.pipeline.json_output import JsonOption, stdout_for_json, tell

# Named one by one up to here.
MOST_NAMED = 10


def register(app: typer.Typer) -> None:
    """Add the command to `heatmark`."""
    app.command("predict")(predict_command)


def predict_command(
    place: Annotated[
        Path,
        typer.Argument(metavar="RUN_OR_EXPORT", help="A trained trial's run folder, or a file of heatmark export."),
    ],
    pictures: Annotated[
        list[str], typer.Argument(metavar="PICTURES...", help="Files, folders, patterns, or - for a list on stdin.")
    ],
    boxes: Annotated[
        Path | None,
        typer.Option(help="A detector's results or COCO annotations; else each picture is one box as a whole."),
    ] = None,
    out: Annotated[Path, typer.Option(help="A folder for results.json and, in overlays/, the drawn pictures.")] = Path(
        "predictions"
    ),
    overlays: Annotated[bool, typer.Option(help="Also draw the poses on the pictures.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Joints on pictures: COCO's results format, and drawn."""
    from rich.console import Console
    from rich.progress import Progress

    from heatmark.datasets.given_boxes import boxes_in, whole_pictures
    from heatmark.datasets.picture_list import pictures_of
    from heatmark.foundation.files import write_atomic
    from heatmark.workloads.contact_sheet import write_png
    from heatmark.workloads.predict import Predictor, drawn, named_results

    paths = pictures_of(pictures, sys.stdin)
    with stdout_for_json():
        predictor = Predictor(place, tell)
        joints = len(predictor.skeleton.joints)
        given = boxes_in(boxes, paths, joints) if boxes else whole_pictures(paths, joints)
        for note in given.notes:
            tell(note)
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("people", total=len(given.people))
            poses = predictor.poses(given, boxes or place, lambda people: bar.advance(task, people))
            write_atomic(out / "results.json", json.dumps(named_results(poses, given.ids)))
            task = bar.add_task("pictures", total=len(poses.on_pictures()), visible=overlays)
            for path, canvas_HW3 in drawn(poses) if overlays else ():
                write_png(out / "overlays" / f"{path.stem}.png", canvas_HW3)
                bar.advance(task)
    for path in poses.unreadable[:MOST_NAMED]:
        tell(f"unreadable picture, left out: {path}")
    if len(poses.unreadable) > MOST_NAMED:
        tell(f"and {len(poses.unreadable) - MOST_NAMED} more unreadable pictures")
    found = {
        "pictures": len(paths),
        "people": len(given.people),
        "poses": len(poses.predictions.person_N),
        "unreadable": [str(path) for path in poses.unreadable],
        "results": str(out / "results.json"),
    }
    if as_json:
        print(json.dumps(found))
        return
    print(f"{found['poses']} poses on {found['pictures']} pictures: {found['results']}")
