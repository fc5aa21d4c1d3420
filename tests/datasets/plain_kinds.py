"""Ronchi and Perona's kinds of error as they are defined, one joint at a time: what the vectorised ones are held to."""

from __future__ import annotations

import math

from heatmark.datasets.people import FloatArray, Person
from heatmark.datasets.skeletons import COCO_PERSON


def plain_kind(pose_K2: FloatArray, joint: int, own: Person, people: list[Person]) -> int:
    """The definition, one joint at a time."""

    def alike(who: Person, which: int) -> float:
        if not who.visibility_K[which]:
            return -1.0
        squared = float(((pose_K2[joint] - who.joints_K2[which]) ** 2).sum())
        return math.exp(-squared / (2 * who.area * (2 * COCO_PERSON.sigmas[joint]) ** 2))

    if not own.visibility_K[joint]:
        return 0
    other_side = COCO_PERSON.mirrored_order[joint]
    mine = alike(own, joint)
    mirrored = alike(own, other_side)
    neighbours = [each for each in people if each.image_id == own.image_id and each is not own]
    theirs = max((max(alike(each, joint), alike(each, other_side)) for each in neighbours), default=-1.0)
    if max(mine, mirrored, theirs) < 0.5:
        return 5
    if mine >= max(mirrored, theirs):
        return 1 if mine >= 0.85 else 2
    return 4 if theirs >= mirrored else 3
