"""`heatmark data skeleton`: the skeletons that are shipped, and what any of them, or a file, says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from heatmark.datasets.people import Skeleton

FROM = "heatmark data skeleton"


def register(app: typer.Typer) -> None:
    """Add the command to `heatmark data`."""
    app.command("skeleton")(skeleton_command)


def skeleton_command(
    skeleton: Annotated[
        str,
        typer.Argument(
            metavar="[NAME_OR_FILE]", help="A shipped one, a YAML file, or an mmpose config.", show_default=False
        ),
    ] = "",
    out: Annotated[Path | None, typer.Option("--out", help="Also draw it: the picture to write.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else there.")] = False,
) -> None:
    """Print a skeleton: joints, left and right, limbs, sigmas; without an argument those that are shipped."""
    from rich.console import Console

    from heatmark.datasets.skeletons import as_mapping, notes_of_sigmas, read_skeleton
    from heatmark.foundation.errors import InputError

    if not skeleton:
        if out is not None:
            raise InputError(f"{FROM}: --out draws one skeleton; name it")
        _list_shipped(as_json)
        return
    found = read_skeleton(skeleton, FROM)
    notes = (*found.notes, *notes_of_sigmas(found.skeleton))
    if out is not None:
        _draw(found.skeleton, out)
    if as_json:
        print(json.dumps({**as_mapping(found.skeleton), "notes": notes}))
        return
    _print_skeleton(found.skeleton, Console())
    for note in notes:
        print(f"note: {note}")
    if out is not None:
        print(f"wrote {out}")


def _draw(skeleton: Skeleton, out: Path) -> None:
    from heatmark.datasets.skeletons.picture import skeleton_picture
    from heatmark.workloads.contact_sheet import write_png

    write_png(out, skeleton_picture(skeleton))


def _list_shipped(as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from heatmark.datasets.skeletons import shipped, shipped_names

    skeletons = {name: shipped(name) for name in shipped_names()}
    if as_json:
        print(json.dumps({name: {"joints": len(s.joints), "subject": s.subject} for name, s in skeletons.items()}))
        return
    table = Table("skeleton")
    table.add_column("joints", justify="right")
    table.add_column("subject")
    for name, each in skeletons.items():
        table.add_row(name, str(len(each.joints)), each.subject)
    Console().print(table)


def _print_skeleton(skeleton: Skeleton, console: Console) -> None:
    from rich.markup import escape
    from rich.table import Table

    joints = skeleton.joints
    table = Table()
    for heading, justify in (("", "right"), ("joint", "left"), ("side", "left"), ("pair", "right"), ("sigma", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    table.add_column("upper body")
    table.add_column("part")
    for joint, twin in enumerate(skeleton.mirrored_order):
        table.add_row(
            str(joint),
            escape(joints[joint]),
            skeleton.side_of(joint) or "",
            str(twin) if twin != joint else "",
            f"{skeleton.sigmas[joint]:g}" if skeleton.sigmas else "",
            "yes" if joint in skeleton.upper_body else "",
            escape(", ".join(part for part, members in skeleton.parts.items() if joint in members)),
        )
    console.print(f"{skeleton.name}: {len(joints)} joints, {skeleton.subject or 'of no stated subject'}", markup=False)
    console.print(table)
    console.print(f"limbs: {', '.join(f'{a}-{b}' for a, b in skeleton.bones) or 'none'}", markup=False, highlight=False)
    console.print(f"reference: {_told(skeleton.reference, joints)}", markup=False, highlight=False)
    if skeleton.box_area_share != 1.0:
        console.print(f"area of one that has none: {skeleton.box_area_share:g} of its box", highlight=False)


def _told(reference: Any, joints: tuple[str, ...]) -> str:
    if isinstance(reference, str):
        return {"box": "the longest side of the box", "head": "the head, as the data set gives it"}[reference]
    return ", else ".join(f"{joints[a]} to {joints[b]}" for a, b in reference)
