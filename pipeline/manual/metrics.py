"""Every metric: what it is computed from, its unit, and whose definition it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from heatmark.datasets.boxes import MARK_TITLES, TITLES
from heatmark.datasets.formats import FORMATS
from heatmark.pipeline.manual.text import page, plain, table

SHARE, PIXELS, MILLIMETRES = "share of 1", "pixels of the photograph", "mm"


@dataclass(frozen=True)
class Metric:
    """names: a pattern of the names that it has in metrics.jsonl, behind the boxes. code: where it is computed."""

    title: str
    names: str
    unit: str
    formula: str
    source: str
    code: str


METRICS: Final = (
    Metric(
        "AP",
        r"(exact/)?AP",
        SHARE,
        "Mean over OKS thresholds 0.50, 0.55, ..., 0.95 of the precision at recalls 0, 0.01, ..., 1, highest to the "
        "right. OKS = mean over labelled joints of exp(-d² / (2 s² k²)), d the distance, s² the person's area, "
        "k twice the joint's sigma.",
        "COCO's keypoint evaluation (pycocotools)",
        "datasets/metrics/oks.py",
    ),
    Metric(
        "AP50, AP75",
        r"AP(50|75)",
        SHARE,
        "AP at the OKS threshold 0.50 or 0.75 alone.",
        "COCO",
        "datasets/metrics/oks.py",
    ),
    Metric(
        "APM, APL",
        r"AP[ML]",
        SHARE,
        "AP of people of 32² to 96² pixels of area, and of larger ones.",
        "COCO",
        "datasets/metrics/oks.py",
    ),
    Metric(
        "AR, AR50, AR75, ARM, ARL",
        r"AR(50|75|M|L)?",
        SHARE,
        "The highest recall with 20 poses an image, mean over the same thresholds; the others as for AP.",
        "COCO",
        "datasets/metrics/oks.py",
    ),
    Metric(
        "AP/crowd-easy, -medium, -hard",
        r"AP/crowd-(easy|medium|hard)",
        SHARE,
        "AP on the images whose crowd index lies below 0.2, below 0.8, or above.",
        "CrowdPose",
        "datasets/metrics/oks_parts.py",
    ),
    Metric(
        "AP/CATEGORY, AP/PART",
        r"AP/.+",
        SHARE,
        "AP of one category of people, or as if there were the joints of one part (body, foot, face, hand) alone.",
        "COCO-WholeBody, xtcocotools",
        "datasets/metrics/oks_parts.py",
    ),
    Metric(
        "PCKh@T",
        r"(exact/)?PCKh@[\d.]+(/\w+)?",
        SHARE,
        "The share of labelled joints within T times 0.6 of the head box's diagonal; pelvis and thorax count nowhere. "
        "Behind a slash one group: the mean of its left and right joint. What papers print as @0.1 was taken at 0.11 "
        "or at 0.10.",
        "MPII; HRNet's code",
        "datasets/metrics/pckh.py",
    ),
    Metric(
        "PCK@T",
        r"(exact/)?PCK@[\d.]+(/\w+)?",
        SHARE,
        "The share of labelled joints within T times a length of the person: the torso's diagonal (lspet), the longest "
        "side of mmpose's box (rhd), what the skeleton says (keypoints). Behind a slash one group of joints.",
        "Yang and Ramanan 2013; LSP's evaluation; mmpose",
        "datasets/metrics/pckh.py",
    ),
    Metric(
        "NME",
        r"NME",
        "lengths of the person",
        "The mean error in lengths of the person, of all labelled joints alike.",
        "mmpose's keypoint_nme",
        "datasets/metrics/keypoints.py",
    ),
    Metric(
        "EPE",
        r"(exact/)?EPE",
        PIXELS,
        "The mean Euclidean distance over the labelled joints. Of hands the mean over joints of each joint's mean. In "
        "a detector's boxes over the people whom a box was matched with.",
        "Zimmermann and Brox 2017; BCIR",
        "datasets/metrics/epe.py",
    ),
    Metric(
        "EPE/easy, /medium, /hard",
        r"EPE/(intersection/)?(easy|medium|hard)",
        PIXELS,
        "EPE of the people whom the share of their hidden joints calls so; behind `intersection` by number of joints, "
        "size and occlusion at once.",
        "BCIR's Tables 10 and 11",
        "datasets/subsets.py",
    ),
    Metric(
        "EPE/visible, /occluded",
        r"EPE/(visible|occluded)",
        PIXELS,
        "EPE over the joints that lie within `delta_mm` of the seen surface, and over those behind it (Eq. 27).",
        "BCIR's Table 7",
        "datasets/metrics/evaluation.py",
    ),
    Metric(
        "AUC@0-30px",
        r"(exact/)?AUC@0-30px",
        SHARE,
        "The area under PCK over 20 thresholds from 0 to 30 pixels, both included, by trapezoids; joint by joint, then "
        "the mean.",
        "hand3d (Zimmermann and Brox 2017)",
        "datasets/metrics/auc.py",
    ),
    Metric(
        "AUC@0-30px mmpose, exact",
        r"AUC@0-30px (mmpose|exact)",
        SHARE,
        "The same as mmpose takes it (thresholds i/20 of the highest, all joints together, strictly below), and "
        "integrated without steps: 1 - E[min(e, 30)] / 30.",
        "mmpose",
        "datasets/metrics/auc.py",
    ),
    Metric(
        "AUC@0-30px/flagged, EPE/flagged",
        r"(AUC@0-30px|EPE)/flagged",
        f"{SHARE}; {PIXELS}",
        "Over the joints that RHD's file flags as visible.",
        "hand3d",
        "datasets/metrics/evaluation.py",
    ),
    Metric(
        "AUC@20-50mm, AUC@0-50mm",
        r"AUC@(20|0)-50mm",
        SHARE,
        "The area under PCK over distances in space once the wrists lie in one place.",
        "hand3d; BCIR's Table 8",
        "datasets/metrics/hand_space.py",
    ),
    Metric(
        "EPE mm",
        r"EPE mm",
        MILLIMETRES,
        "The mean over joints of each joint's mean distance in space once the wrists lie in one place.",
        "hand3d; BCIR's Table 8",
        "datasets/metrics/hand_space.py",
    ),
    Metric(
        "people found",
        r"people found",
        SHARE,
        "In a detector's boxes, the share of annotated people whom a box was matched with: by overlap of at least 0.5, "
        "in the order of the boxes' scores.",
        "this project",
        "workloads/detected_people.py",
    ),
    Metric(
        "short_mass",
        r"short_mass",
        SHARE,
        "The share of maps with C <= n, where the compensated joint is undefined and a guard steps in.",
        "BCIR's Eq. 18",
        "workloads/evaluate.py",
    ),
)


@dataclass(frozen=True)
class OfAnEpoch:
    """What metrics.jsonl has beside the metrics: key, unit, meaning."""

    key: str
    unit: str
    meaning: str


OF_AN_EPOCH: Final = (
    OfAnEpoch("epoch", "", "Counted from 0; -1 of a measurement before training."),
    OfAnEpoch("step", "steps", "Since the beginning."),
    OfAnEpoch("samples_seen", "people", "Since the beginning: the axis to compare batch sizes over."),
    OfAnEpoch("attempt", "", "The attempt that ended the epoch, from 0."),
    OfAnEpoch("time", "UTC, ISO 8601", "When it ended."),
    OfAnEpoch("wall_s", "s", "Training and evaluation since the beginning."),
    OfAnEpoch("epoch_s", "s", "This epoch's training."),
    OfAnEpoch("images_per_s", "people a second", "Of this epoch's training, all ranks together."),
    OfAnEpoch("data_s", "s", "Of epoch_s, waiting for batches."),
    OfAnEpoch("lr", "", "The learning rate."),
    OfAnEpoch("train", "", "The mean of the loss and of its terms: l_de on maps, l_re and others on joints."),
    OfAnEpoch("val", "", "The metrics above, by name; nothing where it was not evaluated."),
)


def metric_of(name: str) -> Metric | None:
    """The metric that a name behind the boxes is of, the first that fits."""
    return next((metric for metric in METRICS if re.fullmatch(metric.names, name)), None)


def metrics_page() -> str:
    """Of metrics.jsonl, MLflow and the report."""
    boxes = ", ".join(f"`{source}box` ({title})" for source, title in TITLES.items())
    marks = ", ".join(f"`-{mark}` ({title})" for mark, title in MARK_TITLES.items())
    return page(
        "Metrics",
        f"A metric's name begins with the boxes that people were cropped by, as those alone are worth about 2 AP: "
        f"{boxes}; behind them how they were looked at where that is not as usual: {marks}. `gtbox/AP` is COCO's AP in "
        f"annotated boxes. `exact/` before a metric: with a mirrored map's lag undone exactly, where the method "
        f"undoes it by a whole pixel. Shares are fractions of 1 in files and in % in the report. In MLflow a sign that "
        f"it does not take is `_`: `val/gtbox/PCKh_0.5`.",
        table(
            ("Metric", "Unit", "Formula", "Definition", "Code"),
            ((f"`{m.title}`", m.unit, plain(m.formula), m.source, f"`{m.code}`") for m in METRICS),
        ),
        "## By format",
        "The first is the headline, by which cells are compared. `heatmark score FORMAT` prints these for anyone's "
        "predictions.",
        table(("Format", "Shown in tables"), ((f"`{name}`", _shown(name)) for name in FORMATS)),
        "## Of an epoch",
        "What a line of `metrics.jsonl` has beside them.",
        table(("Key", "Unit", "What it is"), ((f"`{each.key}`", each.unit, each.meaning) for each in OF_AN_EPOCH)),
    )


def _shown(name: str) -> str:
    found = FORMATS[name]
    return ", ".join(f"`{metric}`" for metric in dict.fromkeys((found.headline, *found.shown)))
