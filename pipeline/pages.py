"""`heatmark ui`: MLflow's pages of a sweep on loopback, and the addresses in them that are worth opening."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from heatmark.foundation.errors import InputError
from heatmark.foundation.servers import is_server, without_user
from heatmark.pipeline import mlflow_server
from heatmark.pipeline.mirror import default_uri
from heatmark.pipeline.mlflow_links import Link, Tracked, links, tracked

# One person looks: none of MLflow's nine processes for jobs of its own, and nothing is told to its makers.
SETTINGS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
# How long a server may take to its first page, which --open waits for.
START_S, LOOK_S = 180.0, 0.5


def show_pages(sweep: Path, port: int, opened: bool) -> None:
    """Print the links, and serve MLflow until Ctrl-C; a sweep that tracks on a server has its links there.

    opened: in a browser, too. Raises InputError where MLflow has nothing of the sweep.
    """
    found = tracked(sweep)
    if found is None and not (sweep / "mlflow.db").exists():
        raise InputError(f"{sweep}: no mlflow.db; the sweep tracks elsewhere or has not been run")
    if found is not None and is_server(found.uri):
        server = without_user(found.uri.rstrip("/"))
        shown = links(found, server)
        print(f"MLflow: {server}")
        _print(shown)
        if opened:
            _open(shown)
        return
    server = f"http://127.0.0.1:{port}"
    shown = links(found, server) if found else [Link("no trial has begun", server)]
    print(f"MLflow: {server}  (Ctrl-C ends it)")
    _print(shown)
    if opened:
        _open_once_up(server, shown)
    _serve(_database(sweep, found), port)


def _database(sweep: Path, found: Tracked | None) -> str:
    """Where it is now: a folder that was moved took its own along."""
    if found is None or (found.uri.startswith("sqlite:///") and not Path(found.uri[len("sqlite:///") :]).exists()):
        return default_uri(sweep)
    return found.uri


def _print(shown: Sequence[Link]) -> None:
    for link in shown:
        print(f"  {link.what}:\n    {link.address}")
    sys.stdout.flush()


def _open(shown: Sequence[Link]) -> None:
    for link in shown:
        webbrowser.open(link.address)


def _open_once_up(server: str, shown: Sequence[Link]) -> None:
    """From a process of its own: this one becomes the server."""
    if os.fork():
        return
    with contextlib.suppress(BaseException):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and not _answers(server):
            time.sleep(LOOK_S)
        _open(shown)
    os._exit(0)


def _answers(server: str) -> bool:
    try:
        with urllib.request.urlopen(f"{server}/health", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _serve(uri: str, port: int) -> NoReturn:
    os.environ.update(SETTINGS)
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    command += ["--workers", "1", "--host", "127.0.0.1", "--port", str(port)]
    if mlflow_server.is_installed():
        command += ["--app-name", mlflow_server.NAME]
    os.execv(sys.executable, command)
