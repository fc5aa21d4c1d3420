"""MLflow as a mirror of the run folders: a process beside the driver, never on the training path.

One parent run for the sweep, one child per trial, found again by the tags `sweep` and `signature`. Each epoch is
uploaded in one batch with the step and the time of its record, from an offset kept in the run folder's mlflow.json: an
epoch that was sent twice is the same row, and a server that is away for a while gets what it missed.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from heatmark.pipeline.mirror_report import log_report
from heatmark.pipeline.relay import prefixed
from heatmark.workloads.file_lock import locked
from heatmark.workloads.run_folder import Record, RunFolder, moment, read_json, run_folders, write_json

INTERVAL_S = 3.0
# How long a server that is away is waited for when the sweep has ended.
LAST_S = 30.0
# MLflow's pages then show runs and their metrics first, not its tools for language models.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
# How a sweep ends whose driver came as far as the report.
REPORTED = frozenset({"FINISHED", "FAILED"})
ENDED = {"finished": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}


def default_uri(sweep: Path) -> str:
    """SQLite in the sweep's folder, behind this one process."""
    return f"sqlite:///{(sweep / 'mlflow.db').absolute()}"


class Mirror:
    """The upload of one sweep. Every call may fail and be made again."""

    def __init__(self, sweep: Path, uri: str | None) -> None:
        from mlflow import MlflowClient

        self.sweep, self.uri = sweep, uri or default_uri(sweep)
        self.name = (read_json(sweep / "sweep.json") or {"name": sweep.name})["name"]
        self.client = MlflowClient(tracking_uri=self.uri)
        self.experiment = self._experiment()
        self.parent = self._run({"sweep": self.name, "kind": "sweep"}, self.name, {})

    def sync(self) -> None:
        """Upload what is new in every run folder."""
        for folder in run_folders(self.sweep):
            self._sync_trial(folder)

    def close(self, status: str) -> None:
        """End the parent run, with the report as its artifacts and its verdict as its note."""
        # First of all: where artifacts cannot be stored, the run is not left RUNNING.
        self.client.set_terminated(self.parent, status)
        if status in REPORTED:
            log_report(self.client, self.experiment, self.parent, self.sweep)

    def _experiment(self) -> str:
        found = self.client.get_experiment_by_name(self.name)
        if found is None:
            location = (self.sweep / "mlartifacts").as_uri() if self.uri == default_uri(self.sweep) else None
            self.client.create_experiment(self.name, artifact_location=location, tags=EXPERIMENT_TAGS)
            found = self.client.get_experiment_by_name(self.name)
        # What was sent is remembered for this very database, not for another of the same address.
        self.target = f"{self.uri} {found.experiment_id} {found.creation_time}"
        return str(found.experiment_id)

    def _run(self, identity: dict[str, str], name: str, tags: dict[str, str]) -> str:
        """The run with these tags, created where there is none; RUNNING from now on."""
        query = " and ".join(f"tags.{key} = '{value}'" for key, value in identity.items())
        found = self.client.search_runs([self.experiment], query, max_results=1)
        if found:
            run_id = str(found[0].info.run_id)
            self.client.update_run(run_id, status="RUNNING")
            return run_id
        created = self.client.create_run(self.experiment, run_name=name, tags={**identity, **tags})
        return str(created.info.run_id)

    def _sync_trial(self, folder: RunFolder) -> None:
        from mlflow.entities import Metric

        sent = self._sent(folder)
        state = _trial_state(folder)
        records, offset = folder.metrics_since(sent["offset"])
        if not records and sent["state"] == state:
            return
        run_id = sent["run_id"] or self._child(folder)
        for record in records:
            stamp = _milliseconds(record["time"])
            values = _metrics(record).items()
            batch = [Metric(name, value, stamp, record["epoch"] + 1) for name, value in values]
            self.client.log_batch(run_id, metrics=batch)
        self._set_state(run_id, state)
        self._log_cost(folder, run_id)
        content = {"target": self.target, "run_id": run_id, "offset": offset, "state": state}
        write_json(_sent_file(folder), content)

    def _log_cost(self, folder: RunFolder, run_id: str) -> None:
        """CPU-hours and GPU-hours of all attempts, and those wasted, as tags: they have no step."""
        for name, value in (read_json(folder.accounting_file) or {}).items():
            if name.endswith("_hours"):
                self.client.set_tag(run_id, name, f"{value:.4f}")

    def _sent(self, folder: RunFolder) -> Record:
        """What this database has of a trial."""
        saved = read_json(_sent_file(folder))
        if saved is None or saved["target"] != self.target:
            return {"run_id": None, "offset": 0, "state": None}
        return saved

    def _child(self, folder: RunFolder) -> str:
        """The trial's run, with its parameters."""
        spec = folder.spec() or {}
        tags = {
            "mlflow.parentRunId": self.parent,
            "method": spec["method"]["name"],
            "backbone": spec["backbone"],
            "dataset": spec["data"]["name"],
            "seed": str(spec["seed"]),
            **({"beta": f"{spec['method']['beta']:g}"} if spec["method"].get("beta") else {}),
        }
        run_id = self._run({"sweep": self.name, "signature": folder.signature}, _run_name(spec), tags)
        for key, value in flat({part: spec[part] for part in ("method", "backbone", "data", "train", "seed")}):
            self.client.log_param(run_id, key, value)
        return run_id

    def _set_state(self, run_id: str, state: list[str]) -> None:
        status, job_id, attempts, _ = state
        self.client.set_tag(run_id, "attempts", attempts)
        self.client.set_tag(run_id, "job_id", job_id)
        if status in ENDED:
            self.client.set_terminated(run_id, ENDED[status])
        else:
            self.client.update_run(run_id, status="SCHEDULED" if attempts == "0" else "RUNNING")


