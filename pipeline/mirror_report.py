"""A sweep's report on its page in MLflow: files as artifacts, the verdict as the note. Sent again, it is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NOTE_TAG = "mlflow.note.content"
# MLflow refuses longer tags.
LONGEST_NOTE = 5000
# Of the report's folder: tables as csv, parquet and LaTeX, figures as SVG, sheets of predictions as JPEG.
FOLDERS = ("tables", "figures", "predictions")


def log_report(client: Any, experiment_id: str, run_id: str, sweep: Path) -> None:
    """client: MlflowClient. The note goes on the parent run and the page of all runs; what is not there is left out."""
    for name in ("report.pdf", "report.html"):
        if (sweep / name).exists():
            client.log_artifact(run_id, str(sweep / name), "report")
    for name in FOLDERS:
        if (sweep / "report" / name).is_dir():
            client.log_artifacts(run_id, str(sweep / "report" / name), f"report/{name}")
    note = sweep / "report" / "note.md"
    if note.exists():
        text = shortened(note.read_text(encoding="utf-8"))
        client.set_tag(run_id, NOTE_TAG, text)
        client.set_experiment_tag(experiment_id, NOTE_TAG, text)


def shortened(text: str) -> str:
    """At most LONGEST_NOTE characters, cut at the end of a line."""
    if len(text) <= LONGEST_NOTE:
        return text
    kept = text[: LONGEST_NOTE - 40].rpartition("\n")[0] or text[: LONGEST_NOTE - 40]
    return f"{kept}\n\n… the rest is in report.pdf"
