"""model.md beside an exported net: what it is, how to run it, how good it is and where it fails, in plain sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heatmark.datasets.boxes import in_boxes, title_of
from heatmark.datasets.metrics.error_kinds import KINDS
from heatmark.foundation.counted import counted
from heatmark.foundation.errors import InputError
from heatmark.reports.comparing.contest import FEWEST_IMAGES
from heatmark.reports.paper.figures.extreme_cases import ranked
from heatmark.reports.reading.collect import Trial, printable, read_trial
from heatmark.reports.reading.digest import Digest, digest
from heatmark.reports.reading.joint_errors import EVERYBODY
from heatmark.reports.reading.measures import amount, headline_of, shown_metrics, unit_of
from heatmark.reports.reading.records import records_at
from heatmark.reports.sections.setup import setup_rows
from heatmark.reports.statistics.bootstrap import Statistic, affordable_resamples, draw_resampling
from heatmark.reports.statistics.intervals import Resampled
from heatmark.reports.statistics.two_levels import difference
from heatmark.workloads.run_folder.evaluation import Records

if TYPE_CHECKING:
    from heatmark.workloads.export import Export

WORST_PEOPLE, WORST_JOINTS = 5, 3
EPE = "EPE"

RUN_ONNX = """import json
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("{file}", providers=["CPUExecutionProvider"])
about = session.get_modelmeta().custom_metadata_map
mean, deviation = (np.array(json.loads(about[key]), np.float32) for key in ("mean", "deviation"))
crops = ...  # uint8, N x {height} x {width} x 3, {colours}
image = ((crops / np.float32(255) - mean) / deviation).transpose(0, 3, 1, 2)
{outputs} = session.run(None, {{"image": np.ascontiguousarray(image, dtype=np.float32)}})
"""
RUN_TORCH = """import torch

net = {load}
crops = ...  # uint8, N x {height} x {width} x 3, {colours}
mean, deviation = torch.tensor({mean}), torch.tensor({deviation})
image = ((crops / 255 - mean) / deviation).permute(0, 3, 1, 2).contiguous()
{outputs} = net(image)
"""
LOADS = {"torch.export": 'torch.export.load("{file}").module()', "torch.jit": 'torch.jit.load("{file}")'}


@dataclass(frozen=True)
class CardFacts:
    """file: name of the export. licence: of the data, in the user's words. chosen: why this trial, of a sweep."""

    file: str
    licence: str | None = None
    chosen: str | None = None


def model_card(export: Export, facts: CardFacts) -> str:
    """Markdown."""
    trial = read_trial(export.folder, export.about.label)
    records = _records(trial, export.about.epoch)
    parts = (
        _head(export, facts),
        _run(export, facts),
        _training(export, trial),
        _numbers(export, trial, records),
        _failures(records),
        _licence(facts),
    )
    return "\n".join(line for part in parts for line in part)


def _records(trial: Trial, epoch: int) -> Records | None:
    """What the trial's own evaluation of these weights found for each person."""
    try:
        found = records_at(trial, epoch)
    except InputError:
        return None
    return found if found is not None and len(found) else None


def _head(export: Export, facts: CardFacts) -> Iterator[str]:
    about = export.about
    yield f"# {printable(about.label)}\n"
    yield (
        f"A net that finds {len(about.joints.joints)} joints of one {about.joints.subject or 'subject'} in a crop. "
        f"It is {facts.file}, written by heatmark {about.heatmark} from trial {about.signature}."
    )
    if facts.chosen:
        yield f"It was chosen from a sweep: {printable(facts.chosen)}."
    yield (
        f"Checked as it was written: on {export.agreement.crops} {export.checked_on}, {export.file_format.runtime} and "
        f"torch agree: {export.agreement.told()}."
    )
    if export.verified is not None:
        yield f"Checked on all validation people: {export.verified.told(export.file_format.runtime)}."


