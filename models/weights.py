"""Published checkpoints in: SimpleBaseline's, HRNet's, ImageNet's and mmpose's, by the names their tensors have there.

A file is hashed before it is opened, opened without running code, unwrapped and renamed to this project's keys, and
must then fit the network: what is left over and what is missing is reported, and anything but a head is refused.
"""

from __future__ import annotations

import pickle
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from heatmark.foundation.hashes import file_sha256

State = dict[str, Tensor]
# In the order they are looked for; `training` is this project's own checkpoint.
CONTAINERS = ("training", "best_state_dict", "state_dict", "model")
# mmpose 0.x and 1.x -> here; the numbers behind are the same.
MMPOSE_PREFIXES = {"backbone.": "", "head.simplebaseline_head.": "", "keypoint_head.": "", "head.": ""}
# A head is new where the joints are others, and what a loss learns where the method is: these may be missing or of
# another shape.
HEAD = ("deconv_layers.", "final_layer.", "learned.")
# Classifiers, branches that only a classifier reads, and what another loss learned: these may be left over.
LEFTOVERS = re.compile(
    r"fc\.|classifier\.|learned\.|incre_modules\.|downsamp_modules\.|final_layer\.0\.|linspace_[xy]|stage4\.2\.fuse_layers\.[123]\."
)
_HASH_IN_NAME = re.compile(r"-(?!20\d\d[01]\d[0-3]\d[._])([0-9a-f]{8})(?=[._])")
# Scores in training checkpoints are numpy scalars, mmpose's descriptions of a data set hold arrays: numbers, no code.
_scalar: Any = np.float64(0).__reduce__()[0]
_array: Any = np.zeros(0).__reduce__()[0]


class _LeftOut:
    """Stands for an object that a file holds beside the weights: made without running any code, and dropped."""


_BESIDE_WEIGHTS: list[Any] = [
    np.ndarray,
    np.dtype,
    *{type(np.dtype(code)) for code in np.typecodes["AllInteger"] + np.typecodes["Float"] + "?"},
    *((_scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    *((_array, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    # The curves of the training, which mmpose published with its first files of 1.x.
    (_LeftOut, "mmengine.logging.history_buffer.HistoryBuffer"),
]


class WeightsError(ValueError):
    """A file that is not what it is said to be, or that does not fit the network."""


@dataclass(frozen=True)
class Checkpoint:
    """A file's tensors under this project's keys, its SHA-256, and the order of colours they were trained on.

    Every family takes the same mean (0.485, 0.456, 0.406) and deviation (0.229, 0.224, 0.225) from channels 0, 1 and 2:
    SimpleBaseline too, whose channel 0 is blue.
    """

    path: Path
    sha256: str
    state: State
    channels: Literal["rgb", "bgr"]


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


def read_checkpoint(path: Path, sha256: str | None = None) -> Checkpoint:
    """Read a published file. sha256: the expected digest or its beginning; the one in a file's name is checked anyway.

    Raises WeightsError for a file that is absent, of another digest, damaged, or that holds more than numbers.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; download it and give its path")
    digest = file_sha256(path)
    in_name = _HASH_IN_NAME.findall(path.name)
    for expected, where in ((sha256, "expected"), (in_name[-1] if in_name else None, "its name says")):
        if expected and not digest.startswith(expected.lower()):
            raise WeightsError(f"{path}: its SHA-256 is {digest[:16]}..., {where} {expected}; download it again")
    raw, container = _unwrapped(_opened(path), path)
    state, from_mmpose = _renamed(raw)
    bgr = not from_mmpose and container != "training" and any(key.startswith("deconv_layers.") for key in state)
    return Checkpoint(path, digest, state, "bgr" if bgr else "rgb")


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


def _opened(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(_BESIDE_WEIGHTS), warnings.catch_warnings():
            # Of a pickle's version, which damage may change: what comes of it is said below.
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "truncated" in str(error) or "Ran out" in str(error):
            raise WeightsError(f"{path}: the file is truncated; download it again") from error
        raise WeightsError(
            f"{path}: refused, because it holds more than tensors and numbers, or is no PyTorch file: opening such a "
            f"file would run code. Save its state dict alone with torch.save and give that"
        ) from error
    # Broken bytes end in a dozen kinds of error; none of them comes from code of the file's own choice.
    except Exception as error:
        raise WeightsError(f"{path}: the file is truncated or damaged; download it again") from error


def _unwrapped(content: Any, path: Path) -> tuple[State, str]:
    """The state dict in a file, and the name of the container it was in."""
    container = ""
    for name in CONTAINERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content, container = content[name], container or name
    if not isinstance(content, dict) or not content or not all(isinstance(key, str) for key in content):
        raise WeightsError(f"{path}: holds no state dict")
    state = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    if not state:
        raise WeightsError(f"{path}: holds no tensors; found {', '.join(sorted(content)[:5])}")
    return state, container


def _renamed(state: State) -> tuple[State, bool]:
    """Tensors under this project's keys, and whether they were under mmpose's."""
    state = {key.removeprefix("module."): value for key, value in state.items()}
    if not any(key.startswith("backbone.") for key in state):
        return state, False
    return {_from_mmpose(key): value for key, value in state.items()}, True


def _from_mmpose(key: str) -> str:
    for theirs, ours in MMPOSE_PREFIXES.items():
        if key.startswith(theirs):
            return ours + key.removeprefix(theirs)
    return key
