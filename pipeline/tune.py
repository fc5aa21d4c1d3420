"""Ray Tune over the trials of a plan: one relay each, the jobs behind them sent by the broker.

Under FIFO the broker has all trials before Tune starts, and sends as many as have a place; Tune follows so many of them
live as `tune.relays` says, and replays the others when their turn comes. ASHA decides by what it follows: there a trial
is wanted when its relay starts, and each in flight has one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler
from ray.tune.search.basic_variant import BasicVariantGenerator

from heatmark.pipeline.broker import Broker
from heatmark.pipeline.decisions import decide_cancel
from heatmark.pipeline.ray_relay import Relay
from heatmark.pipeline.sweep import TuneSection
from heatmark.pipeline.tensorboard_log import TensorBoardLog, trial_folder_name
from heatmark.workloads.run_folder.folder import RunFolder

# A relay that dies is started anew and replays the epochs on record; its job knows nothing of it.
RELAY_RETRIES = 3
# How long all relays are busy before there are more.
BUSY_S = 2.0


def run_tune(
    folders: list[RunFolder],
    storage: Path,
    settings: TuneSection,
    broker: Broker,
    relays: int,
    epochs: int,
    between_steps: Callable[[], None],
) -> None:
    """Follow the unfinished trials to their ends, at most `relays` at a time. epochs: the longest trial, for ASHA.

    between_steps: called between Tune's steps, where an exception may leave it.

    Every run is a new experiment of Tune's: what is finished was filtered out before, what is running is adopted, and
    a relay replays the epochs on record, so nothing is kept in Tune that is not in the run folders. TensorBoard shows
    what is in `storage`.
    """
    in_turn = InTurn(relays) if len(folders) > relays else None
    tuner = tune.Tuner(
        Relay,
        param_space={
            "folder": tune.grid_search([str(folder.path) for folder in folders]),
            "poll_s": broker.poll_s,
            "in_turn": in_turn is not None,
        },
        tune_config=tune.TuneConfig(
            max_concurrent_trials=None if in_turn else relays,
            search_alg=in_turn,
            reuse_actors=in_turn is not None,  # a process costs a second to start
            scheduler=_scheduler(settings, epochs),
            trial_dirname_creator=trial_folder_name,
        ),
        run_config=tune.RunConfig(
            name=datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ"),
            storage_path=str(storage),
            callbacks=[JobCallback(broker, between_steps, settings.stops_trials, in_turn), TensorBoardLog()],  # type: ignore[no-untyped-call]
            failure_config=tune.FailureConfig(max_failures=RELAY_RETRIES),
            verbose=0,
        ),
    )
    tuner.fit()


class InTurn(BasicVariantGenerator):
    """The grid in its order, followed by as many relays as are of use: one at first, twice as many whenever all have
    had their hands full for a while with trials that go on.

    A trial that has ended is replayed at once, and its relay takes the next. Were more handed out than relays are free,
    Tune would start a process for each, and end it again as another relay has taken its trial.
    """

    def __init__(self, most: int) -> None:
        super().__init__(max_concurrent=1)
        self.most = most
        self._starting: set[str] = set()
        self._changed = math.inf

    def next_trial(self) -> Any:
        """None while all relays are busy."""
        if not self._starting and time.monotonic() - self._changed > BUSY_S:
            self.max_concurrent = min(self.most, 2 * self.max_concurrent)
            self._changed = time.monotonic()
        trial = super().next_trial()  # type: ignore[no-untyped-call]
        if trial is not None:
            self._starting.add(trial.trial_id)
        return trial

    def is_followed(self, trial_id: str) -> None:
        """A relay has begun with it."""
        self._starting.discard(trial_id)
        self._changed = time.monotonic()

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tune's own hook."""
        super().on_trial_complete(trial_id, result, error)
        self.is_followed(trial_id)
        if self._starting:  # its relay takes one of these, whose own process is then one too many
            self.max_concurrent = max(1, self.max_concurrent - 1)


def _scheduler(settings: TuneSection, epochs: int) -> Any:
    if settings.scheduler == "fifo":
        return FIFOScheduler()  # type: ignore[no-untyped-call]
    return ASHAScheduler(
        time_attr="epoch",
        metric=settings.metric,
        mode=settings.mode,
        max_t=max(1, epochs),
        grace_period=min(settings.grace_epochs, max(1, epochs)),
        reduction_factor=settings.reduction_factor,
    )


class JobCallback(tune.Callback):
    """In the driver: where the scheduler stops trials, one that starts gets a job and one that it stopped loses it.

    Tune calls on_trial_complete when a trial ends or is stopped by a decision, and not when the driver is interrupted.
    """

    def __init__(
        self, broker: Broker, between_steps: Callable[[], None], decides: bool, in_turn: InTurn | None = None
    ) -> None:
        """decides: whether the scheduler stops trials. in_turn: what hands out trials to relays that are used again."""
        self.broker, self.between_steps, self.decides, self.in_turn = broker, between_steps, decides, in_turn
        self.started: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its callbacks into an experiment that is never restored

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self.between_steps()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        if self.in_turn is not None:
            self.in_turn.is_followed(trial.trial_id)
        # A relay that is started again asks for no job again: how often a job is sent is the broker's decision.
        if self.decides and trial.trial_id not in self.started:
            self.started.add(trial.trial_id)
            self.broker.want(RunFolder(Path(trial.config["folder"])))

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        if not self.decides:
            return
        folder = RunFolder(Path(trial.config["folder"]))
        trained = sum(record.epoch >= 0 for record in folder.epochs())
        stopped_early = trained < folder.spec().train.epochs
        decided = folder.cancel_file.exists() or folder.given_up_file.exists()
        if stopped_early and folder.result() is None and not decided:
            decide_cancel(folder, by="scheduler", reason="stopped early by ASHA")
