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

UNLABELLED, HIDDEN, VISIBLE = 0, 1, 2


@dataclass(frozen=True)
class View:
    """How one person is shown, and the least of them to be seen: pixels, the share of them that nothing is in front of,
    joints. most_joints: seen. Nobody could say what the pose of somebody less visible is.
    """

    weight: float
    least_area: int
    least_share: float
    least_joints: int
    most_joints: int = len(KEYPOINTS)


# Glimpses and close-ups are for the sub-benchmarks of few joints, in every size and every share of hidden ones.
VIEWS = {
    "whole": View(0.855, 150, 0.35, 5),
    "glimpse": View(0.11, 1100, 0.04, 2, most_joints=6),
    "close-up": View(0.035, 2500, 0.35, 2, most_joints=9),
}
_ATTEMPTS = 8

_JOINT_LABELS = tuple(np.array([PART_KINDS.index(kind) for kind in parts_showing(name)]) for name in KEYPOINTS)


@dataclass(frozen=True)
class DrawnPerson:
    """joints_K3: x, y in image pixels and visibility, all 0 where not labelled. mask_HW: what is seen."""

    figure: Figure
    joints_K3: FloatArray
    mask_HW: Mask

    @property
    def shows_back(self) -> bool:
        return self.figure.shows_back


@dataclass(frozen=True)
class Scene:
    """crowd_HW: the pixels of people too small and too many to annotate one by one, None where there is no crowd."""

    image_HW3: ByteArray
    people: tuple[DrawnPerson, ...]
    crowd_HW: Mask | None


@dataclass(frozen=True)
class _Actor:
    """Somebody on the canvas. area: pixels before anything came in front. annotated_K: joints labelled when hidden."""

    figure: Figure
    view: View
    area: int
    annotated_K: Mask


_Cast = tuple[_Actor, ...]


def compose(rng: np.random.Generator, most_people: int = MOST_PEOPLE) -> Scene:
    """A picture with at least one and at most `most_people` annotated people."""
    canvas = sample_canvas(rng)
    if rng.random() < 0.06:
        _draw_crowd(rng, canvas)
    people = min(most_people, 1 + int(rng.choice(MOST_PEOPLE, p=_PEOPLE_WEIGHTS)))
    cast: _Cast = ()
    for stature, view in _casting(rng, canvas, people):
        cast = _add_person(rng, canvas, cast, draw_figure(sample_body(rng), sample_outfit(rng), stature), view)
        if cast and rng.random() < 0.3:
            _add_occluder(rng, canvas, cast)
    while not cast:
        figure = draw_figure(sample_body(rng), sample_outfit(rng), 0.6 * canvas.image_HW3.shape[0])
        cast = _add_person(rng, canvas, cast, figure, VIEWS["whole"])
    return _finished(canvas, cast)


def compose_athlete(rng: np.random.Generator) -> Scene:
    """A picture of one person in sport, roughly 150 pixels long, with little around; a few are cut by an edge."""
    cast: _Cast = ()
    # Somebody rolled up in front of their own joints, or cut off too far, is drawn anew.
    while not cast:
        stature = float(np.clip(rng.normal(165, 22), 110, 230))
        figure = draw_figure(sample_body(rng, in_sport=True), sample_outfit(rng), stature)
        low_2, high_2 = figure.extent
        first_2, last_2 = rng.uniform(8, 75, (2, 2))
        if rng.random() < 0.1:
            (first_2 if rng.random() < 0.3 else last_2)[int(rng.integers(2))] = -rng.uniform(0.05, 0.25) * stature
        width, height = np.maximum(np.rint(high_2 - low_2 + first_2 + last_2), 60).astype(int).tolist()
        canvas = sample_canvas(rng, (width, height))
        cast = _try_place(rng, canvas, cast, figure.moved(first_2 - low_2), VIEWS["whole"])
    if rng.random() < 0.2:
        _add_occluder(rng, canvas, cast)
    return _finished(canvas, cast)


