"""How numbers were measured, in one sentence for captions: data set, boxes, flip test, backbone, input, seeds."""

from __future__ import annotations

from collections.abc import Sequence

from heatmark.datasets.boxes import title_of
from heatmark.reports.reading.collect import Trial, printable


def protocol(trials: Sequence[Trial]) -> str:
    """Empty where no trial has a spec; where trials differ, every value."""
    specs = [trial.spec for trial in trials if trial.spec]
    if not specs:
        return ""
    boxes = {title_of(trial.boxes) for trial in trials if trial.spec}
    parts = {
        "Data set": {spec.data.name for spec in specs},
        "Boxes": boxes,
        "Flip test": {"yes" if spec.train.flip_test else "no" for spec in specs},
        "Backbone": {spec.backbone for spec in specs},
        "Input": {"{} × {} px".format(*spec.data.input_size) for spec in specs},
        "Evaluated every": {f"{spec.train.eval_every} epoch(s)" for spec in specs if spec.train.eval_every > 1},
    }
    text = "; ".join(f"{name.lower()} {', '.join(sorted(values))}" for name, values in parts.items() if values)
    seeds = sorted({spec.seed for spec in specs})
    noun = "seed" if len(seeds) == 1 else "seeds"
    return printable(f"{text[0].upper()}{text[1:]}; {noun} {', '.join(map(str, seeds))}.")
