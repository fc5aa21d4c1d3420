"""Ray Tune over the trials of a plan: one relay each, the jobs behind them sent by the broker."""

from __future__ import annotations

import logging
import os
import secrets
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler

from heatmark.pipeline.broker import Broker, decide_cancel
from heatmark.pipeline.relay import relay
from heatmark.pipeline.sweep import TuneSection
from heatmark.workloads.run_folder import RunFolder

RELAY_CPUS = 0.001  # a relay only waits; the trial's real resources belong to its job


def start_ray(folder: Path, dashboard: bool) -> str | None:
    """Start a Ray head for this driver alone, on loopback and behind a token. Returns the dashboard's address.

    The token is in <sweep>/ray_token, readable by its owner only. Ray's own folder has a short name of this user,
    because its sockets' paths may have 107 characters at most.
    """
    token_file = folder / "ray_token"
    if not token_file.exists():
        descriptor = os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
    os.environ.update(
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN_PATH=str(token_file),
        RAY_AIR_NEW_OUTPUT="0",
        RAY_TRAIN_V2_ENABLED="1",
        RAY_DEDUP_LOGS="0",
        TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
        RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
    )
    import ray

    warnings.filterwarnings("ignore", module="ray")
    context = ray.init(
        address="local",
        include_dashboard=dashboard,
        dashboard_host="127.0.0.1",
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address="127.0.0.1",
        _temp_dir=f"/tmp/heatmark-ray-{os.getuid()}",
    )
    url = context.dashboard_url if dashboard else None
    return f"http://{url}" if url else None


def run_tune(
    folders: list[RunFolder], storage: Path, settings: TuneSection, broker: Broker, parallel: int, epochs: int
) -> None:
    """Walk the unfinished trials, at most `parallel` at a time. epochs: the longest trial, for ASHA.

    Every run is a new experiment of Tune's: what is finished was filtered out before, what is running is adopted, and
    a relay replays the epochs on record, so nothing is kept in Tune that is not in the run folders.
    """
    tuner = tune.Tuner(
        tune.with_resources(relay, {"cpu": RELAY_CPUS}),
        param_space={"folder": tune.grid_search([str(folder.path) for folder in folders]), "poll_s": broker.poll_s},
        tune_config=tune.TuneConfig(max_concurrent_trials=parallel, scheduler=_scheduler(settings, epochs)),
        run_config=tune.RunConfig(
            name=datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ"),
            storage_path=str(storage),
            callbacks=[JobCallback(broker)],
            failure_config=tune.FailureConfig(max_failures=0),
            verbose=0,
        ),
    )
    tuner.fit()


def _scheduler(settings: TuneSection, epochs: int) -> Any:
    if settings.scheduler == "fifo":
        return FIFOScheduler()
    return ASHAScheduler(
        time_attr="epoch",
        metric=settings.metric,
        mode=settings.mode,
        max_t=epochs,
        grace_period=min(settings.grace_epochs, epochs),
        reduction_factor=settings.reduction_factor,
    )


class JobCallback(tune.Callback):  # type: ignore[misc]
    """In the driver: a trial that starts gets a job; one that the scheduler stopped loses it.

    Tune calls on_trial_complete when a trial ends or is stopped by a decision, and not when the driver is interrupted.
    """

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its callbacks into an experiment that is never restored

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.broker.want(RunFolder(Path(trial.config["folder"])))

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        folder = RunFolder(Path(trial.config["folder"]))
        spec = folder.spec() or {}
        stopped_early = len(folder.metrics()) < spec["train"]["epochs"]
        if stopped_early and folder.result() is None and not folder.cancel_file.exists():
            decide_cancel(folder, by="scheduler", reason="stopped early by ASHA")