def _finished(canvas: Canvas, cast: _Cast) -> Scene:
    drawn = tuple(_as_seen(canvas.labels_HW, actor, slot) for slot, actor in enumerate(cast, 1))
    crowd_HW = canvas.labels_HW // _LABELS_PER_SLOT == _CROWD_SLOT
    return Scene(canvas.image_HW3, drawn, crowd_HW if crowd_HW.any() else None)


def _casting(rng: np.random.Generator, canvas: Canvas, people: int) -> list[tuple[float, View]]:
    """Statures and views, far people first: they are small, and the near ones hide them."""
    height = canvas.image_HW3.shape[0]
    weights = [view.weight for view in VIEWS.values()]
    ranges = {"whole": (40.0, min(1.35 * height, 430.0)), "glimpse": (100.0, 640.0), "close-up": (420.0, 1400.0)}
    casting = []
    for view, share in zip(rng.choice(list(VIEWS), people, p=weights), rng.beta(2.4, 1.1, people), strict=True):
        smallest, largest = ranges[view]
        casting.append((float(smallest * (largest / smallest) ** share), VIEWS[view]))
    return sorted(casting, key=lambda each: each[0])


def _add_person(rng: np.random.Generator, canvas: Canvas, cast: _Cast, figure: Figure, view: View) -> _Cast:
    """Try a few places; the cast is unchanged where each hides somebody too much."""
    for _ in range(_ATTEMPTS):
        grown = _try_place(rng, canvas, cast, figure.moved(_sample_place(rng, canvas, figure, cast, view)), view)
        if len(grown) > len(cast):
            return grown
    return cast


def _try_place(rng: np.random.Generator, canvas: Canvas, cast: _Cast, placed: Figure, view: View) -> _Cast:
    """The cast with one more, drawn on the canvas, or as it was where somebody would be seen too little."""
    slot = len(cast) + 1
    labels_HW = canvas.labels_HW.copy()
    trial = Canvas(canvas.image_HW3, labels_HW)
    for part in placed.parts:
        trial.label(part.outline_N2, slot * _LABELS_PER_SLOT + PART_KINDS.index(part.kind))
    annotated_K = np.ones(len(KEYPOINTS), np.bool_)
    board = None
    area = _area(labels_HW, slot)
    if view is VIEWS["glimpse"]:
        board = _board(rng, placed)
        trial.label(board, _OCCLUDER_SLOT * _LABELS_PER_SLOT)
        # Annotators leave out most of what they cannot see of somebody nearly hidden.
        annotated_K = rng.random(len(KEYPOINTS)) < rng.uniform(0.05, 0.4)
    grown = (*cast, _Actor(placed, view, area, annotated_K))
    if not _everyone_seen(labels_HW, grown):
        return cast
    canvas.labels_HW[:] = labels_HW
    _paint(canvas, placed)
    if board is not None:
        _paint_occluder(rng, canvas, board)
    return grown


def _board(rng: np.random.Generator, figure: Figure) -> FloatArray:
    """A board before all of a figure but for one end of it."""
    low_2, high_2 = figure.extent
    extent_2 = high_2 - low_2
    corners_22 = np.stack([low_2 - 0.1 * extent_2, high_2 + 0.1 * extent_2])
    axis, end = (int(index) for index in rng.integers(2, size=2))
    corners_22[end, axis] += (1 - 2 * end) * rng.uniform(0.2, 0.55) * extent_2[axis]
    (left, top), (right, bottom) = corners_22
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def _paint(canvas: Canvas, figure: Figure) -> None:
    # On a small figure a darker edge would leave little of the limb itself.
    edged = figure.stature >= 100
    for part in figure.parts:
        canvas.paint(part.outline_N2, part.colour, shaded(part.colour, 0.6) if edged else None)


