"""How long trials will take, from how long others took: of this sweep, or of earlier ones on the same machine."""

from __future__ import annotations

import math
import os
import socket
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from heatmark.foundation.errors import InputError
from heatmark.foundation.processor import processor_name
from heatmark.pipeline.measured_pace import Kind, Pace, kind_of
from heatmark.pipeline.plan import Plan
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from heatmark.workloads.run_folder.store import STORE, sweeps_of
from heatmark.workloads.spec import TrialSpec

# An estimate is wrong by less than this factor nine times in ten, at best: by how like the earlier trials are. What
# they differ by among themselves makes it larger.
OF_THIS_SWEEP, OF_THIS_SIZE, MEASURED, OF_ANOTHER_SIZE = 1.15, 1.4, 1.6, 1.8
# Half the width of the interval that holds 90 % of a normal distribution, in its standard deviations.
NINE_IN_TEN: Final = 1.645


@dataclass(frozen=True)
class Hours:
    """What is expected, and between which two it will be nine times in ten."""

    expected: float
    low: float
    high: float

    @classmethod
    def within(cls, expected: float, factor: float) -> Hours:
        """Between so many times less and so many times more."""
        return cls(expected, expected / factor, expected * factor)

    @classmethod
    def total(cls, parts: Iterable[Hours]) -> Hours:
        """Of trials that are all wrong in the same direction, as they go by the same earlier ones."""
        each = list(parts)
        return cls(sum(h.expected for h in each), sum(h.low for h in each), sum(h.high for h in each))


@dataclass(frozen=True)
class Seen:
    """An earlier trial. person_s: seconds by people trained on and epochs, evaluations included."""

    person_s: float
    backbone: str
    pixels: int
    ranks: int


class Estimates:
    """The hours of a plan's trials. measured: what was measured for it. source: what they go by, in words; empty before
    any was asked for.
    """

    def __init__(self, plan: Plan, measured: Mapping[Kind, Pace] | None = None) -> None:
        self.plan, self.source, self._measured = plan, "", measured or {}
        self._own = [seen for run in run_folders(plan.folder) if (seen := _seen(run))]
        self._others: list[Seen] | None = None

    def hours(self, trial: TrialSpec, people: int) -> Hours | None:
        """people: that it is trained on. None where nothing like it has run here, and nothing was measured."""
        pace = self._measured.get(kind_of(trial))
        if pace is not None:
            self.source = "what was measured just now"
            return Hours.within(pace.hours(trial, people), MEASURED)
        cluster = self.plan.sweep.cluster
        width, height = trial.data.input_size
        ranks = cluster.nodes * cluster.ranks

        def like(seen: Seen) -> bool:
            return seen.backbone == trial.backbone and seen.ranks == ranks

        likes, least = [seen for seen in self._own if like(seen)], OF_THIS_SWEEP
        source = "this sweep"
        if not likes:
            others = [seen for seen in self._from_elsewhere() if like(seen)]
            likes, least = [seen for seen in others if seen.pixels == width * height], OF_THIS_SIZE
            source = "earlier sweeps on this machine"
            if not likes:
                likes, least, source = others, OF_ANOTHER_SIZE, f"{source}, of crops of another size"
        if not likes:
            return None
        self.source = self.source or f"{len(likes)} trial(s) of {source}"
        logs = [math.log(seen.person_s * width * height / seen.pixels) for seen in likes]
        expected = math.exp(statistics.fmean(logs)) * people * trial.train.epochs / 3600
        return Hours.within(expected, max(least, _factor(logs)))

    def _from_elsewhere(self) -> list[Seen]:
        """Of all other sweeps beside this one, each trial once."""
        if self._others is None:
            out, known = self.plan.folder.parent, set()
            self._others = []
            for run in (run for place in (out / STORE, *sweeps_of(out)) for run in run_folders(place)):
                real = os.path.realpath(run.path)
                if real not in known and _is_of_here(run, self.plan) and (seen := _seen(run)):
                    self._others.append(seen)
                known.add(real)
        return self._others


def _factor(logs: Sequence[float]) -> float:
    """What one more of the same kind will be within, by how the others differ."""
    count = len(logs)
    return math.exp(NINE_IN_TEN * statistics.stdev(logs) * math.sqrt(1 + 1 / count)) if count > 1 else 1.0


def _seen(run: RunFolder) -> Seen | None:
    """None of a trial without an epoch, or that cannot be read."""
    try:
        records = [record for record in run.epochs() if record.epoch >= 0]
        if not records or not records[-1].samples_seen:
            return None
        spec, attempts = run.spec(), run.attempts()
    except InputError:
        return None  # whoever needs it says what is wrong with it
    width, height = spec.data.input_size
    ranks = attempts[-1].ranks if attempts else 1
    return Seen(records[-1].wall_s / records[-1].samples_seen, spec.backbone, width * height, ranks)


def _is_of_here(run: RunFolder, plan: Plan) -> bool:
    """Whether a finished trial ran where this plan's would: on this machine, or on the same kind of cluster."""
    try:
        result, job = run.result(), run.job()
    except InputError:
        return False
    if result is None:
        return False
    if plan.sweep.cluster.kind.elsewhere:
        return job is not None and job.executor == plan.sweep.cluster.executor
    machine = result.machine
    same_processor = machine.get("cpu") == processor_name() and not machine.get("gpus")
    return machine.get("host") == socket.gethostname() or same_processor
