"""Pictures of one to three creatures, some joints of which are covered, outside of the picture or not labelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from heatmark.datasets.people import FloatArray, Split
from heatmark.datasets.synthetic.backdrop import sample_canvas, sample_colour, sample_shape
from heatmark.datasets.synthetic.creature import Creature, Shape, sample_creature
from heatmark.datasets.synthetic.drawing import ByteArray, Canvas, shaded
from heatmark.datasets.synthetic.pictures import picture_stream
from heatmark.datasets.synthetic.scene import HIDDEN, UNLABELLED, VISIBLE

MOST_CREATURES = 3
SIZES_WH = ((256, 256), (320, 256), (256, 320), (320, 320))
# Pixels: how large creatures are, by how many share a picture, and those of many joints at the least.
CREATURE_SIZES = {1: (90.0, 200.0), 2: (75.0, 150.0), 3: (60.0, 120.0)}
MANY_JOINTS, LEAST_WITH_MANY = 40, 100.0
# Between a creature and the edge of the picture, unless the edge cuts it off.
MARGIN = 6.0

CUT_OFF_SHARE, LARGEST_CUT = 0.2, 0.3
OCCLUDED_SHARE, OCCLUDER_REACH = 0.6, (0.08, 0.28)
CARELESS_SHARE, LEFT_OUT = 0.3, (0.05, 0.25)
# At least this share of a creature's joints is seen, and at most this share of the smaller of two boxes is common.
LEAST_SEEN, MOST_COMMON = 0.5, 0.3

_ATTEMPTS = 12
_OCCLUDER = MOST_CREATURES + 1


@dataclass(frozen=True)
class SeenCreature:
    """joints_K3: x, y and COCO's flag; three zeros for a joint that is not labelled. size: as of Creature."""

    joints_K3: FloatArray
    size: float


@dataclass(frozen=True)
class CreatureScene:
    """image_HW3: as OpenCV orders colours, blue first."""

    image_HW3: ByteArray
    creatures: tuple[SeenCreature, ...]


def creature_scenes(
    seed: int, split: Split, creatures: int, shape: Shape, progress: Callable[[int], None]
) -> Iterator[CreatureScene]:
    """As pictures.scenes: until exactly so many have been drawn, each picture from a stream of its own."""
    done = index = 0
    while done < creatures:
        scene = compose_creatures(picture_stream(seed, split, index), shape, min(MOST_CREATURES, creatures - done))
        yield scene
        done, index = done + len(scene.creatures), index + 1
        progress(done)


def compose_creatures(rng: np.random.Generator, shape: Shape, most: int) -> CreatureScene:
    """One picture with at least one creature."""
    canvas = sample_canvas(rng, SIZES_WH[int(rng.integers(len(SIZES_WH)))])
    wanted = min(int(rng.integers(1, MOST_CREATURES + 1)), most)
    cast: tuple[Creature, ...] = ()
    for _ in range(wanted):
        cast = _with_one_more(rng, canvas, cast, shape, wanted)
    for creature in cast:
        if rng.random() < OCCLUDED_SHARE:
            _add_occluder(rng, canvas, cast, creature)
    seen = tuple(
        SeenCreature(_labelled(rng, canvas.labels_HW, creature, slot), creature.size)
        for slot, creature in enumerate(cast, 1)
    )
    return CreatureScene(canvas.image_HW3, seen)


def _with_one_more(
    rng: np.random.Generator, canvas: Canvas, cast: tuple[Creature, ...], shape: Shape, wanted: int
) -> tuple[Creature, ...]:
    """The cast with another one, drawn; as it was where every place that was tried hides too much of somebody."""
    for attempt in range(_ATTEMPTS):
        # The first one finds its place at last: with nothing cut off, all of it is seen on an empty picture.
        may_cut = attempt < _ATTEMPTS - 1
        creature = sample_creature(rng, shape, _sample_size(rng, wanted, len(shape.places_K2)))
        placed = creature.moved(_sample_place(rng, canvas, creature, may_cut))
        if any(_common_share(placed, other) > MOST_COMMON for other in cast):
            continue
        trial = Canvas(canvas.image_HW3, canvas.labels_HW.copy())
        for part in placed.parts:
            trial.label(part.outline_N2, len(cast) + 1)
        if _all_seen(trial.labels_HW, (*cast, placed)):
            canvas.labels_HW[:] = trial.labels_HW
            for part in placed.parts:
                canvas.paint(part.outline_N2, part.colour, part.edge)
            return (*cast, placed)
    return cast


