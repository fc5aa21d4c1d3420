"""Several sweeps as one: each trial once, and nothing under one name that is not one thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from heatmark.foundation.counted import counted
from heatmark.foundation.errors import InputError
from heatmark.reports.reading.collect import Sweep, Trial, printable
from heatmark.workloads.spec import DataSpec


def together(sweeps: Sequence[Sweep]) -> Sweep:
    """One sweep of the trials of all, each once: of two records of a trial the one that tells more. A trial that two
    sweeps measure otherwise is there in both ways.

    Data sets of one name that are not the same are named by their sweeps as well, and so are trials that are known by
    their label alone. Raises InputError where two sweeps measure the time to unlike targets.
    """
    parts = _parts(sweeps)
    everything = [trial for part in parts for trial in part.sweep.trials]
    # A trial of an earlier science has today's name in one sweep and its own in another.
    named = [(trial.spec.signature, trial.signature) for trial in everything if trial.spec and not trial.source]
    today = {then: now for then, now in named if then != now}
    trials: dict[tuple[str, str], Trial] = {}
    for trial in everything:
        key = today.get(trial.signature, trial.signature), trial.source
        trials[key] = max(trials[key], trial, key=_told) if key in trials else trial
    asha = any(sweep.truncated for sweep in sweeps)
    return Sweep(
        name=" + ".join(part.name for part in parts),
        created=min((sweep.created for sweep in sweeps if sweep.created), default=""),
        scheduler="asha" if asha else sweeps[0].scheduler,
        trials=tuple(_labelled(trials.values(), parts)),
        notes=(_counts(parts), *(f"{part.name}: {note}" for part in parts for note in part.sweep.notes)),
        targets=_targets(parts),
    )


@dataclass(frozen=True)
class _Part:
    """A sweep under a name that no other has."""

    name: str
    sweep: Sweep


def _parts(sweeps: Sequence[Sweep]) -> list[_Part]:
    """Unlike names for the sweeps, and for the data sets in them."""
    times, parts = Counter[str](), []
    for sweep in sweeps:
        times[sweep.name] += 1
        parts.append(_Part(f"{sweep.name} ({times[sweep.name]})" if times[sweep.name] > 1 else sweep.name, sweep))
    names = _data_names(parts)
    return [_Part(part.name, _renamed(part.sweep, names)) for part in parts]


def _data_names(parts: Sequence[_Part]) -> Mapping[tuple[str, str], str]:
    """New names of those data sets whose name means several: with the name of the first sweep that has each."""
    first: dict[tuple[str, str], str] = {}
    for part in parts:
        for data in _data_of(part.sweep):
            first.setdefault(_which(data), part.name)
    names = {}
    for which, sweep in first.items():
        alone = [name for name, _ in first].count(which[0]) == 1
        names[which] = which[0] if alone else f"{which[0]} of {sweep}"
    return names


def _which(data: DataSpec) -> tuple[str, str]:
    return data.name, data.fingerprint


def _data_of(sweep: Sweep) -> Iterator[DataSpec]:
    return (trial.spec.data for trial in sweep.trials if trial.spec)


def _renamed(sweep: Sweep, names: Mapping[tuple[str, str], str]) -> Sweep:
    targets = {names[_which(data)]: sweep.targets[data.name] for data in _data_of(sweep) if data.name in sweep.targets}
    unused = {name: value for name, value in sweep.targets.items() if name not in map(_name, _data_of(sweep))}
    trials = tuple(_with_name(trial, names) for trial in sweep.trials)
    return replace(sweep, trials=trials, targets={**unused, **targets})


def _name(data: DataSpec) -> str:
    return data.name


def _with_name(trial: Trial, names: Mapping[tuple[str, str], str]) -> Trial:
    if trial.spec is None or names[_which(trial.spec.data)] == trial.spec.data.name:
        return trial
    data = trial.spec.data.model_copy(update={"name": names[_which(trial.spec.data)]})
    spec = trial.spec.model_copy(update={"data": data})
    return replace(trial, spec=spec, label=printable(spec.label))


def _told(trial: Trial) -> tuple[bool, bool, int]:
    return trial.finished, trial.spec is not None, len(trial.epochs)


def _labelled(trials: Iterable[Trial], parts: Sequence[_Part]) -> Iterator[Trial]:
    """Those without a spec are told apart by their sweep, where their label is another's too."""
    own = {trial.signature: part.name for part in reversed(parts) for trial in part.sweep.trials}
    found = list(trials)
    times = Counter(trial.label for trial in found)
    for trial in found:
        alone = trial.spec is not None or times[trial.label] == 1
        yield trial if alone else replace(trial, label=f"{trial.label} of {own[trial.signature]}")


def _counts(parts: Sequence[_Part]) -> str:
    """What each sweep brings."""
    seen, told = set[str](), []
    for part in parts:
        own = {trial.signature for trial in part.sweep.trials}
        shared = f", {len(own & seen)} of them shared" if own & seen else ""
        told.append(f"{part.name} ({counted(len(own), 'trial')}{shared})")
        seen |= own
    return f"A report of {len(parts)} sweeps: {'; '.join(told)}."


def _targets(parts: Sequence[_Part]) -> Mapping[str, float]:
    """Raises InputError for two of one data set."""
    merged: dict[str, tuple[float, str]] = {}
    for part in parts:
        for name, value in part.sweep.targets.items():
            other, sweep = merged.setdefault(name, (value, part.name))
            if other != value:
                raise InputError(
                    f"report.targets.{name}: {other:g} in {sweep} and {value:g} in {part.name}: time to accuracy would "
                    "be to unlike targets; set one target and plan one of them again, or report the sweeps apart"
                )
    return {name: value for name, (value, _) in merged.items()}
