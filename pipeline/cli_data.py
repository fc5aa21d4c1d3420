"""`heatmark data check|show|stats`: what a folder of annotated images is, before anything is trained on it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from heatmark.pipeline.json_output import JsonOption
from heatmark.pipeline.keypoint_options import (
    AnnotationsOption,
    CategoryOption,
    ImagesOption,
    SkeletonOption,
    chosen_settings,
)

EXIT_DEFECTS = 2
SHOWN_PER_KIND = 10

RootArgument = Annotated[Path, typer.Argument(metavar="PATH", help="The root of a data set in any known format.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `heatmark data`."""
    app.command("check")(check_command)
    app.command("stats")(stats_command)
    app.command("show")(show_command)


def check_command(
    root: RootArgument,
    decode: Annotated[bool, typer.Option(help="Also decode every image that people are on.")] = True,
    annotations: AnnotationsOption = None,
    images: ImagesOption = None,
    skeleton: SkeletonOption = None,
    category: CategoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find out the format and everything that is wrong; exit code 0 if nothing is, 2 otherwise."""
    from heatmark.datasets.check import check

    settings = chosen_settings(annotations=annotations, images=images, skeleton=skeleton, category=category)
    report = check(root, decode=decode, settings=settings)
    if as_json:
        print(json.dumps(report.as_json()))
    else:
        print(f"{report.root}: {report.format}")
        for line in report.files:
            print(f"found: {line}")
        for split, counts in report.splits.items():
            print(f"{split}: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()))
        for note in _shortened(report.notes):
            print(f"note: {note}")
        for defect in _shortened(report.defects):
            print(f"defect: {defect}")
        print(f"{len(report.defects)} defects, {len(report.notes)} notes")
        if report.section:
            print(f"For a sweep file:\n{report.section}")
    raise typer.Exit(EXIT_DEFECTS if report.defects else 0)


def stats_command(
    root: RootArgument,
    annotations: AnnotationsOption = None,
    images: ImagesOption = None,
    skeleton: SkeletonOption = None,
    category: CategoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """People, joints and sizes of each split, and what else its format tells (coco: the paper's Tables 10 and 11)."""
    from rich.console import Console

    from heatmark.datasets.check import format_of_folder
    from heatmark.datasets.people import SPLITS
    from heatmark.pipeline.stats_view import print_stats

    settings = chosen_settings(annotations=annotations, images=images, skeleton=skeleton, category=category)
    data_format = format_of_folder(root, settings)
    splits = {split: data_format.stats(data_format.load(root, split, False)) for split in SPLITS}
    found = {"format": data_format.name, "root": str(root), "splits": splits}
    if as_json:
        print(json.dumps(found))
        return
    print_stats(found, Console())


def show_command(  # noqa: PLR0913 (each an option)
    root: RootArgument,
    out: Annotated[Path, typer.Option("--out", help="The picture to write.")] = Path("data_sheet.png"),
    split: Annotated[Literal["train", "val"], typer.Option(help="Which people.")] = "train",
    people: Annotated[int, typer.Option(min=1, max=100, help="Rows.")] = 8,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Chooses the people and the augmentation.")] = 0,
    augmentation: Annotated[
        Literal["sbl", "hrnet", "rle", "mmpose"], typer.Option(help="Whose distributions.")
    ] = "sbl",
    geometry: Annotated[Literal["biased", "udp"], typer.Option(help="Whose convention of pixels.")] = "biased",
    annotations: AnnotationsOption = None,
    images: ImagesOption = None,
    skeleton: SkeletonOption = None,
    category: CategoryOption = None,
) -> None:
    """Draw a contact sheet: image with box and joints, crop, target, and three augmented crops of each person."""
    from heatmark.datasets.check import format_of_folder
    from heatmark.datasets.crop_settings import CropSettings
    from heatmark.workloads.contact_sheet import contact_sheet, write_png

    chosen = chosen_settings(annotations=annotations, images=images, skeleton=skeleton, category=category)
    usual = format_of_folder(root, chosen)
    amplitudes = usual.variation[augmentation]._asdict()
    settings = CropSettings(input_size=usual.input_size, augmentation=augmentation, geometry=geometry, **amplitudes)
    write_png(out, contact_sheet(usual.load(root, split, False), settings, people, seed))
    print(f"wrote {out}")


def _shortened(lines: tuple[str, ...]) -> Iterator[str]:
    """The first lines of each kind; a kind is what a line says after the last place that it names."""
    for kind, group in itertools.groupby(lines, key=lambda line: line.rpartition(": ")[2]):
        members = list(group)
        yield from members[:SHOWN_PER_KIND]
        if len(members) > SHOWN_PER_KIND:
            yield f"... and {len(members) - SHOWN_PER_KIND} more: {kind} (--json lists all)"
