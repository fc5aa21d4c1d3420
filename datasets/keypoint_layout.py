"""Which files of a folder are the annotations and pictures of a data set, where nobody says.

Known are COCO's own layout, exports of label tools (train/_annotations.coco.json with pictures beside it,
annotations/person_keypoints_default.json with images/), and a json beside its pictures: any file with the three lists
of COCO and key points in it, whose split its name or its folder tells, and whose pictures are looked for near it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from heatmark.datasets.image_folder import found_names
from heatmark.datasets.json_files import unpacked
from heatmark.datasets.keypoint_settings import KeypointSettings, SplitFiles
from heatmark.datasets.people import Split
from heatmark.foundation.errors import InputError

# Folders below the root in which annotation files are looked for.
DEPTH: Final = 3
SPLIT_WORDS: Final[dict[str, Split]] = {
    **dict.fromkeys(("train", "training", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "eval", "evaluation", "test", "testing"), "val"),
}
# Names whose pictures are asked for: enough to tell folders apart.
ASKED = 200


class _Peek(msgspec.Struct, gc=False):
    """The three lists, unread."""

    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw]
    categories: list[Any]


class _Picture(msgspec.Struct, gc=False):
    file_name: str = ""


class _Keypoints(msgspec.Struct, gc=False):
    keypoints: Any = None


@dataclass(frozen=True)
class Candidate:
    """An annotation file with key points. images: the folder that its pictures are in, None where none was found.

    joints: numbers of joints that its annotations have.
    """

    path: Path
    images: Path | None
    listed: int
    annotations: int
    categories: tuple[str, ...]
    joints: tuple[int, ...]

    def files(self, root: Path) -> SplitFiles:
        """By their paths below the root."""
        images = self.images or self.path.parent
        return SplitFiles(annotations=_below(self.path, root), images=_below(images, root))


def find_layout(root: Path) -> KeypointSettings:
    """The files of both splits. Raises InputError where there are none, or several that may be meant."""
    found = candidates(root)
    if not found:
        raise InputError(f"{root}: no annotation file with key points in COCO's style; give its path")
    by_split: dict[Split | None, list[Candidate]] = {}
    for each in found:
        by_split.setdefault(split_of(each.path, root), []).append(each)
    train, val, rest = (by_split.get(split, []) for split in ("train", "val", None))
    train, val = _of_one_folder(train), _of_one_folder(_one_of(val, root))
    if len(train) == 1 and len(val) == 1:
        return KeypointSettings(train=train[0].files(root), val=val[0].files(root))
    if len(found) == 1 or (len(rest) == 1 and not train and not val):
        files = (rest or found)[0].files(root)
        return KeypointSettings(annotations=files.annotations, images=files.images)
    names = ", ".join(_below(each.path, root) for each in found[:6])
    raise InputError(
        f"{root}: several annotation files may be meant ({names}{', ...' if len(found) > 6 else ''}); say which in the "
        "sweep file: keypoints: {train: {annotations: ..., images: ...}, val: {annotations: ..., images: ...}}"
    )


def _one_of(val: list[Candidate], root: Path) -> list[Candidate]:
    """A test split beside a validation split is not meant."""
    words = {each.path: {word for part in each.path.relative_to(root).parts for word in _words(part)} for each in val}
    real = [each for each in val if not {"test", "testing"} & words[each.path]]
    return real if len(val) > 1 and len(real) == 1 else val


def _of_one_folder(found: list[Candidate]) -> list[Candidate]:
    """Several files of one folder that is a split's are one: the folder."""
    folders = {each.path.parent for each in found}
    return [replace(found[0], path=folders.pop())] if len(found) > 1 and len(folders) == 1 else found


def candidates(root: Path) -> list[Candidate]:
    """All annotation files with key points that are in a folder or below it."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the root of a data set")
    return [found for path in _json_files(root) if (found := _peek(path, root))]


def split_of(path: Path, root: Path) -> Split | None:
    """What the name of a file says, else that of its folder."""
    for name in (path.name, *(folder.name for folder in path.relative_to(root).parents)):
        found = {SPLIT_WORDS[word] for word in _words(name) if word in SPLIT_WORDS}
        if len(found) == 1:
            return found.pop()
    return None


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z]+", name.lower())


def _json_files(root: Path) -> Iterator[Path]:
    for depth in range(DEPTH):
        for pattern in ("*.json", "*.json.gz"):
            yield from sorted(root.glob("*/" * depth + pattern))


def _peek(path: Path, root: Path) -> Candidate | None:
    """None for what is no annotation file with key points."""
    try:
        found = msgspec.json.decode(unpacked(path.read_bytes()), type=_Peek)
        names = [msgspec.json.decode(each, type=_Picture).file_name for each in found.images[:ASKED]]
        joints = {_joints(each) for each in found.annotations} - {0}
    except (OSError, ValueError, msgspec.MsgspecError):
        return None
    if not joints:
        return None
    categories = tuple(str(each.get("name", "")) for each in found.categories if isinstance(each, dict))
    listed = len(found.images)
    return Candidate(
        path, _folder_of(names, path, root), listed, len(found.annotations), categories, tuple(sorted(joints))
    )


def _joints(annotation: msgspec.Raw) -> int:
    keypoints = msgspec.json.decode(annotation, type=_Keypoints).keypoints
    return len(keypoints) // 3 if isinstance(keypoints, list) else 0


def _folder_of(names: list[str], path: Path, root: Path) -> Path | None:
    """The folder near an annotation file that most of its pictures are in."""
    best, most = None, 0
    for folder in dict.fromkeys(_near(path, root)):
        try:
            here = len(found_names(names, folder)[0]) if folder.is_dir() else 0
        except InputError:  # two files fit a name: another folder may be better
            here = 0
        if here > most:
            best, most = folder, here
    return best


def _near(path: Path, root: Path) -> Iterator[Path]:
    """The own folder first; then what is called images, or as the split is, there and above; then all folders."""
    split = split_of(path, root)
    words: list[str] = [split] if split else []
    words += [word for word in _words(path.name) if SPLIT_WORDS.get(word) == split and split] + ["default"]
    for folder in (path.parent, *(each for each in path.parents if each == root or root in each.parents)):
        yield folder
        yield folder / path.name.partition(".")[0]
        for name in ("images", "imgs", "image", "data", "pictures", "frames", "JPEGImages", "Frames"):
            yield from (folder / name / word for word in words)
            yield folder / name
        for word in words:
            yield folder / word
            yield folder / f"{word}2017"
            yield folder / word / "images"
    yield from sorted(each for each in root.iterdir() if each.is_dir())


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
