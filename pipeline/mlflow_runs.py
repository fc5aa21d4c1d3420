"""The runs of one sweep in MLflow: found by their tags, restored where they were deleted, made where there are none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from heatmark.pipeline.mirror_identity import Identity

# MLflow's pages then show runs and their metrics first, not its tools for language models.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
DELETED = "deleted"
# A signature that no trial has: the sweep's own run.
PARENT = ""


class SweepRuns:
    """The experiment of a sweep's name, and in it the runs of one sweep's folder.

    client: MlflowClient. artifacts: where they go if the database is the folder's own; then every run of the sweep in
    it is the folder's, whatever folder the database was copied from.
    """

    def __init__(self, client: Any, name: str, identity: Identity, artifacts: Path | None) -> None:
        self.client, self.name, self.identity, self.artifacts = client, name, identity, artifacts
        self.experiment, self.created = "", 0
        self.found: dict[str, str] = {}

    def look(self, signatures: Iterable[str]) -> None:
        """Find the experiment, and the runs of the sweep and of these trials.

        What was deleted is restored; what is gone for good is not among `found` any more.
        """
        self._find_experiment()
        wanted = {PARENT, *signatures}
        found: dict[str, Any] = {}
        for run in self._all_runs():
            key = _key(run)
            # Of two runs of a trial the one that nobody deleted, or else the older.
            if key in wanted and (key not in found or _deleted(found[key]) > _deleted(run)):
                found[key] = run
        for run in found.values():
            if _deleted(run):
                self.client.restore_run(run.info.run_id)
            if run.data.tags.get("identity") != self.identity.number:
                self._make_ours(run.info.run_id)
        self.found = {key: str(run.info.run_id) for key, run in found.items()}

    def adopt(self, run_id: str) -> None:
        """Take over a trial's run and its parent from an earlier version, which wrote no identity down.

        A run that has another's identity, or none any more, stays as it is.
        """
        for each in [run_id, *self._parent_of(run_id)]:
            run = self._run(each)
            if run is not None and "identity" not in run.data.tags and run.data.tags.get("sweep") == self.name:
                if _deleted(run):
                    self.client.restore_run(each)
                self._make_ours(each)
                self.found.setdefault(_key(run), each)

    def make(self, signature: str, name: str, tags: dict[str, str], start_ms: int | None) -> str:
        """A new run of a trial, or of the sweep itself; RUNNING. start_ms: since 1970; now where it is None."""
        kind = {"signature": signature} if signature else {"kind": "sweep"}
        own = {"sweep": self.name, **kind, **self.identity.tags, **tags}
        created = self.client.create_run(self.experiment, start_time=start_ms, run_name=name, tags=own)
        self.found[signature] = str(created.info.run_id)
        return self.found[signature]

    def _find_experiment(self) -> None:
        found = self.client.get_experiment_by_name(self.name)
        if found is None:
            location = self.artifacts.as_uri() if self.artifacts else None
            self.client.create_experiment(self.name, artifact_location=location, tags=EXPERIMENT_TAGS)
            found = self.client.get_experiment_by_name(self.name)
        elif found.lifecycle_stage == DELETED:
            self.client.restore_experiment(found.experiment_id)
        self.experiment, self.created = str(found.experiment_id), found.creation_time

    def _all_runs(self) -> Iterator[Any]:
        """The oldest first, those that were deleted among them."""
        from mlflow.entities import ViewType

        ours = f"tags.sweep = '{self.name}'" if self.artifacts else f"tags.identity = '{self.identity.number}'"
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment], ours, ViewType.ALL, order_by=["attributes.start_time ASC"], page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def _run(self, run_id: str) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def _parent_of(self, run_id: str) -> list[str]:
        run = self._run(run_id)
        parent = run.data.tags.get("mlflow.parentRunId") if run is not None else None
        return [str(parent)] if parent else []

    def _make_ours(self, run_id: str) -> None:
        for key, value in self.identity.tags.items():
            self.client.set_tag(run_id, key, value)


def _key(run: Any) -> str:
    return str(run.data.tags.get("signature", PARENT))


def _deleted(run: Any) -> bool:
    return bool(run.info.lifecycle_stage == DELETED)
