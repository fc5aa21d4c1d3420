"""`heatmark sweep plan --measure`: what trials would take here, from about a minute of their own training."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from heatmark.datasets.formats import format_of
from heatmark.foundation.errors import InputError
from heatmark.pipeline.data_sets import data_root
from heatmark.pipeline.plan import Plan
from heatmark.workloads.spec import TrialSpec

MODULE: Final = "heatmark.workloads.pace"
# All kinds of trial together, and the least for one of them; what starting takes comes on top.
BUDGET_S, LEAST_S, START_S = 60.0, 6.0, 300.0


class Kind(NamedTuple):
    """Trials that go at one pace, as near as matters here."""

    backbone: str
    data: str
    depth: bool
    precision: str


class Pace(NamedTuple):
    """Seconds that a person takes in training and in an evaluation, and how many people are evaluated."""

    train_s: float
    evaluate_s: float
    evaluated: int

    def hours(self, trial: TrialSpec, people: int) -> float:
        """people: that it is trained on."""
        train = trial.train
        evaluations = math.ceil(train.epochs / train.eval_every) + train.measure_untrained
        seconds = train.epochs * people * self.train_s + evaluations * self.evaluated * self.evaluate_s
        return seconds / 3600


def kind_of(trial: TrialSpec) -> Kind:
    """Of which kind a trial is."""
    return Kind(trial.backbone, trial.data.name, trial.train.depth, trial.train.precision)


def measure_paces(plan: Plan, trials: Sequence[TrialSpec], log: Callable[[str], None]) -> Mapping[Kind, Pace]:
    """One trial of each kind, as many at a time as the sweep runs. Raises InputError where that is not here."""
    cluster = plan.sweep.cluster
    if cluster.kind.elsewhere or cluster.nodes * cluster.ranks > 1:
        raise InputError(
            f"sweep plan: --measure trains for some seconds on one rank of this machine, where trials of executor "
            f"{cluster.executor} with {cluster.nodes} node(s) x {cluster.ranks} rank(s) do not run; leave it out"
        )
    examples: dict[Kind, TrialSpec] = {}
    for trial in trials:
        examples.setdefault(kind_of(trial), trial)
    seconds = max(BUDGET_S / max(len(examples), 1), LEAST_S)
    paces = {}
    for kind, trial in examples.items():
        at_once = min(cluster.parallel, sum(kind_of(each) == kind for each in trials))
        log(f"measuring {kind.backbone} on {kind.data}: {at_once} at a time, about {seconds:.0f} s")
        found = _measured(trial, seconds, at_once)
        train_s, evaluate_s = (statistics.fmean(each[key] for each in found) for key in ("train_s", "evaluate_s"))
        paces[kind] = Pace(train_s, evaluate_s, _evaluated(plan, trial))
    return paces


def _measured(trial: TrialSpec, seconds: float, at_once: int) -> list[dict[str, float]]:
    """From so many processes beside each other, as the trials will be."""
    command = [sys.executable, "-m", MODULE, str(seconds)]
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8")
        for _ in range(at_once)
    ]
    try:
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(trial.model_dump_json())
            process.stdin.close()
            process.stdin = None
        return [_answer(process, seconds, trial) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _answer(process: subprocess.Popen[str], seconds: float, trial: TrialSpec) -> dict[str, float]:
    try:
        out, complaint = process.communicate(timeout=2 * seconds + START_S)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"sweep plan: --measure: {trial.label} took no step within {START_S:g} s here") from error
    if process.returncode:
        last = (complaint.strip().splitlines() or ["without a word"])[-1]
        raise InputError(f"sweep plan: --measure: {trial.label} cannot be trained here: {last}")
    answer: dict[str, float] = json.loads(out)
    return answer


def _evaluated(plan: Plan, trial: TrialSpec) -> int:
    data = plan.sweep.data[trial.data.name]
    drawn = data.synthetic
    people = drawn.people_val if drawn else len(format_of(data).load(data_root(data), "val", False).people)
    return min(people, trial.train.max_people or people)
