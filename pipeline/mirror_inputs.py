"""What a trial was trained on and what came of it, as MLflow's pages list them: a data set and a model."""

from __future__ import annotations

import json
from typing import Any

from heatmark.pipeline.mirror_times import milliseconds
from heatmark.pipeline.mlflow_links import headline_key
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.spec import TrialSpec

# MLflow's columns take no more.
LONGEST_DIGEST = 36
# What MLflow refuses in the name of a model.
REFUSED = "/:.%\"'"


def log_data(client: Any, run_id: str, spec: TrialSpec) -> None:
    """The data set with its fingerprint, once: sent again it is the same. client: MlflowClient."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    fingerprint = spec.data.fingerprint
    about = {"format": spec.data.format, "fingerprint": fingerprint}
    dataset = Dataset(
        name=spec.data.name,
        digest=fingerprint.rpartition(":")[2][:LONGEST_DIGEST],
        source_type=spec.data.format,
        source=json.dumps(about),
        profile=json.dumps({**about, "input_size": spec.data.input_size}),
    )
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training, validation")])])


def log_model(client: Any, experiment: str, run_id: str, folder: RunFolder, spec: TrialSpec) -> None:
    """The final weights, where they lie: an entry that names them, and no copy. Once.

    Nothing where no checkpoint is left.
    """
    from mlflow.entities import LoggedModelOutput, Metric

    saved, result = max(folder.checkpoints.glob("step-*"), default=None), folder.result()
    run = client.get_run(run_id)
    if saved is None or result is None or run.outputs.model_outputs:
        return
    path = folder.path.absolute()
    model = client.create_logged_model(
        experiment,
        name=spec.label.translate(dict.fromkeys(map(ord, REFUSED), "-")),
        source_run_id=run_id,
        tags={
            "signature": folder.signature,
            "weights": str(saved.absolute()),
            "export": f"heatmark export {path} FILE",
        },
        params={
            "method": spec.method.name,
            "backbone": spec.backbone,
            "dataset": spec.data.name,
            "seed": str(spec.seed),
        },
        model_type=spec.method.name,
    )
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, result.epochs)])
    key = headline_key(spec)
    if key in run.data.metrics:
        value = Metric(
            key, run.data.metrics[key], milliseconds(result.finished), result.epochs, model_id=model.model_id
        )
        client.log_batch(run_id, metrics=[value])
