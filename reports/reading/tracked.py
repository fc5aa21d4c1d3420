"""Where MLflow shows a trial, as its mirror noted it down in the run folder."""

from __future__ import annotations

from heatmark.foundation.errors import InputError
from heatmark.foundation.servers import is_server, without_user
from heatmark.reports.reading.collect import Trial
from heatmark.workloads.run_folder.mirrored import Mirrored

# Where `heatmark ui` shows the database of a sweep.
LOCAL_PAGES = "http://127.0.0.1:5000"


def mlflow_page(trial: Trial) -> str:
    """The address of the trial's run; empty where MLflow has nothing of it, or the note cannot be read."""
    if trial.folder is None:
        return ""
    try:
        saved = Mirrored.read(trial.folder.mirror_file)
    except (InputError, OSError):
        return ""
    place = saved.place if saved else None
    if saved is None or place is None:
        return ""
    uri, experiment, _ = place
    # Of a tracking server its own pages, without a password; of a database those of `heatmark ui`.
    pages = without_user(uri.rstrip("/")) if is_server(uri) else LOCAL_PAGES
    return f"{pages}/#/experiments/{experiment}/runs/{saved.run_id}"
