"""`heatmark site check`: whether a cluster does what training needs, found out by a few seconds of work on it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from heatmark.pipeline.json_output import JsonOption

EXIT_LACKING, EXIT_INTERRUPTED = 2, 130
TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"

SiteOption = Annotated[
    str | None, typer.Option("--site", metavar="FILE", help="A site file; else cluster.site, else $HEATMARK_SITE.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="As in a sweep file: cluster.nodes=2, tracking.uri=http://..."),
]
OutOption = Annotated[Path, typer.Option("--out", help="A folder that the nodes see, too, as for sweeps.")]
WaitOption = Annotated[float, typer.Option("--wait", min=0, help="Minutes that a job may wait in the queue.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `heatmark site`."""
    app.command("check")(check_command)


def check_command(
    site: SiteOption = None,
    changes: SetOption = None,
    out: OutOption = Path("runs"),
    wait: WaitOption = 15.0,
    as_json: JsonOption = False,
) -> None:
    """Send jobs of a few seconds and say line by line what works; exit code 0 if all that training needs does, else 2.

    ok: it works. no: it does not, and what to do. ?: it could not be told, and why.
    """
    from heatmark.pipeline.interrupt import interrupt_on_terminate
    from heatmark.pipeline.site_check import check_site
    from heatmark.pipeline.site_settings import site_settings
    from heatmark.pipeline.slurm_cluster import SlurmCluster

    settings, tracking = site_settings(site, changes or [])
    folder = (out / "site-check" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}").absolute()
    cluster = SlurmCluster(settings, folder)
    place = sys.stderr if as_json else sys.stdout
    interrupt_on_terminate()
    found: list[dict[str, Any]] = []
    try:
        checks = check_site(
            cluster, tracking or os.environ.get(TRACKING_VARIABLE), 60 * wait, lambda line: print(line, file=sys.stderr)
        )
        with contextlib.closing(checks):
            for note in cluster.notes:
                print(f"note: {note}", file=place)
            for check, line in checks:
                found.append({"check": check.name, "needed": check.needed, **line._asdict()})
                todo = f"; do: {line.todo}" if line.todo else ""
                print(f"{line.verdict:3} {check.name:12} {line.words}{todo}", file=place, flush=True)
    except KeyboardInterrupt:
        print("interrupted; its jobs are cancelled", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    lacking = [each["check"] for each in found if each["needed"] and each["verdict"] != "ok"]
    if as_json:
        print(json.dumps({"ok": not lacking, "folder": str(folder), "lines": found}))
    else:
        end = f"lacking or not sure of: {', '.join(lacking)}" if lacking else "all that training needs is ok"
        print(f"{end}; logs in {folder}")
    raise typer.Exit(EXIT_LACKING if lacking else 0)