def _run(export: Export, facts: CardFacts) -> Iterator[str]:
    about = export.about
    width, height = about.input_size
    order = {"rgb": "RGB", "bgr": "BGR"}[about.colours]
    flip = "The mirrored crop is looked at too, inside." if about.flip_test else "There is no flip test inside."
    yield "\n## How to run it\n"
    yield f"- Input `image`: float32, N x 3 x {height} x {width}, {order}, (value / 255 - mean) / deviation. Any N."
    yield (
        f"- mean {list(about.mean)}, deviation {list(about.deviation)}, in the order of the colours. "
        f"The crop is the person's box, grown to {width}:{height} about its centre, then by {about.padding:g}; "
        f"geometry {about.geometry} (datasets/geometry.py)."
    )
    yield f"- Output `joints`: float32, N x {len(about.joints.joints)} x 2, (x, y) in pixels of the crop, from 0."
    yield f"- Output `confidences`: float32, N x {len(about.joints.joints)}, how sure each joint is."
    if "depths" in about.outputs:
        yield "- Output `depths`: float32, the depth of each joint from the root, in bone lengths."
    yield f"- The read-out ({printable(export.spec.method.label)}) is inside, in fp64. {flip}"
    yield f"- Joints in order: {', '.join(printable(name) for name in about.joints.joints)}.\n"
    code = RUN_ONNX if export.file_format.runtime == "onnxruntime" else RUN_TORCH
    load = LOADS.get(export.file_format.runtime, "").format(file=facts.file)
    values = {"file": facts.file, "load": load, "width": width, "height": height, "colours": order}
    given = {"mean": list(about.mean), "deviation": list(about.deviation), "outputs": ", ".join(about.outputs)}
    yield "```python\n" + code.format(**values, **given) + "```\n"
    yield f"On pictures: `heatmark predict {facts.file} PICTURES... --boxes FILE`."


def _training(export: Export, trial: Trial) -> Iterator[str]:
    yield "\n## What it was trained on\n"
    # The card goes elsewhere: there the data set's folder here says nothing.
    yield from (f"- {name}: {export.spec.without_place(text)}" for name, text in setup_rows([trial]))
    weights = f"after epoch {export.about.epoch} of {export.spec.train.epochs}"
    seen = {epoch.number: epoch.samples_seen for epoch in trial.epochs}.get(export.about.epoch)
    yield f"- Weights: {weights}{f', {seen:,.0f} crops of people seen' if seen else ''}"
    yield f"- Signature: {export.about.signature}"
    if trial.result is not None:
        versions = ", ".join(f"{name} {version}" for name, version in sorted(trial.result.versions.items()))
        yield f"- Finished: {trial.result.finished}, with {printable(versions)}"
    else:
        yield f"- Not finished: {printable(trial.message)}"


def _numbers(export: Export, trial: Trial, records: Records | None) -> Iterator[str]:
    yield "\n## How good it is\n"
    metrics, boxes = export.about.metrics, trial.boxes
    names = [name for name in shown_metrics(trial.format, [trial]) if metrics.get(in_boxes(boxes, name)) is not None]
    if not names:
        yield "No evaluation of these weights is on record. Make one with: heatmark evaluate RUN"
        return
    intervals = _intervals(digest(records)) if records is not None else {}
    flip = "with" if trial.spec is None or trial.spec.train.flip_test else "without"
    who = "the validation people"
    if records is not None:
        who = counted(len(records), "validation person", "validation people")
        who += f" on {counted(len(np.unique(records.image_N)), 'image')}"
    yield f"On {who} of {printable(export.about.data)}, {title_of(boxes)}, {flip} flip test."
    if trial.spec is not None and trial.spec.train.flip_test != export.about.flip_test:
        yield f"The file is {'with' if export.about.flip_test else 'without'} flip test: its own numbers differ."
    yield "\n| Metric | Value | 95 % interval |\n|---|---|---|"
    for name in names:
        value = metrics[in_boxes(boxes, name)]
        assert value is not None, "left out above"
        low_high = intervals.get(name)
        interval = " to ".join(amount(name, each) for each in low_high) if low_high else "-"
        yield f"| {name} | {amount(name, value)} {unit_of(name)} | {interval} |"
    if intervals:
        yield (
            "\nIntervals are over images: they say what other pictures of the same kind would give, and nothing of "
            "another seed. Each pose is taken with its own person there."
        )
    else:
        yield "\nIntervals cannot be told: there are no records of single people, or too few images."


