"""`heatmark records`: finished trials kept as small files, and restored from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SweepArgument = Annotated[Path, typer.Argument(metavar="SWEEP_DIR", help="A sweep's folder, such as runs/study.")]
KeptArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Kept records, such as docs/study/records.")]


def register(app: typer.Typer) -> None:
    """Add the two commands."""
    app.command("keep")(keep)
    app.command("restore")(restore)


def keep(sweep: SweepArgument, kept: KeptArgument) -> None:
    """Keep what a report needs of a sweep's finished trials: no photographs, no paths, some hundred kB each."""
    from heatmark.pipeline.kept_records import keep_records

    found = keep_records(sweep, kept, print)
    print(f"kept {len(found.written)} trials, {found.bytes_written / 1000:.0f} kB; {len(found.there)} were there")


def restore(kept: KeptArgument, sweep: SweepArgument) -> None:
    """Put kept trials back: for `heatmark sweep run` they have finished, and `heatmark report` has all of them."""
    from heatmark.pipeline.kept_records import restore_records

    found = restore_records(kept, sweep)
    print(f"restored {len(found.written)} trials into {sweep}; {len(found.there)} were there")
