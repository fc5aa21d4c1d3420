"""How the trials were trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import BOX_SOURCES, Trial, printable
from heatmark.reports.rendering.document import Block, Facts, Words
from heatmark.reports.sections.section import Section


class Setup(Section):
    title = "How the trials were trained"
    order = 80
    half = True

    def blocks(self, study: Study) -> Iterator[Block]:
        rows = tuple(_setup(study.trials))
        yield Facts(rows) if rows else Words(("No trial has a readable spec yet.",))


def _setup(trials: Sequence[Trial]) -> Iterable[tuple[str, str]]:
    """How the trials were trained; where they differ, every value."""
    specs = [trial.spec for trial in trials if trial.spec]
    rows: dict[str, list[str]] = {
        "Data sets": [f"{spec.data.name} ({spec.data.format}, fingerprint {spec.data.fingerprint})" for spec in specs],
        "Backbones": _backbones(trials),
        "Input": ["{} × {} px, stride {}".format(*spec.data.input_size, spec.data.stride) for spec in specs],
        "Boxes": [f"{BOX_SOURCES.get(trial.boxes, trial.boxes)}" for trial in trials if trial.spec],
        "Flip test": ["yes" if spec.train.flip_test else "no" for spec in specs],
        "Epochs": [str(spec.train.epochs) for spec in specs],
        "Batch size": [f"{spec.train.batch_size} people" for spec in specs],
        "Learning rate": [f"{spec.train.lr:g}" for spec in specs],
        "Precision": [spec.train.precision for spec in specs],
        "Ranks per trial": [str(trial.result["world_size"]) for trial in trials if "world_size" in trial.result],
        "Seeds": [str(spec.seed) for spec in specs],
        "Notes on the data": _data_notes(trials),
    }
    return ((name, printable(", ".join(dict.fromkeys(values)))) for name, values in rows.items() if values)


def _backbones(trials: Sequence[Trial]) -> list[str]:
    """Each backbone with its number of parameters, which only a result knows."""
    names = {trial.spec.backbone: "" for trial in trials if trial.spec}
    for trial in trials:
        count = trial.result.get("parameters")
        if trial.spec and isinstance(count, int):
            names[trial.spec.backbone] = f" ({count:,} parameters)"
    return [f"{name}{parameters}" for name, parameters in names.items()]


def _data_notes(trials: Sequence[Trial]) -> list[str]:
    """What the jobs found missing or unreadable in the data."""
    notes = [str(note) for trial in trials for note in _listed(trial, "notes")]
    unreadable = {str(path) for trial in trials for path in _listed(trial, "unreadable_images")}
    return [*notes, f"{len(unreadable)} unreadable image(s) left out"] if unreadable else notes


def _listed(trial: Trial, name: str) -> list[object]:
    value = trial.result.get(name)
    return value if isinstance(value, list) else []
