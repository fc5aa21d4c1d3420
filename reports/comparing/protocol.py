"""How numbers came about, in one sentence for captions: data set, boxes, flip test, net and its weights, seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from heatmark.datasets.boxes import title_of
from heatmark.foundation.counted import counted
from heatmark.reports.reading.collect import Trial, printable
from heatmark.workloads.spec import TrialSpec


def protocol(trials: Sequence[Trial], boxes: Iterable[str] = ()) -> str:
    """Empty where no trial has a spec; where trials differ, every value. boxes: the sources of those that numbers are
    in, the trials' own where none is given.
    """
    specs = [trial.spec for trial in trials if trial.spec]
    if not specs:
        return ""
    sources = {title_of(source) for source in boxes or [trial.boxes for trial in trials if trial.spec]}
    parts = {
        "Data set": {spec.data.name for spec in specs},
        "Boxes": sources,
        "Flip test": {"yes" if spec.train.flip_test else "no" for spec in specs},
        "Backbone": {spec.backbone for spec in specs},
        "First weights": {first_weights(spec) for spec in specs},
        "Input": {"{} × {} px".format(*spec.data.input_size) for spec in specs},
        "Evaluated every": {counted(spec.train.eval_every, "epoch") for spec in specs if spec.train.eval_every > 1},
    }
    text = "; ".join(f"{name.lower()} {', '.join(sorted(values))}" for name, values in parts.items() if values)
    seeds = sorted({spec.seed for spec in specs})
    noun = "seed" if len(seeds) == 1 else "seeds"
    return printable(f"{text[0].upper()}{text[1:]}; {noun} {', '.join(map(str, seeds))}.")


def first_weights(spec: TrialSpec) -> str:
    """`random`, or the name of the file that a trial starts from, with the first digits of its hash."""
    if spec.pretrained is None:
        return "random"
    digits = spec.pretrained.sha256[:8]
    name = Path(spec.runtime.pretrained).name if spec.runtime.pretrained else ""
    return name if digits in name else f"{name} (sha256 {digits})".strip()
