"""Published checkpoints in: SimpleBaseline's, HRNet's, ImageNet's and mmpose's, by the names their tensors have there.

A file is hashed before it is opened, opened without running code, unwrapped and renamed to this project's keys, and
must then fit the network: what is left over and what is missing is reported, and anything but a head is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import nn

from heatmark.foundation.hashes import file_sha256
from heatmark.models.weights_file import State, WeightsError, check_finite, opened, unwrapped

__all__ = ["Checkpoint", "Fit", "WeightsError", "load_weights", "read_checkpoint"]

# mmpose 0.x and 1.x -> here; the numbers behind are the same.
MMPOSE_PREFIXES = {"backbone.": "", "head.simplebaseline_head.": "", "keypoint_head.": "", "head.": ""}
# A head is new where the joints are others, and what a loss learns or a read-out's own layers where the method is:
# these may be missing or of another shape.
HEAD = ("deconv_layers.", "final_layer.", "learned.", "reader.")
# Classifiers, branches that only a classifier reads, and what another method learned: these may be left over.
LEFTOVERS = re.compile(
    r"fc\.|classifier\.|learned\.|reader\.|incre_modules\.|downsamp_modules\.|final_layer\.0\.|linspace_[xy]|stage4\.2\.fuse_layers\.[123]\."
)
_HASH_IN_NAME = re.compile(r"-(?!20\d\d[01]\d[0-3]\d[._])([0-9a-f]{8})(?=[._])")


@dataclass(frozen=True)
class Checkpoint:
    """A file's tensors under this project's keys, its SHA-256, and the order of colours they were trained on.

    notes: where in the file they were, and what was taken off their names.

    Every family takes the same mean (0.485, 0.456, 0.406) and deviation (0.229, 0.224, 0.225) from channels 0, 1 and 2:
    SimpleBaseline too, whose channel 0 is blue.
    """

    path: Path
    sha256: str
    state: State
    channels: Literal["rgb", "bgr"]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fit:
    """How a checkpoint went into a network. Names of tensors: loaded, kept as they were, and left in the file."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"{len(self.loaded)} tensors loaded"]
        for what, names in (("not in the file", self.missing), ("not in the network", self.unexpected)):
            groups = sorted({".".join(name.split(".")[:2]) for name in names})
            parts.append(f"{len(names)} {what}{' (' + ', '.join(groups[:6]) + ')' if groups else ''}")
        return ", ".join(parts)


def read_checkpoint(path: Path, sha256: str | None = None, container: str | None = None) -> Checkpoint:
    """Read a published file. sha256: the expected digest or its beginning; the one in a file's name is checked anyway.

    container: which part of the file, where it holds several (`ema` beside `model`). Raises WeightsError for a file
    that is absent, of another digest, damaged, no file of weights, of numbers that are none, or that would run code.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; download it and give its path")
    digest = file_sha256(path)
    in_name = _HASH_IN_NAME.findall(path.name)
    for expected, where in ((sha256, "expected"), (in_name[-1] if in_name else None, "its name says")):
        if expected and not digest.startswith(expected.lower()):
            raise WeightsError(f"{path}: its SHA-256 is {digest[:16]}..., {where} {expected}; download it again")
    raw, found_in, notes = unwrapped(opened(path), path, container)
    state, from_mmpose = _renamed(raw)
    check_finite(state, path)
    bgr = not from_mmpose and found_in != "training" and any(key.startswith("deconv_layers.") for key in state)
    return Checkpoint(path, digest, state, "bgr" if bgr else "rgb", tuple(notes))


def load_weights(model: nn.Module, checkpoint: Checkpoint) -> Fit:
    """Copy a checkpoint into a network. Only a head may be missing or have another shape, only a classifier be left.

    Raises WeightsError for the weights of another network; nothing is copied then. Files for other strides (Caffe's
    or torchvision's) have the same names and shapes: they cannot be told apart here.
    """
    own, state = model.state_dict(), checkpoint.state
    fitting = {key: value for key, value in state.items() if key in own and own[key].shape == value.shape}
    missing = [key for key in own if key not in fitting and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in own]
    for key in missing:
        if key.startswith(HEAD):
            continue
        if key in state:
            ours, theirs = tuple(own[key].shape), tuple(state[key].shape)
            raise _other_network(checkpoint, f"{key} has shape {theirs}, the network's has {ours}")
        raise _other_network(checkpoint, f"{key} and {_others(missing)} are not in it")
    foreign = [key for key in unexpected if not LEFTOVERS.match(key)]
    if foreign:
        raise _other_network(checkpoint, f"its {foreign[0]} and {_others(foreign)} are not in the network")
    model.load_state_dict(own | fitting)
    return Fit(tuple(fitting), tuple(missing), tuple(unexpected))


def _other_network(checkpoint: Checkpoint, why: str) -> WeightsError:
    return WeightsError(f"{checkpoint.path}: the weights of another network: {why}; choose the backbone it is for")


def _others(names: list[str]) -> str:
    return f"{len(names) - 1} more"


def _renamed(state: State) -> tuple[State, bool]:
    """Tensors under this project's keys, and whether they were under mmpose's."""
    if not any(key.startswith("backbone.") for key in state):
        return state, False
    return {_from_mmpose(key): value for key, value in state.items()}, True


def _from_mmpose(key: str) -> str:
    for theirs, ours in MMPOSE_PREFIXES.items():
        if key.startswith(theirs):
            return ours + key.removeprefix(theirs)
    return key
