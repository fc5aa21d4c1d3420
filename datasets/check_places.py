"""Whether people stand where their pictures say: joints beside boxes, and pictures of another size than is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from heatmark.datasets.people import Person

Size = tuple[int, int]

# Of a data set's people: fewer are single slips of an annotator's, more are a convention misread.
MANY = 0.02


def misplaced_joints(people: Sequence[Person]) -> str | None:
    """A defect, where many have most of their labelled joints further from their box than the box is large."""
    far = [person for person in people if _is_far(person)]
    if not far or len(far) < MANY * len(people):
        return None
    return (
        f"the labelled joints of {len(far)} of {len(people)} people lie far outside their boxes (annotation "
        f"{far[0].annotation_id} ...); joints and boxes must both be in pixels of the stored picture, boxes as x, y, "
        "width, height"
    )


def _is_far(person: Person) -> bool:
    joints_J2 = person.joints_K2[person.visibility_K > 0]
    x, y, width, height = person.box_xywh
    low_2, high_2 = np.array([x - width, y - height]), np.array([x + 2 * width, y + 2 * height])
    outside_J2 = (joints_J2 < low_2) | (joints_J2 > high_2)
    return len(joints_J2) > 0 and float(outside_J2.any(axis=1).mean()) > 0.5


def unlike_sizes(root: Path, stated: Mapping[Path, Size], found: Mapping[Path, Size]) -> Iterator[str]:
    """A line for each kind of picture whose size is not the one that the annotations tell. root: of the data set."""
    kinds: dict[str, list[Path]] = {}
    for path, size in found.items():
        said = stated.get(path)
        if said is not None and said != size:
            kinds.setdefault(_kind(said, size), []).append(path)
    for kind, paths in kinds.items():
        first = paths[0]
        sizes = "{} x {} in the annotations, {} x {} in the file".format(*stated[first], *found[first])
        many = f"{root}: {len(paths)} of {len(found)} pictures {kind} ({first.name}: {sizes})"
        yield (
            f"{many if len(paths) > 1 else f'{first}: {sizes}'}: crops are of another place than was labelled; take "
            "the pictures that were labelled, or scale the annotations"
        )


def _kind(stated: Size, found: Size) -> str:
    if stated == found[::-1]:
        return "lie on their side"
    scales = found[0] / stated[0], found[1] / stated[1]
    # Half a pixel of rounding.
    same = abs(scales[0] - scales[1]) * min(stated) <= 1
    return "were resized after they were labelled" if same else "have another size"
