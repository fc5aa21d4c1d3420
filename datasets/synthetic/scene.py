"""One picture: several people from far to near, things in front of them, edges that cut them off; and what is seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heatmark.datasets.people import FloatArray
from heatmark.datasets.synthetic.backdrop import sample_canvas, sample_colour, sample_shape
from heatmark.datasets.synthetic.body import KEYPOINTS, sample_body
from heatmark.datasets.synthetic.drawing import ByteArray, Canvas, shaded
from heatmark.datasets.synthetic.figure import PART_KINDS, Figure, draw_figure, parts_showing, sample_outfit

Mask = npt.NDArray[np.bool_]

MOST_PEOPLE = 4
_PEOPLE_WEIGHTS = (0.4, 0.3, 0.2, 0.1)

# A pixel's label is 32 * slot + the part's place in PART_KINDS; slot 0 is the backdrop, people have 1 to 4.
_LABELS_PER_SLOT = 32
_OCCLUDER_SLOT, _CROWD_SLOT = MOST_PEOPLE + 1, MOST_PEOPLE + 2

OUTSIDE, HIDDEN, VISIBLE = 0, 1, 2

# An annotated person shows at least this much: fewer pixels or joints and nobody could say what the pose is.
_LEAST_VISIBLE_AREA, _LEAST_VISIBLE_SHARE, _LEAST_VISIBLE_JOINTS = 150, 0.35, 5
_ATTEMPTS = 8

_JOINT_LABELS = tuple(np.array([PART_KINDS.index(kind) for kind in parts_showing(name)]) for name in KEYPOINTS)


@dataclass(frozen=True)
class DrawnPerson:
    """joints_K3: x, y in image pixels and visibility, all 0 outside the picture. mask_HW: what is seen."""

    joints_K3: FloatArray
    mask_HW: Mask
    stature: float
    shows_back: bool


@dataclass(frozen=True)
class Scene:
    """crowd_HW: the pixels of people too small and too many to annotate one by one, None where there is no crowd."""

    image_HW3: ByteArray
    people: tuple[DrawnPerson, ...]
    crowd_HW: Mask | None


@dataclass(frozen=True)
class _Cast:
    """The people on a canvas so far, and how many pixels each had before anything came in front."""

    figures: tuple[Figure, ...] = ()
    areas: tuple[int, ...] = ()


def compose(rng: np.random.Generator, most_people: int = MOST_PEOPLE) -> Scene:
    """A picture with at least one and at most `most_people` annotated people."""
    canvas = sample_canvas(rng)
    if rng.random() < 0.06:
        _draw_crowd(rng, canvas)
    people = min(most_people, 1 + int(rng.choice(MOST_PEOPLE, p=_PEOPLE_WEIGHTS)))
    cast = _Cast()
    for stature in _statures(rng, canvas, people):
        cast = _add_person(rng, canvas, cast, stature)
        if cast.figures and rng.random() < 0.3:
            _add_occluder(rng, canvas, cast)
    while not cast.figures:
        cast = _add_person(rng, canvas, cast, 0.6 * canvas.image_HW3.shape[0])
    drawn = tuple(_as_seen(canvas.labels_HW, figure, slot) for slot, figure in enumerate(cast.figures, 1))
    crowd_HW = canvas.labels_HW // _LABELS_PER_SLOT == _CROWD_SLOT
    return Scene(canvas.image_HW3, drawn, crowd_HW if crowd_HW.any() else None)


def _statures(rng: np.random.Generator, canvas: Canvas, people: int) -> list[float]:
    """Far people first: they are small, and the near ones hide them."""
    height = canvas.image_HW3.shape[0]
    largest = min(1.35 * height, 430.0)
    shares = rng.beta(2.4, 1.1, people)
    return sorted(float(40.0 * (largest / 40.0) ** share) for share in shares)


def _add_person(rng: np.random.Generator, canvas: Canvas, cast: _Cast, stature: float) -> _Cast:
    """Try a few places; the cast is unchanged where each hides somebody too much."""
    figure = draw_figure(sample_body(rng), sample_outfit(rng), stature)
    slot = len(cast.figures) + 1
    for _ in range(_ATTEMPTS):
        placed = figure.moved(_sample_place(rng, canvas, figure, cast))
        labels_HW = canvas.labels_HW.copy()
        trial = Canvas(canvas.image_HW3, labels_HW)
        for part in placed.parts:
            trial.label(part.outline_N2, slot * _LABELS_PER_SLOT + PART_KINDS.index(part.kind))
        areas = (*cast.areas, _area(labels_HW, slot))
        grown = _Cast((*cast.figures, placed), areas)
        if _everyone_seen(labels_HW, grown):
            canvas.labels_HW[:] = labels_HW
            _paint(canvas, placed)
            return grown
    return cast


def _paint(canvas: Canvas, figure: Figure) -> None:
    # On a small figure a darker edge would leave little of the limb itself.
    edged = figure.stature >= 100
    for part in figure.parts:
        canvas.paint(part.outline_N2, part.colour, shaded(part.colour, 0.6) if edged else None)


def _sample_place(rng: np.random.Generator, canvas: Canvas, figure: Figure, cast: _Cast) -> FloatArray:
    """Where the hips go: inside the picture, or cut by one edge of it; half of the time beside somebody."""
    size_2 = np.array(canvas.labels_HW.shape[::-1], dtype=np.float64)
    low_2, high_2 = figure.extent
    extent_2 = high_2 - low_2
    room_2 = size_2 - extent_2
    corner_2 = np.where(room_2 > 0, rng.uniform(0, 1, 2) * room_2, room_2 / 2)
    if cast.figures and rng.random() < 0.5:
        neighbour = cast.figures[int(rng.integers(len(cast.figures)))].extent
        corner_2[0] = rng.uniform(neighbour[0][0], neighbour[1][0]) - extent_2[0] / 2
    if room_2[1] < 0:
        corner_2[1] = rng.uniform(0.0, 0.1) * size_2[1]
    elif rng.random() < 0.22:
        _cut_off(rng, corner_2, extent_2, room_2)
    return corner_2 - low_2


def _cut_off(rng: np.random.Generator, corner_2: FloatArray, extent_2: FloatArray, room_2: FloatArray) -> None:
    """Move the corner so that one edge, most often the lower, takes a part of the person."""
    axis, at_end = ((1, True), (0, False), (0, True), (1, False))[int(rng.choice(4, p=(0.55, 0.19, 0.19, 0.07)))]
    cut = rng.uniform(0.1, 0.5) * extent_2[axis]
    corner_2[axis] = room_2[axis] + cut if at_end else -cut


def _add_occluder(rng: np.random.Generator, canvas: Canvas, cast: _Cast) -> None:
    """Something opaque in front of a joint of somebody, unless it would hide too much."""
    for _ in range(3):
        figure = cast.figures[int(rng.integers(len(cast.figures)))]
        joint_2 = figure.joints_K2[int(rng.integers(len(KEYPOINTS)))]
        outline = sample_shape(
            rng, joint_2 + rng.normal(0, 0.04 * figure.stature, 2), rng.uniform(0.06, 0.28) * figure.stature
        )
        labels_HW = canvas.labels_HW.copy()
        Canvas(canvas.image_HW3, labels_HW).label(outline, _OCCLUDER_SLOT * _LABELS_PER_SLOT)
        if _everyone_seen(labels_HW, cast):
            colour = sample_colour(rng)
            canvas.labels_HW[:] = labels_HW
            canvas.paint(outline, colour, shaded(colour, 0.6))
            return


def _draw_crowd(rng: np.random.Generator, canvas: Canvas) -> None:
    """A row of small people, too many to annotate."""
    height, width = canvas.labels_HW.shape
    stature = rng.uniform(26, 36)
    left, right = sorted(rng.uniform(0, width, 2))
    top = rng.uniform(0.3, 0.7) * height
    for x in np.arange(left, max(right, left + 5 * stature), 0.4 * stature):
        figure = draw_figure(sample_body(rng), sample_outfit(rng), stature)
        figure = figure.moved(np.array([x, top + rng.normal(0, 0.15 * stature)]))
        for part in figure.parts:
            canvas.label(part.outline_N2, _CROWD_SLOT * _LABELS_PER_SLOT)
        _paint(canvas, figure)


def _area(labels_HW: ByteArray, slot: int) -> int:
    return int(np.count_nonzero(labels_HW // _LABELS_PER_SLOT == slot))


def _everyone_seen(labels_HW: ByteArray, cast: _Cast) -> bool:
    pixels_S = np.bincount(labels_HW.ravel() // _LABELS_PER_SLOT, minlength=_CROWD_SLOT + 1)
    for slot, (figure, area) in enumerate(zip(cast.figures, cast.areas, strict=True), 1):
        if pixels_S[slot] < max(_LEAST_VISIBLE_AREA, _LEAST_VISIBLE_SHARE * area):
            return False
        if sum(state == VISIBLE for state in _visibilities(labels_HW, figure, slot)) < _LEAST_VISIBLE_JOINTS:
            return False
    return True


def _visibilities(labels_HW: ByteArray, figure: Figure, slot: int) -> Iterator[int]:
    """COCO's flag of each joint, read from what its pixel shows."""
    height, width = labels_HW.shape
    for (x, y), labels, turned_away in zip(figure.joints_K2, _JOINT_LABELS, figure.turned_away_K, strict=True):
        column, row = round(x), round(y)
        if not (0 <= column < width and 0 <= row < height):
            yield OUTSIDE
        else:
            shown = labels_HW[row, column] in slot * _LABELS_PER_SLOT + labels
            yield VISIBLE if shown and not turned_away else HIDDEN


def _as_seen(labels_HW: ByteArray, figure: Figure, slot: int) -> DrawnPerson:
    visibility_K = np.array(list(_visibilities(labels_HW, figure, slot)), dtype=np.float64)
    joints_K3 = np.column_stack([figure.joints_K2, visibility_K])
    joints_K3[visibility_K == OUTSIDE] = 0.0
    return DrawnPerson(joints_K3, labels_HW // _LABELS_PER_SLOT == slot, figure.stature, figure.shows_back)