def _sample_size(rng: np.random.Generator, wanted: int, joints: int) -> float:
    low, high = CREATURE_SIZES[wanted]
    return float(rng.uniform(max(low, LEAST_WITH_MANY) if joints >= MANY_JOINTS else low, high))


def _sample_place(rng: np.random.Generator, canvas: Canvas, creature: Creature, may_cut: bool) -> FloatArray:
    """Where the middle of a creature goes: inside the picture, or so that one edge takes a part of it."""
    half_2 = np.ptp(creature.joints_K2, axis=0) / 2 + MARGIN
    size_2 = np.array(canvas.labels_HW.shape[::-1], dtype=np.float64)
    place_2: FloatArray = half_2 + rng.uniform(0, 1, 2) * (size_2 - 1 - 2 * half_2)
    if may_cut and rng.random() < CUT_OFF_SHARE:
        axis, beyond = int(rng.integers(2)), rng.uniform(0.05, LARGEST_CUT) * creature.size
        at_end = rng.random() < 0.5
        inset = half_2[axis] - MARGIN - beyond
        place_2[axis] = size_2[axis] - 1 - inset if at_end else inset
    return place_2


def _common_share(one: Creature, other: Creature) -> float:
    """How much of the smaller one's box is the other's as well."""
    lows_C2 = np.stack([each.joints_K2.min(axis=0) - MARGIN for each in (one, other)])
    highs_C2 = np.stack([each.joints_K2.max(axis=0) + MARGIN for each in (one, other)])
    common_2 = np.maximum(highs_C2.min(axis=0) - lows_C2.max(axis=0), 0.0)
    return float(common_2.prod() / (highs_C2 - lows_C2).prod(axis=1).min())


def _add_occluder(rng: np.random.Generator, canvas: Canvas, cast: Sequence[Creature], creature: Creature) -> None:
    """Something opaque on a joint of a creature, unless it would hide too much of anybody."""
    for _ in range(3):
        joint_2 = creature.joints_K2[int(rng.integers(len(creature.joints_K2)))]
        reach = rng.uniform(*OCCLUDER_REACH) * creature.size
        outline_N2 = sample_shape(rng, joint_2 + rng.normal(0, 0.02 * creature.size, 2), reach)
        trial = Canvas(canvas.image_HW3, canvas.labels_HW.copy())
        trial.label(outline_N2, _OCCLUDER)
        if _all_seen(trial.labels_HW, cast):
            canvas.labels_HW[:] = trial.labels_HW
            colour = sample_colour(rng)
            canvas.paint(outline_N2, colour, shaded(colour, 0.6))
            return


def _all_seen(labels_HW: ByteArray, cast: Sequence[Creature]) -> bool:
    flags = (_visibility(labels_HW, creature, slot) for slot, creature in enumerate(cast, 1))
    return all(float((flag_K == VISIBLE).mean()) >= LEAST_SEEN for flag_K in flags)


def _visibility(labels_HW: ByteArray, creature: Creature, slot: int) -> FloatArray:
    """COCO's flag of each joint, read from what its pixel shows; those outside of the picture are not labelled."""
    last_2 = np.array(labels_HW.shape[::-1]) - 1
    inside_K = ((creature.joints_K2 >= 0) & (creature.joints_K2 <= last_2)).all(axis=1)
    column_K, row_K = np.rint(np.clip(creature.joints_K2, 0, last_2)).astype(np.intp).T
    shown_K = labels_HW[row_K, column_K] == slot
    return np.where(inside_K, np.where(shown_K, VISIBLE, HIDDEN), UNLABELLED).astype(np.float64)


def _labelled(rng: np.random.Generator, labels_HW: ByteArray, creature: Creature, slot: int) -> FloatArray:
    """joints_K3: now and then somebody left out a few joints; one that is seen is always labelled."""
    flag_K = _visibility(labels_HW, creature, slot)
    rate = rng.uniform(*LEFT_OUT) if rng.random() < CARELESS_SHARE else 0.0
    kept_K = np.where(rng.random(len(flag_K)) < rate, UNLABELLED, flag_K)
    flag_K = kept_K if (kept_K == VISIBLE).any() else flag_K
    return np.where(flag_K[:, None] > 0, np.column_stack([creature.joints_K2, flag_K]), 0.0)
