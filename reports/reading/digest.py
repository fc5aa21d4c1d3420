"""Evaluation records of a trial, cut down to what tables and statistics ask of them: a few numbers per person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from heatmark.datasets.formats import measured_by
from heatmark.datasets.metrics.auc import HIGHEST_PX, STEPS
from heatmark.datasets.metrics.pckh import COUNTED
from heatmark.datasets.subsets import DIFFICULTIES, OCCLUDED, PRESETS, Definition, Factor, Rules, of_joints
from heatmark.reports.reading.joint_errors import JointErrors, joint_errors
from heatmark.reports.reading.measures import headline_of
from heatmark.reports.statistics.bootstrap import Statistic, average_precision, ratio_of_sums
from heatmark.reports.statistics.ranked_ap import ap_in_orders
from heatmark.workloads.run_folder.evaluation import EXACT, Records

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]

RULES = PRESETS["paper_counts"]
DIFFICULTY_WORDS = (
    "Easy, medium and hard people have less than 20 %, less than half, and half or more of their labelled joints "
    "hidden."
)
REACH = 2
VISIBLE, HIDDEN = "visible joints", "hidden joints"


@dataclass(frozen=True)
class Digest:
    """One evaluation. N people, and poses of nobody where boxes are a detector's (person_N is False there); sums are
    over a person's labelled joints, in image pixels.

    share_sum_N / share_count_N: the headline metric where it is a mean over joints (PCK, AUC); empty where it is not.
    bands: for `joints`, `size` and `occlusion` the name of each person's band, "" outside all of them; joint_bands: the
    names of the first. difficulty: for each definition (datasets/subsets.py) `easy`, `medium`, `hard` or "" of each
    person. activation_N: A(2) of the weights that the method reads with, softmax_activation_N: of the softmax of Eq. 3.
    chi_square: by definition and difficulty the mean over people, window by sigma.
    by_visibility: for the `visible` and the `hidden` joints of each person their errors' sum and their number.
    joints: what is told of single joints. readings: the same evaluation read in other ways, by name.
    """

    epoch: int
    format: str
    image_N: npt.NDArray[np.int64]
    score_N: Numbers
    person_N: Mask
    oks_N: Numbers
    error_sum_N: Numbers
    joint_count_N: Numbers
    share_sum_N: Numbers
    share_count_N: Numbers
    by_visibility: Mapping[str, tuple[Numbers, Numbers]]
    bands: Mapping[str, npt.NDArray[np.str_]]
    joint_bands: tuple[str, ...]
    difficulty: Mapping[str, npt.NDArray[np.str_]]
    activation_N: Numbers
    softmax_activation_N: Numbers
    windows: tuple[int, ...]
    sigmas: tuple[float, ...]
    chi_square: Mapping[str, Mapping[str, Numbers]]
    joints: JointErrors
    readings: Mapping[str, Digest] = field(default_factory=dict)

    @property
    def compared(self) -> Digest:
        """As methods are compared: the mirror merged exactly, whatever the method's published read-out does."""
        return self.readings.get(EXACT, self)

    def __len__(self) -> int:
        return len(self.image_N)

    @property
    def people(self) -> int:
        """Without poses of nobody."""
        return int(self.person_N.sum())

    @property
    def everyone_N(self) -> Mask:
        return np.ones(len(self), np.bool_)

    def of_difficulty(self, *names: str, definition: str = OCCLUDED) -> Mask:
        """People who are any of easy, medium and hard by a definition of datasets/subsets.py."""
        mask_N: Mask = np.isin(self.difficulty[definition], names) & self.person_N
        return mask_N

    def in_bands(self, **bands: str) -> Mask:
        """People in all the named bands; `all` is any band of that factor."""
        mask_N = self.everyone_N
        for factor, band in bands.items():
            mask_N &= (self.bands[factor] != "") if band == "all" else (self.bands[factor] == band)
        return mask_N

    def epe_of_people(self, mask_N: Mask) -> float | None:
        """Mean over people of each one's mean over labelled joints, which the totals of Tables 1 and 12 follow."""
        with np.errstate(invalid="ignore"):
            return _mean((self.error_sum_N / self.joint_count_N)[mask_N])

    def activation(self, mask_N: Mask) -> float | None:
        """Mean A(2) of the weights that the method reads with."""
        return _mean(self.activation_N[mask_N])

    def softmax_activation(self, mask_N: Mask) -> float | None:
        """Mean A(2) of the softmax of Eq. 3; None in files of earlier versions."""
        return _mean(self.softmax_activation_N[mask_N])

    def ap(self, mask_N: Mask) -> float | None:
        """AP over some of the people, each prediction matched with its own person (bootstrap.average_precision)."""
        known_N = mask_N & np.isfinite(self.oks_N)
        if not known_N.any():
            return None
        columns = (self.image_N, self.score_N, self.oks_N, self.person_N)
        return float(ap_in_orders(*(column[known_N] for column in columns))[0])

    @property
    def epe(self) -> float | None:
        """Over all labelled joints, in pixels."""
        count = self.joint_count_N.sum()
        return float(self.error_sum_N.sum() / count) if count else None

    def headline(self, image_I: npt.NDArray[np.int64] | None = None) -> float | None:
        """The format's headline metric on these images, or on all; None where the records do not give it."""
        inside_N = self.everyone_N if image_I is None else np.isin(self.image_N, image_I)
        if len(self.share_sum_N):
            count = self.share_count_N[inside_N].sum()
            return float(self.share_sum_N[inside_N].sum() / count) if count else None
        known = headline_of(self.format) == "AP" and np.isfinite(self.oks_N[inside_N]).all()
        return self.ap(inside_N) if known else None

    def part(self, name: str) -> tuple[Mask, Numbers, Numbers]:
        """Whom a part is about, each one's sum of errors and number of joints in it.

        name: `all`, `easy`, `medium` or `hard` people, `visible joints` or `hidden joints` of everyone.
        """
        if name in self.by_visibility:
            return self.by_visibility[name][1] > 0, *self.by_visibility[name]
        mask_N = self.of_difficulty(name) if name in DIFFICULTIES else self.everyone_N
        return mask_N, self.error_sum_N, self.joint_count_N

    def epe_statistic(self, image_I: npt.NDArray[np.int64], part: str) -> Statistic:
        """EPE over the labelled joints of a part, under weights of the images."""
        mask_N, error_sum_N, joint_count_N = self.part(part)
        return self._ratio(image_I, error_sum_N, joint_count_N, mask_N)

    def activation_statistic(self, image_I: npt.NDArray[np.int64], *, softmax: bool) -> Statistic | None:
        """Mean A(2) under weights of the images; None where the records do not give it. softmax: see there."""
        activation_N = self.softmax_activation_N if softmax else self.activation_N
        known_N = np.isfinite(activation_N)
        if not known_N.any():
            return None
        return self._ratio(image_I, np.where(known_N, activation_N, 0), known_N.astype(np.float64), known_N)

    def headline_statistic(self, image_I: npt.NDArray[np.int64]) -> Statistic | None:
        """The format's headline metric under weights of the images; None where the records do not give it."""
        inside_N = np.isin(self.image_N, image_I)
        if len(self.share_sum_N):
            return self._ratio(image_I, self.share_sum_N, self.share_count_N, self.everyone_N)
        known = inside_N.any() and np.isfinite(self.oks_N[inside_N]).all()
        if headline_of(self.format) != "AP" or not known:
            return None
        place_N = np.searchsorted(image_I, self.image_N[inside_N])
        return average_precision(place_N, self.score_N[inside_N], self.oks_N[inside_N], self.person_N[inside_N])

    def _ratio(
        self, image_I: npt.NDArray[np.int64], numerator_N: Numbers, denominator_N: Numbers, mask_N: Mask
    ) -> Statistic:
        inside_N = mask_N & np.isin(self.image_N, image_I)
        place_N = np.searchsorted(image_I, self.image_N[inside_N])
        sums = (np.bincount(place_N, each[inside_N], len(image_I)) for each in (numerator_N, denominator_N))
        return ratio_of_sums(*sums)