def _sent_file(folder: RunFolder) -> Path:
    return folder.path / "mlflow.json"


def _trial_state(folder: RunFolder) -> list[str]:
    job = folder.job() or {"state": "new", "job_id": None}
    state = "finished" if folder.result() is not None else str(job["state"])
    costed = "costed" if folder.accounting_file.exists() else "-"
    return [state, str(job["job_id"]), str(len(folder.attempts())), costed]


def _run_name(spec: Record) -> str:
    beta = spec["method"].get("beta")
    return " ".join(
        [spec["method"]["name"], *([f"beta={beta:g}"] if beta else []), spec["backbone"], f"seed={spec['seed']}"]
    )


def _metrics(record: Record) -> dict[str, float]:
    values = {key: record[key] for key in ("samples_seen", "wall_s", "images_per_s", "data_s", "lr")}
    values |= prefixed("train", record["train"]) | prefixed("val", record["val"])
    # MLflow takes no @ in a name: PCKh@0.5 is PCKh_0.5 there.
    return {name.replace("@", "_"): float(value) for name, value in values.items() if value is not None}


def flat(values: Record, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as dotted names: ("train.lr", "0.001")."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value if isinstance(value, str) else json.dumps(value)


def _milliseconds(iso: str) -> int:
    return int(moment(iso) * 1000)


def main(sweep: Path, uri: str | None) -> int:
    """Follow a sweep until stdin closes, which it does however the driver ends; then once more, and end the parent.

    The last line on stdin is the sweep's final status; a driver that was killed could not write one. Returns the exit
    code: 1 if MLflow has not got everything.
    """
    # A round that fails is followed by another: MLflow's own patience of minutes would only hold up the driver's end.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    # A mirror that a killed driver left behind ends within seconds; the next one waits for it.
    with locked(sweep / "mirror.lock"):
        mirror: Mirror | None = None
        last_words = ""
        open_ended = True
        while open_ended:
            ready, _, _ = select.select([sys.stdin], [], [], INTERVAL_S)
            if ready:
                line = sys.stdin.readline()
                last_words, open_ended = line.strip() or last_words, bool(line)
            if open_ended:
                mirror, _ = _try_sync(mirror, sweep, uri)
        return _end(mirror, sweep, uri, last_words or "KILLED")


def _end(mirror: Mirror | None, sweep: Path, uri: str | None, status: str) -> int:
    """The last round is tried for LAST_S. Returns the exit code."""
    deadline = time.monotonic() + LAST_S
    while True:
        mirror, done = _try_sync(mirror, sweep, uri, status)
        if done:
            return 0
        if time.monotonic() >= deadline:
            return 1
        time.sleep(INTERVAL_S)


def _try_sync(
    mirror: Mirror | None, sweep: Path, uri: str | None, end: str | None = None
) -> tuple[Mirror | None, bool]:
    """One round, and whether all of it went well; a server that is away is asked again in the next."""
    try:
        mirror = mirror or Mirror(sweep, uri)
        mirror.sync()
        if end is not None:
            mirror.close(end)
        return mirror, True
    except Exception as error:
        print(f"MLflow at {uri or default_uri(sweep)}: {error}; trying again", file=sys.stderr, flush=True)
        return mirror, False


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
