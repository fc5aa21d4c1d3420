"""What a command line says of a data set of COCO-style files, where the files do not tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from heatmark.datasets.keypoint_settings import KeypointSettings

SkeletonOption = Annotated[
    str | None,
    typer.Option("--skeleton", help="keypoints: a shipped skeleton, a YAML file or an mmpose config.", metavar="NAME"),
]
CategoryOption = Annotated[
    list[str] | None, typer.Option("--category", help="keypoints: a category to use, by name or number; repeatable.")
]
AnnotationsOption = Annotated[
    str | None, typer.Option("--annotations", help="keypoints: the annotation file, by its path below PATH.")
]
ImagesOption = Annotated[
    str | None, typer.Option("--images", help="keypoints: the folder of its pictures, by its path below PATH.")
]


def chosen_settings(**given: Any) -> KeypointSettings | None:
    """None where nothing was chosen. given: fields of KeypointSettings, None for each that was not."""
    from pydantic import ValidationError

    from heatmark.datasets.keypoint_settings import KeypointSettings
    from heatmark.foundation.errors import InputError

    told = {key: value for key, value in given.items() if value is not None and value != []}
    try:
        return KeypointSettings(**told) if told else None
    except ValidationError as error:
        raise InputError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
