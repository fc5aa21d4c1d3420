"""Which categories of a COCO-style file are used, and the skeleton that their annotations have.

Files of label tools hold several categories: other things, boxes alone, animals beside people. Used are those that a
sweep names, else all that share the skeleton; what is left out is told with its counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from heatmark.datasets.people import Skeleton
from heatmark.datasets.skeletons import same_joints, skeleton_of_category
from heatmark.foundation.errors import InputError
from heatmark.foundation.nearest import nearest

Record = dict[str, Any]

# What stands beside `keypoints` in whole-body files, in the order of the published evaluation.
FEET: Final = "foot_kpts"
BODY_FIELDS: Final = (FEET, "face_kpts", "lefthand_kpts", "righthand_kpts")
# Names of a category that go with what a skeleton is of. What is of none of these says nothing.
NAMES_OF: Final = {
    "person": "person people human man woman men women child pedestrian player athlete rider baby body adult",
    "hand": "hand palm",
    "face": "face head facial",
    "animal": "animal mammal dog cat horse cow sheep zebra monkey ape macaque bird fly mouse rat fish bear elephant "
    "giraffe tiger lion pig goat deer rabbit quadruped",
    "clothes": "clothes clothing fashion garment shirt dress trousers",
}
NAMELESS: Final = "object keypoint pose instance class category default"


@dataclass(frozen=True)
class Wanted:
    """skeleton: which the annotations have; None for that of the category. categories: names or numbers; all that
    share the skeleton where there are none.
    """

    skeleton: Skeleton | None = None
    categories: tuple[str | int, ...] = ()


def choose(path: Path, content: Record, wanted: Wanted) -> tuple[Skeleton, tuple[str, ...]]:
    """Leave the chosen categories and their annotations in `content`, whose joints may stand in several fields.

    Returns the skeleton, and a line for everything that was left out, taken or contradicts another. Raises InputError
    where no choice, or more than one, is possible.
    """
    categories = {category["id"]: category for category in content["categories"]}
    notes = list(_join_body_fields(content["annotations"], wanted.skeleton))
    sizes: dict[int, Counter[int]] = {}
    for annotation in content["annotations"]:
        count = _joints_of(annotation)
        if count and annotation.get("category_id") in categories:
            sizes.setdefault(annotation["category_id"], Counter())[count] += 1
    if not sizes:
        raise InputError(f"{path}: no annotation with keypoints of a category that is listed; check the file")
    joints = {number: counts.most_common(1)[0][0] for number, counts in sizes.items()}
    chosen = _named(path, wanted.categories, categories, joints) if wanted.categories else [*joints]
    skeleton, told = _skeleton_of(path, [categories[number] for number in chosen], joints, wanted.skeleton)
    notes += told
    if not wanted.categories:
        chosen = [number for number in chosen if joints[number] == len(skeleton.joints)]
        fitting = [number for number in chosen if _fits(categories[number], skeleton)]
        chosen = fitting or chosen
    notes += _contradictions([categories[number] for number in chosen], skeleton)
    left_out = Counter({name_of(categories[each]): sizes[each].total() for each in joints if each not in chosen})
    if left_out:
        others = ", ".join(f"{name} ({count})" for name, count in left_out.items())
        used = ", ".join(name_of(categories[number]) for number in chosen)
        notes.append(f"used: {used}; annotations of other categories are left out: {others}")
    elif len(chosen) > 1:
        notes.append(f"{len(chosen)} categories share the skeleton and are used; `category` chooses one of them")
    content["categories"] = [categories[number] for number in chosen]
    content["annotations"] = [each for each in content["annotations"] if _stays(each, categories, chosen)]
    return skeleton, tuple(notes)


def name_of(category: Record) -> str:
    """A category's name, its number where it has none."""
    return str(category.get("name") or category["id"])


def _stays(annotation: Any, categories: dict[int, Record], chosen: Sequence[int]) -> bool:
    """Also what is no annotation, or of no category: that is for the checks to refuse."""
    number = annotation.get("category_id") if isinstance(annotation, dict) else None
    return number in chosen or type(number) is not int or number not in categories


def _joints_of(annotation: Any) -> int:
    keypoints = annotation.get("keypoints") if isinstance(annotation, dict) else None
    return len(keypoints) // 3 if isinstance(keypoints, list) and len(keypoints) % 3 == 0 else 0


def _join_body_fields(annotations: list[Any], skeleton: Skeleton | None) -> tuple[str, ...]:
    """Feet, face and hands behind the body's joints, where the skeleton is not of the body alone.

    The third number of a face's or a hand's point is a confidence there: above 0 the point is labelled.
    """
    done = 0
    for annotation in annotations:
        if not isinstance(annotation, dict) or not all(isinstance(annotation.get(key), list) for key in BODY_FIELDS):
            continue
        joined = [*annotation["keypoints"], *annotation[FEET]]
        joined += [value for key in BODY_FIELDS if key != FEET for value in _labelled_or_not(annotation[key])]
        if skeleton is None or len(joined) == 3 * len(skeleton.joints):
            annotation["keypoints"] = joined
            annotation.pop("num_keypoints", None)  # the body's
            done += 1
    return (f"{done} annotations have feet, face and hands in fields of their own; they are joined",) if done else ()


