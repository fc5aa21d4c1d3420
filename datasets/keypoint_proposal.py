"""What a folder of annotation files holds, and the data section of a sweep file that would read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from heatmark.datasets.keypoint_data import KeypointData
from heatmark.datasets.keypoint_layout import Candidate, split_of
from heatmark.datasets.keypoint_settings import VAL_FRACTION, KeypointSettings, SplitFiles
from heatmark.datasets.skeletons import shipped_of_size
from heatmark.foundation.errors import InputError

# A line for each file more helps nobody.
SHOWN = 12


def found_files(root: Path, found: Sequence[Candidate]) -> Iterator[str]:
    """A line for each annotation file with key points."""
    for each in found[:SHOWN]:
        names = [name for name in each.categories if name]
        categories = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        joints = " or ".join(map(str, each.joints))
        where = each.files(root).images if each.images else "no folder here"
        yield (
            f"{each.path.relative_to(root)}: {each.listed} images (in {where}), {each.annotations} annotations of "
            f"{categories or 'no named category'}, {joints} joints"
        )
    if len(found) > SHOWN:
        yield f"... and {len(found) - SHOWN} more"


def data_section(root: Path, settings: KeypointSettings, found: Sequence[Candidate]) -> str:
    """The section to paste into a sweep file, with the files written out; where several may be meant, the largest."""
    located = _located(root, settings, found)
    lines = [f"data:\n  {root.resolve().name}:\n    format: keypoints\n    root: {root.resolve()}\n    keypoints:"]
    for split in ("train", "val"):
        files: SplitFiles | None = getattr(located, split)
        if files is not None:
            lines.append(f"      {split}: {{annotations: {files.annotations}, images: {files.images}}}")
    if located.annotations is not None:
        lines.append(f"      annotations: {located.annotations}\n      images: {located.images or '.'}")
        lines.append(
            f"      val_fraction: {located.val_fraction or VAL_FRACTION}\n      split_seed: {located.split_seed}"
        )
    if isinstance(settings.skeleton, str):
        lines.append(f"      skeleton: {settings.skeleton}")
    else:
        lines += _skeleton_hint(root, located, found)
    if settings.categories:
        lines.append(f"      category: [{', '.join(map(str, settings.categories))}]")
    return "\n".join(lines)


def _located(root: Path, settings: KeypointSettings, found: Sequence[Candidate]) -> KeypointSettings:
    try:
        return KeypointData(root, settings).located
    except InputError:
        largest = max(found, key=lambda each: each.annotations)
        of_split = {split: [each for each in found if split_of(each.path, root) == split] for split in ("train", "val")}
        if all(of_split.values()):
            train, val = (max(each, key=lambda one: one.annotations) for each in of_split.values())
            return KeypointSettings(train=train.files(root), val=val.files(root))
        files = largest.files(root)
        return KeypointSettings(annotations=files.annotations, images=files.images)


def _skeleton_hint(root: Path, located: KeypointSettings, found: Sequence[Candidate]) -> list[str]:
    """A comment, where the file names no joints and a shipped skeleton has as many."""
    path = root / (located.annotations or (located.train.annotations if located.train else ""))
    joints = next((each.joints for each in found if each.path == path), ())
    try:
        skeleton = KeypointData(root, located).resolved().skeleton
        named = isinstance(skeleton, dict) and not str(skeleton["joints"][0]).startswith("kpt-")
    except InputError:
        named = False
    fitting = [name for count in joints for name in shipped_of_size(count)]
    if named or not fitting:
        return []
    return [f"      # skeleton: {fitting[0]}   # its joints have no names; shipped with as many: {', '.join(fitting)}"]
