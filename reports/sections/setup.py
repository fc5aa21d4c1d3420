"""How the trials were trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from heatmark.datasets.boxes import title_of
from heatmark.foundation.counted import counted
from heatmark.reports.comparing.protocol import first_weights
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import Trial, printable
from heatmark.reports.rendering.document import Block, Facts, Words
from heatmark.reports.sections.section import Section
from heatmark.workloads.run_folder.result import Result
from heatmark.workloads.spec import DataSpec, TrainSpec, TrialSpec


class Setup(Section):
    """The settings that all trials share, and those in which they differ."""

    title = "How the trials were trained"
    order = 80
    half = True

    def blocks(self, study: Study) -> Iterator[Block]:
        rows = tuple(setup_rows(study.trials))
        yield Facts(rows) if rows else Words(("No trial has a readable spec yet.",))


def setup_rows(trials: Sequence[Trial]) -> Iterable[tuple[str, str]]:
    """How the trials were trained; where they differ, every value."""
    specs = [trial.spec for trial in trials if trial.spec]
    results = [trial.result for trial in trials if trial.result]
    rows: dict[str, list[str]] = {
        "Data sets": [_data_set(spec.data) for spec in specs],
        "Backbones": _backbones(trials),
        "Input": ["{} × {} px, stride {}".format(*spec.data.input_size, spec.data.stride) for spec in specs],
        "Boxes": [title_of(trial.boxes) for trial in trials if trial.spec],
        "Flip test": ["yes" if spec.train.flip_test else "no" for spec in specs],
        "First weights": [first_weights(spec) for spec in specs],
        "Epochs": [str(spec.train.epochs) for spec in specs],
        "Evaluated every": [counted(spec.train.eval_every, "epoch") for spec in specs],
        "Batch size": [counted(spec.train.batch_size, "person", "people") for spec in specs],
        "Training people": [
            f"the first {spec.train.max_people:,}" if spec.train.max_people else "all" for spec in specs
        ],
        "Optimiser": [_optimiser(spec.train) for spec in specs],
        "Crops in training": [_crops(spec.data) for spec in specs],
        "Geometry": [f"{spec.data.geometry}, padding {spec.data.padding:g}" for spec in specs],
        "Colours": [spec.channels for spec in specs],
        "Methods": [_method(spec) for spec in specs],
        "Precision": [spec.train.precision for spec in specs],
        "Ranks per trial": [str(result.world_size) for result in results],
        "Seeds": [str(spec.seed) for spec in specs],
        "Notes on the data": _data_notes(results),
    }
    return ((name, printable(_listed(values))) for name, values in rows.items() if values)


def _listed(values: Sequence[str]) -> str:
    """Each once."""
    unlike = dict.fromkeys(values)
    return ("; " if any(", " in value for value in unlike) else ", ").join(unlike)


def _optimiser(train: TrainSpec) -> str:
    steps = " and ".join(map(str, train.resolved().milestones or ())) or "none"
    clipping = f"norm of gradients up to {train.gradient_clipping:g}" if train.gradient_clipping else "no clipping"
    return f"Adam, learning rate {train.lr:g}, times {train.lr_gamma:g} after epochs {steps}, {clipping}"


def _crops(data: DataSpec) -> str:
    """The augmentation, as far as there is any."""
    parts = {"scaling": data.scale, "rotation": data.rotation, "mirroring": data.flip, "half bodies": data.half_body}
    told = ", ".join(f"{name} {value:g}" for name, value in {**parts, "shift": data.shift}.items() if value)
    return f"{data.augmentation}: {told or 'as they are'}"


def _method(spec: TrialSpec) -> str:
    """With every field that it has."""
    fields = {name: value for name, value in spec.method.model_dump(mode="json").items() if name != "name"}
    told = ", ".join(f"{name} {'none' if value is None else value}" for name, value in fields.items())
    return f"{spec.method.label}{' in 2.5D' if spec.train.depth else ''} ({told})" if told else spec.method.label


def _data_set(data: DataSpec) -> str:
    given = data.keypoints.skeleton if data.keypoints else None
    skeleton = f"skeleton {given['name']}, {len(given['joints'])} joints, " if isinstance(given, dict) else ""
    return f"{data.name} ({data.format}, {skeleton}fingerprint {data.fingerprint})"


def _backbones(trials: Sequence[Trial]) -> list[str]:
    """Each backbone with its number of parameters, which only a result knows."""
    names = {trial.spec.backbone: "" for trial in trials if trial.spec}
    for trial in trials:
        if trial.spec and trial.result:
            names[trial.spec.backbone] = f" ({trial.result.parameters:,} parameters)"
    return [f"{name}{parameters}" for name, parameters in names.items()]


def _data_notes(results: Sequence[Result]) -> list[str]:
    """What the jobs found missing or unreadable in the data."""
    notes = [note for result in results for note in result.notes]
    unreadable = {path for result in results for path in result.unreadable_images}
    return [*notes, f"{counted(len(unreadable), 'unreadable image')} left out"] if unreadable else notes
