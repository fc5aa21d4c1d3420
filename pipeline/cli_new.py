"""`heatmark new`: a method, a backbone or a format of one's own, begun."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import Enum
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from heatmark.foundation.errors import InputError

FILES = Path(__file__).with_name("new_files")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Part(str, Enum):
    """What can be of one's own."""

    METHOD = "method"
    BACKBONE = "backbone"
    FORMAT = "format"


def register(app: typer.Typer) -> None:
    """Add the command to `heatmark`."""
    app.command("new")(new)


def new(
    part: Annotated[Part, typer.Argument(help="What it is.")],
    name: Annotated[str, typer.Argument(help="As sweep files will name it: small letters, digits and _.")],
    out: Annotated[Path, typer.Option(help="The folder that the two files go to.")] = Path(),
) -> None:
    """Begin a plug-in: a commented file that works, to be changed, and a test of it."""
    if not _NAME.fullmatch(name):
        raise InputError(f"heatmark new: {name!r}: must begin with a small letter, of small letters, digits and _")
    if name in _known(part):
        raise InputError(f"heatmark new: there is a {part.value} {name!r} already; choose another name")
    words = name.replace("_", " ").title()
    filled = {"name": name, "kind": words.replace(" ", ""), "label": words}
    files = {out / f"{name}.py": f"{part.value}.py.txt", out / f"test_{name}.py": f"test_{part.value}.py.txt"}
    for path in files:
        if path.exists():
            raise InputError(f"{path}: is there already; choose another name or folder")
    for path, template in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template((FILES / template).read_text()).substitute(filled))
        print(f"wrote {path}")
    print(
        f"In a sweep file it is known by `plugins: [{out / name}.py]`; try it with `pytest {out / f'test_{name}.py'}`."
    )


def _known(part: Part) -> Collection[str]:
    from heatmark.datasets.formats import FORMATS
    from heatmark.models.backbones import FAMILIES
    from heatmark.models.methods import METHODS

    known: dict[Part, Collection[str]] = {Part.METHOD: METHODS, Part.BACKBONE: FAMILIES, Part.FORMAT: FORMATS}
    return known[part]