def rules_of(data_format: str, joints: int) -> Rules:
    """What easy, medium and hard are: the paper's, whose bands of joints are thirds of any other skeleton."""
    return of_joints(RULES, joints) if measured_by(data_format).any_skeleton else RULES


def parts_of(data_format: str) -> tuple[str, ...]:
    """Easy parts first: of the people, or of the joints where the format divides these."""
    by_joints = measured_by(data_format).divided_by == "joints"
    return (VISIBLE, HIDDEN) if by_joints else DIFFICULTIES


def digest(records: Records) -> Digest:
    """What the report needs of one evaluation's records."""
    own = _digest(records)
    readings = {
        name: _digest(
            replace(records, error_NK=reading.error_NK, numbers={**records.numbers, "oks": reading.oks_N}), own
        )
        for name, reading in records.readings.items()
    }
    return replace(own, readings=readings)


def _digest(records: Records, like: Digest | None = None) -> Digest:
    """like: of the same people, where there is one already: then only what depends on the read-out is new."""
    labelled_NK = np.isfinite(records.error_NK)
    error_NK = np.where(labelled_NK, records.error_NK, 0).astype(np.float64)
    numbers = {name: values_N.astype(np.float64) for name, values_N in records.numbers.items()}
    share_NK, counted_NK = _headline_shares(records, error_NK, labelled_NK, numbers["reference_length"])
    read = {
        "oks_N": numbers["oks"],
        "error_sum_N": error_NK.sum(1),
        "joint_count_N": labelled_NK.sum(1).astype(np.float64),
        "share_sum_N": share_NK.sum(1),
        "share_count_N": counted_NK.sum(1).astype(np.float64),
        "by_visibility": {
            name: ((error_NK * mask_NK).sum(1), mask_NK.sum(1).astype(np.float64))
            for name, mask_NK in (
                (VISIBLE, labelled_NK & (records.visibility_NK == 2)),
                (HIDDEN, labelled_NK & (records.visibility_NK == 1)),
            )
        },
    }
    if like is not None:
        return replace(like, **read)
    rules = rules_of(records.format, len(records.joints))
    bands = {factor.name: _bands(factor, numbers) for factor in rules.factors}
    difficulty = {name: _difficulties(definition, bands) for name, definition in rules.definitions.items()}
    return Digest(
        epoch=records.epoch,
        format=records.format,
        image_N=records.image_N,
        score_N=numbers["score"],
        person_N=numbers["labelled_joints"] > 0,
        bands=bands,
        joint_bands=tuple(band.name for band in rules.joints.bands),
        difficulty=difficulty,
        activation_N=_at_reach(records, records.activation_NS),
        softmax_activation_N=_at_reach(records, records.softmax_activation_NS),
        windows=records.windows,
        sigmas=records.sigmas,
        chi_square={
            definition: {name: _chi_square(records.chi_square_NWG[names_N == name]) for name in DIFFICULTIES}
            for definition, names_N in difficulty.items()
        },
        joints=joint_errors(records, share_NK, counted_NK, bands),
        **read,
    )


