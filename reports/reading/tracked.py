"""Where MLflow shows a trial, as its mirror noted it down in the run folder."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from heatmark.foundation.errors import InputError
from heatmark.reports.reading.collect import Trial
from heatmark.workloads.run_folder.mirrored import Mirrored

# Where `heatmark ui` shows the database of a sweep.
LOCAL_PAGES = "http://127.0.0.1:5000"
SERVERS = ("http", "https")


def mlflow_page(trial: Trial) -> str:
    """The address of the trial's run; empty where MLflow has nothing of it, or the note cannot be read."""
    if trial.folder is None:
        return ""
    try:
        saved = Mirrored.read(trial.folder.mirror_file)
    except (InputError, OSError):
        return ""
    # The address, its experiment and when that was made (pipeline/mirror.py).
    parts = saved.target.rsplit(" ", 2) if saved else []
    if saved is None or len(parts) != 3:
        return ""
    return f"{_pages(parts[0])}/#/experiments/{parts[1]}/runs/{saved.run_id}"


def _pages(uri: str) -> str:
    """Of a tracking server its own, without a password; of a database those of `heatmark ui`."""
    parts = urlsplit(uri)
    if parts.scheme not in SERVERS:
        return LOCAL_PAGES
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