def _intervals(found: Digest) -> Mapping[str, tuple[float, float]]:
    """Of the headline metric and EPE, over the images that were evaluated."""
    image_I = np.unique(found.image_N)
    if len(image_I) < FEWEST_IMAGES:
        return {}
    statistics: dict[str, Statistic | None] = {
        headline_of(found.format): found.headline_statistic(image_I),
        EPE: found.epe_statistic(image_I, "all"),
    }
    resampling = draw_resampling(image_I, affordable_resamples(len(found)))
    values = {name: resampling.apply(each) for name, each in statistics.items() if each is not None}
    return {name: _interval(each, len(image_I)) for name, each in values.items() if each.usable}


def _interval(found: Resampled, images: int) -> tuple[float, float]:
    """As a difference from nothing."""
    nothing = Resampled(0.0, np.zeros_like(found.resamples_B))
    low, high = difference([found], [nothing], images).interval()
    return max(low, 0.0), high


def _failures(records: Records | None) -> Iterator[str]:
    yield "\n## Where it fails\n"
    if records is None:
        yield "No records of single people are kept of these weights."
        return
    found = digest(records)
    if found.joints.kinds is not None:
        total_C = found.joints.kinds[EVERYBODY].sum(axis=0)
        shares = ", ".join(
            f"{100 * share:.1f} % {kind}" for kind, share in zip(KINDS, total_C / total_C.sum(), strict=True)
        )
        yield f"- Of {total_C.sum():,} labelled joints: {shares}."
        yield "  A jitter is near, an inversion on the other side of the body, a swap on somebody else, a miss nowhere."
    known_K = np.flatnonzero(found.joints.count_K > 0)
    worst_K = sorted(known_K.tolist(), key=lambda joint: -found.joints.error_K[joint])[:WORST_JOINTS]
    told = ", ".join(f"{found.joints.names[joint]} ({found.joints.error_K[joint]:.1f} px)" for joint in worst_K)
    yield f"- Joints of the largest mean error: {told}."
    rows = ranked(records)[:WORST_PEOPLE]
    if rows:
        yield "- People of the largest error for their size:\n"
        yield "| Image | Annotation | Mean error | By root of area | Most of its joints |\n|---|---|---|---|---|"
        yield from (_case(records, row) for row in rows)


def _case(records: Records, row: int) -> str:
    error_K = records.error_NK[row]
    labelled_K = np.isfinite(error_K)
    mean = float(error_K[labelled_K].mean())
    share = mean / float(records.numbers["root_of_area"][row])
    kinds = _kinds(records.kind_NK[row][labelled_K].tolist()) if records.kind_NK is not None else "-"
    place = f"| {records.image_N[row]} | {records.annotation_N[row]} "
    return f"{place}| {mean:.1f} px | {100 * share:.0f} % | {kinds} |"


def _kinds(kinds: Sequence[int]) -> str:
    """The commonest, with its number."""
    (kind, count), *_ = Counter(kinds).most_common(1)
    return f"{KINDS[kind - 1]} ({count} of {len(kinds)})"


def _licence(facts: CardFacts) -> Iterator[str]:
    yield "\n## Licence of the data\n"
    yield (
        printable(facts.licence)
        if facts.licence
        else ("It was not given. Ask whoever made the data before you pass this file on, and give --data-licence TEXT.")
    )
    yield ""