def _at_reach(records: Records, activation_NS: npt.NDArray[np.float32] | None) -> Numbers:
    """A(2); NaN where the records do not hold it."""
    if activation_NS is None or REACH not in records.reaches:
        return np.full(len(records), np.nan)
    return activation_NS[:, records.reaches.index(REACH)].astype(np.float64)


def _headline_shares(
    records: Records, error_NK: Numbers, labelled_NK: Mask, length_N: Numbers
) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """What each joint adds to the headline metric, and which joints count.

    Both empty for AP, which is no such mean, and for a format's own metric, of which the records say nothing.
    """
    headline = headline_of(records.format)
    within = re.fullmatch(r"PCKh?@(\d*\.?\d+)", headline)
    if headline == f"AUC@0-{HIGHEST_PX:g}px":
        # The area under each joint's own step: hand3d's trapezoids, of which the mean over joints is the metric.
        steps_T = np.linspace(0, HIGHEST_PX, STEPS)
        area_NK = np.trapezoid((error_NK[..., None] <= steps_T).astype(np.float64), steps_T) / HIGHEST_PX
        return np.where(labelled_NK, area_NK, 0), labelled_NK
    if within is None:
        return np.zeros((0, 0)), np.zeros((0, 0), np.bool_)
    counted_NK = labelled_NK & np.isfinite(length_N)[:, None]
    if headline.startswith("PCKh"):
        counted_NK &= np.isin(np.arange(error_NK.shape[1]), COUNTED)
    threshold = float(within[1])
    with np.errstate(invalid="ignore"):
        within_NK = error_NK / length_N[:, None] <= threshold
    return (within_NK & counted_NK).astype(np.float64), counted_NK


def _bands(factor: Factor, numbers: Mapping[str, Numbers]) -> npt.NDArray[np.str_]:
    """The records' columns are named after the functions that the factors cut."""
    value_N = numbers[factor.value.__name__]
    names_N = np.full(len(value_N), "", "<U8")
    for band in factor.bands:
        names_N[(band.low <= value_N) & (value_N < band.high)] = band.name
    return names_N


def _difficulties(definition: Definition, bands: Mapping[str, npt.NDArray[np.str_]]) -> npt.NDArray[np.str_]:
    names_N = np.full(len(bands["joints"]), "", "<U8")
    for name, wanted in definition.items():
        inside = [np.isin(bands[factor], sorted(each)) for factor, each in wanted.items()]
        names_N[np.logical_and.reduce(inside)] = name
    return names_N


def _chi_square(values_NWG: npt.NDArray[np.float32]) -> Numbers:
    """Means over the people who have a value; NaN where nobody has."""
    known_NWG = np.isfinite(values_NWG) | np.isinf(values_NWG)
    with np.errstate(invalid="ignore", divide="ignore"):
        total_WG: Numbers = np.where(known_NWG, values_NWG, 0).astype(np.float64).sum(0) / known_NWG.sum(0)
    return total_WG


def _mean(values: Numbers) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None