def _labelled_or_not(points: list[Any]) -> list[Any]:
    kept = list(points)
    kept[2::3] = [2 if isinstance(seen, int | float) and seen > 0 else 0 for seen in points[2::3]]
    return kept


def _named(path: Path, wanted: Sequence[str | int], categories: dict[int, Record], joints: dict[int, int]) -> list[int]:
    names = {name_of(category): number for number, category in categories.items()}
    found: list[int] = []
    for each in wanted:
        number = names.get(str(each), int(each) if str(each).isdecimal() else None)
        if number not in categories:
            raise InputError(
                f"{path}: category {each!r}: not in the file{nearest(str(each), names)}; it has {', '.join(names)}"
            )
        if number not in joints:
            raise InputError(f"{path}: category {each!r}: none of its annotations has keypoints; name another")
        found.append(int(number))
    return list(dict.fromkeys(found))


def _skeleton_of(
    path: Path, categories: list[Record], joints: dict[int, int], wanted: Skeleton | None
) -> tuple[Skeleton, tuple[str, ...]]:
    if wanted is not None:
        fitting = [each for each in categories if joints[each["id"]] == len(wanted.joints)]
        if not fitting:
            counts = ", ".join(f"{joints[each['id']]} ({name_of(each)})" for each in categories)
            raise InputError(
                f"{path}: the skeleton {wanted.name} has {len(wanted.joints)} joints, the annotations have {counts}; "
                "name another skeleton, or leave it out"
            )
        return wanted, tuple(dict.fromkeys(line for each in fitting for line in _other_names(path, each, wanted)))
    alike: dict[tuple[Any, ...], list[Record]] = {}
    # Those that name no joints may have those of any other of so many.
    for category in sorted(categories, key=lambda each: not each.get("keypoints")):
        count, names = joints[category["id"]], tuple(category.get("keypoints") or ())
        same = [key for key in alike if key[0] == count]
        alike.setdefault(same[0] if not names and len(same) == 1 else (count, *names), []).append(category)
    if len(alike) > 1:
        kinds = "; ".join(
            f"{', '.join(name_of(each) for each in group[:3])}: {key[0]} joints" for key, group in alike.items()
        )
        raise InputError(f"{path}: its categories have several skeletons ({kinds}); say which `category` is meant")
    ((first, *_),) = alike.values()
    found = skeleton_of_category(first, joints[first["id"]], f"{path}: category {name_of(first)}")
    return found.skeleton, found.notes


def _other_names(path: Path, category: Record, skeleton: Skeleton) -> tuple[str, ...]:
    """What the file calls its joints, where that is not what the skeleton does. Raises InputError for another order."""
    named = category.get("keypoints") or []
    if len(named) != len(skeleton.joints) or same_joints(named, skeleton.joints):
        return ()
    if same_joints(sorted(map(str, named)), sorted(skeleton.joints)):
        raise InputError(
            f"{path}: category {name_of(category)}: its joints stand in another order than those of the skeleton "
            f"{skeleton.name} ({named[0]}, {named[1]} ...); leave the skeleton out, or put its joints in that order"
        )
    first = next(k for k, name in enumerate(named) if not same_joints([name], [skeleton.joints[k]]))
    return (
        f"joints are called otherwise than in the skeleton {skeleton.name}, number {first + 1} {named[first]} and not "
        f"{skeleton.joints[first]}; they are taken in its order",
    )


def _words(text: object) -> set[str]:
    return {word.rstrip("s") for word in re.findall(r"[a-z]+", str(text or "").lower())} - {""}


def _known(subject: str) -> set[str]:
    return _words(f"{NAMES_OF.get(subject, '')} {subject}")


def _says(text: object, subject: str) -> bool | None:
    """Whether a name goes with a subject; None where it tells nothing."""
    words = _words(text) - _words(NAMELESS)
    if not words or not subject:
        return None
    if words & _known(subject):
        return True
    # A person is called a person; an animal has a thousand names.
    others = set().union(*(_known(each) for each in NAMES_OF if each != subject))
    return False if subject == "person" or words & others else None


def _fits(category: Record, skeleton: Skeleton) -> bool:
    told = [_says(category.get(key), skeleton.subject) for key in ("name", "supercategory")]
    return True in told or False not in told


def contradiction(category: Record, skeleton: Skeleton) -> str | None:
    """A line, where a category's name or its super-category is of another thing than the skeleton."""
    for key in ("name", "supercategory"):
        said = _says(category.get(key), skeleton.subject)
        if said:
            return None
        if said is False:
            return (
                f"the category is {category[key]!r}, and the skeleton {skeleton.name} is that of a {skeleton.subject}"
            )
    return None


def _contradictions(categories: list[Record], skeleton: Skeleton) -> list[str]:
    return list(dict.fromkeys(line for each in categories if (line := contradiction(each, skeleton))))