def _sample_place(rng: np.random.Generator, canvas: Canvas, figure: Figure, cast: _Cast, view: View) -> FloatArray:
    """Where the hips go: inside the picture, or cut by one edge of it; half of the time beside somebody."""
    size_2 = np.array(canvas.labels_HW.shape[::-1], dtype=np.float64)
    if view is VIEWS["close-up"]:
        # Some joint is near the middle, most of the others are outside.
        place_2: FloatArray = rng.uniform(0.25, 0.75, 2) * size_2 - figure.joints_K2[int(rng.integers(len(KEYPOINTS)))]
        return place_2
    low_2, high_2 = figure.extent
    extent_2 = high_2 - low_2
    room_2 = size_2 - extent_2
    corner_2 = np.where(room_2 > 0, rng.uniform(0, 1, 2) * room_2, room_2 / 2)
    if cast and rng.random() < 0.5:
        neighbour = cast[int(rng.integers(len(cast)))].figure.extent
        corner_2[0] = rng.uniform(neighbour[0][0], neighbour[1][0]) - extent_2[0] / 2
    if room_2[1] < 0:
        corner_2[1] = rng.uniform(0.0, 0.1) * size_2[1]
    elif rng.random() < 0.2:
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
        figure = cast[int(rng.integers(len(cast)))].figure
        joint_2 = figure.joints_K2[int(rng.integers(len(KEYPOINTS)))]
        outline = sample_shape(
            rng, joint_2 + rng.normal(0, 0.04 * figure.stature, 2), rng.uniform(0.06, 0.28) * figure.stature
        )
        labels_HW = canvas.labels_HW.copy()
        Canvas(canvas.image_HW3, labels_HW).label(outline, _OCCLUDER_SLOT * _LABELS_PER_SLOT)
        if _everyone_seen(labels_HW, cast):
            canvas.labels_HW[:] = labels_HW
            _paint_occluder(rng, canvas, outline)
            return


def _paint_occluder(rng: np.random.Generator, canvas: Canvas, outline_N2: FloatArray) -> None:
    colour = sample_colour(rng)
    canvas.paint(outline_N2, colour, shaded(colour, 0.6))


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
    for slot, actor in enumerate(cast, 1):
        view = actor.view
        if pixels_S[slot] < max(view.least_area, view.least_share * actor.area):
            return False
        visible = sum(state == VISIBLE for state in _visibilities(labels_HW, actor, slot))
        if not view.least_joints <= visible <= view.most_joints:
            return False
    return True


def _visibilities(labels_HW: ByteArray, actor: _Actor, slot: int) -> Iterator[int]:
    """COCO's flag of each joint, read from what its pixel shows."""
    height, width = labels_HW.shape
    figure = actor.figure
    known = zip(figure.joints_K2, _JOINT_LABELS, figure.turned_away_K, actor.annotated_K, strict=True)
    for (x, y), labels, turned_away, annotated in known:
        column, row = round(x), round(y)
        if not (0 <= column < width and 0 <= row < height):
            yield UNLABELLED
        elif labels_HW[row, column] in slot * _LABELS_PER_SLOT + labels and not turned_away:
            yield VISIBLE
        else:
            yield HIDDEN if annotated else UNLABELLED


def joints_inside(joints_K2: FloatArray, size_hw: tuple[int, ...]) -> Mask:
    """Which joints have a pixel of the picture."""
    height, width = size_hw
    pixel_K2 = np.rint(joints_K2)
    inside_K2: Mask = (pixel_K2 >= 0) & (pixel_K2 < np.array([width, height]))
    return inside_K2[:, 0] & inside_K2[:, 1]


def _as_seen(labels_HW: ByteArray, actor: _Actor, slot: int) -> DrawnPerson:
    visibility_K = np.array(list(_visibilities(labels_HW, actor, slot)), dtype=np.float64)
    joints_K3 = np.column_stack([actor.figure.joints_K2, visibility_K])
    joints_K3[visibility_K == UNLABELLED] = 0.0
    return DrawnPerson(actor.figure, joints_K3, labels_HW // _LABELS_PER_SLOT == slot)
