"""What kind of error a joint is: Ronchi and Perona's good, jitter, inversion, swap and miss (ICCV 2017).

A predicted joint is compared, by the similarity that OKS averages, with the same joint of its own person, with the
mirrored joint of its own person, and with both of everybody else in the image. Below 0.5 of all of them it is a miss;
else the most similar decides: its own joint at 0.85 or more is good, below a jitter; the mirrored one of its own person
an inversion; one of somebody else a swap. Thresholds and the order of ties are those of the authors' code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from heatmark.datasets.metrics.oks import similarity
from heatmark.datasets.people import FloatArray, Person, Skeleton
from heatmark.datasets.predictions import truth_of

NEAR, CLOSE = 0.5, 0.85
KINDS: Final = ("good", "jitter", "inversion", "swap", "miss")
GOOD, JITTER, INVERSION, SWAP, MISS = range(1, 6)
MENDABLE: Final = KINDS[1:]


@dataclass(frozen=True)
class ErrorKinds:
    """kind_NK: 0 where a joint is not labelled, else 1 + the place in KINDS. oks_NE: the OKS that a prediction would
    have without errors of each kind in MENDABLE: a jitter made as similar as what is good, a miss as what is near, an
    inversion or swap as similar to the right joint as it is to the wrong one. NaN where no joint is labelled.
    """

    kind_NK: npt.NDArray[np.uint8]
    oks_NE: FloatArray


def error_kinds(
    joints_NK2: FloatArray, person_N: npt.ArrayLike, people: Sequence[Person], skeleton: Skeleton
) -> ErrorKinds:
    """Of predictions in image pixels. person_N: whose each is, rows of `people`, who are all that are annotated.

    Raises ValueError for a skeleton without OKS sigmas.
    """
    if not skeleton.sigmas:
        raise ValueError(f"skeleton {skeleton.name}: kinds of error need OKS sigmas, and it has none")
    person_N = np.asarray(person_N, dtype=np.int64)
    kind_NK = np.zeros(joints_NK2.shape[:2], np.uint8)
    oks_NE = np.full((len(joints_NK2), len(MENDABLE)), np.nan)
    images = np.array([person.image_id for person in people], dtype=np.int64)
    people_of = _rows_by(images)
    for image, rows_D in _rows_by(images[person_N]).items():
        rows_P = people_of[image]
        others = [people[row] for row in rows_P.tolist()]
        own_D = np.searchsorted(rows_P, person_N[rows_D])
        kind_NK[rows_D], oks_NE[rows_D] = _of_image(joints_NK2[rows_D], own_D, others, skeleton)
    return ErrorKinds(kind_NK, oks_NE)


def _rows_by(values_N: npt.NDArray[np.int64]) -> dict[int, npt.NDArray[np.int64]]:
    """The rows of each value, ascending."""
    order_N = np.argsort(values_N, kind="stable")
    found, first = np.unique(values_N[order_N], return_index=True)
    return dict(zip(found.tolist(), np.split(order_N, first[1:]), strict=True))


def _of_image(
    joints_DK2: FloatArray, own_D: npt.NDArray[np.int64], people: Sequence[Person], skeleton: Skeleton
) -> tuple[npt.NDArray[np.uint8], FloatArray]:
    true_PK2, labelled_PK = truth_of(people)
    labelled_mask_PK = labelled_PK > 0
    area_P = np.array([person.area for person in people])
    order = list(skeleton.mirrored_order)
    same_DPK = _likeness(joints_DK2, true_PK2, labelled_mask_PK, area_P, skeleton.sigmas)
    mirrored_DPK = _likeness(joints_DK2, true_PK2[:, order], labelled_mask_PK[:, order], area_P, skeleton.sigmas)
    place_D = np.arange(len(own_D))
    own_DK, inverted_DK = same_DPK[place_D, own_D], mirrored_DPK[place_D, own_D]
    others_DPK = np.maximum(same_DPK, mirrored_DPK)
    others_DPK[place_D, own_D] = -1
    other_DK = others_DPK.max(axis=1)
    best_DK = np.maximum(np.maximum(own_DK, inverted_DK), other_DK)

    kind_DK = np.where(own_DK >= CLOSE, GOOD, JITTER)
    kind_DK = np.where(own_DK < best_DK, np.where(other_DK == best_DK, SWAP, INVERSION), kind_DK)
    kind_DK = np.where(best_DK < NEAR, MISS, kind_DK)
    labelled_DK = labelled_mask_PK[own_D]
    mended_DK = np.select([kind_DK == JITTER, kind_DK == MISS], [np.full_like(own_DK, CLOSE), NEAR], best_DK)
    count_D = labelled_DK.sum(axis=1)
    columns = []
    for kind in range(JITTER, MISS + 1):
        similarity_DK = np.where(kind_DK == kind, mended_DK, own_DK)
        total_D = np.where(labelled_DK, similarity_DK, 0).sum(axis=1)
        columns.append(np.where(count_D > 0, total_D / np.maximum(count_D, 1), np.nan))
    return np.where(labelled_DK, kind_DK, 0).astype(np.uint8), np.stack(columns, axis=-1)


def _likeness(
    joints_DK2: FloatArray,
    true_PK2: FloatArray,
    labelled_PK: npt.NDArray[np.bool_],
    area_P: FloatArray,
    sigmas: Sequence[float],
) -> FloatArray:
    """The similarity of every prediction with every person; -1 where a joint is not labelled."""
    return np.where(labelled_PK, similarity(joints_DK2[:, None], true_PK2, area_P, sigmas), -1.0)


def towards(joints_NK2: FloatArray, people: Sequence[Person]) -> FloatArray:
    """How far each joint is off towards the centre of its person's box, the crop's, in image pixels: towards_NK.

    The error vector along the line from the true joint to that centre: what a bias of the expectation adds and
    compensation takes away. Negative: away from it. NaN where a joint is not labelled or true joint and centre are one.
    """
    true_NK2, labelled_NK = truth_of(people)
    box_N4 = np.array([person.box_xywh for person in people])
    line_NK2 = (box_N4[:, :2] + box_N4[:, 2:] / 2)[:, None] - true_NK2
    length_NK = np.linalg.norm(line_NK2, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        along_NK: FloatArray = ((joints_NK2 - true_NK2) * line_NK2).sum(axis=-1) / length_NK
    return np.where((labelled_NK > 0) & (length_NK > 0), along_NK, np.nan)
