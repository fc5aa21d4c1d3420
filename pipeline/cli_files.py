"""`heatmark sweep new|schema` and `heatmark site schema`: what helps to write the files that people write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from heatmark.foundation.errors import InputError
from heatmark.foundation.files import write_atomic

TEMPLATE = Path(__file__).parent / "new_files" / "sweep.yaml.txt"
SWEEP_SCHEMA = "sweep.schema.json"

SchemaOut = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there instead of printing it.")]


def register(sweep_app: typer.Typer, site_app: typer.Typer) -> None:
    """Add the commands to `heatmark sweep` and `heatmark site`."""
    sweep_app.command("new")(new_command)
    sweep_app.command("schema")(sweep_schema_command)
    site_app.command("schema")(site_schema_command)


def new_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The sweep file to write, such as mine.yaml.")],
) -> None:
    """Write a sweep file to start from, and beside it the schema that an editor checks it by."""
    from pydantic import TypeAdapter

    from heatmark.pipeline.schema import schema_text, sweep_schema
    from heatmark.pipeline.sweep import Name, validated

    if file.exists():
        raise InputError(f"{file}: is there already; give another name")
    validated(TypeAdapter(Name), file.stem, f"{file}: the sweep is named after the file, which cannot be")
    write_atomic(file.with_name(SWEEP_SCHEMA), schema_text(sweep_schema()))
    write_atomic(file, TEMPLATE.read_text(encoding="utf-8").replace("NAME", file.stem, 1))
    print(f"wrote {file}; next: heatmark sweep plan {file}")


def sweep_schema_command(
    plug_ins: Annotated[
        list[str] | None,
        typer.Option("--plugin", metavar="NAME", help="Know this plug-in too, named as in a sweep file's `plugins`."),
    ] = None,
    out: SchemaOut = None,
) -> None:
    """Write the JSON schema of sweep files, with the methods, backbones and formats that are installed here.

    An editor completes and checks a file whose first line is `# yaml-language-server: $schema=FILE`.
    """
    from heatmark.foundation.plug_in_source import plug_in_of
    from heatmark.foundation.plug_ins import load
    from heatmark.pipeline.schema import sweep_schema

    for name in plug_ins or ():
        load(plug_in_of(name, "--plugin"))

    _give(sweep_schema(), out)


def site_schema_command(out: SchemaOut = None) -> None:
    """Write the JSON schema of site files, as `heatmark sweep schema` does that of sweep files."""
    from heatmark.pipeline.schema import site_schema

    _give(site_schema(), out)


def _give(schema: dict[str, object], out: Path | None) -> None:
    from heatmark.pipeline.schema import schema_text

    if out is None:
        print(schema_text(schema), end="")
        return
    write_atomic(out, schema_text(schema))
    print(f"wrote {out}")
