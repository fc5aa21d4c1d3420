"""What stands in a file of weights: opened without running code, told apart from what is no such file, unwrapped."""

from __future__ import annotations

import argparse
import pathlib
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

State = dict[str, Tensor]
# In the order they are looked for; `training` is this project's own checkpoint.
CONTAINERS = ("training", "best_state_dict", "state_dict", "model_state_dict", "model", "net", "network")
# The mean of the weights over the training, beside the last ones or alone.
AVERAGED = ("ema", "model_ema", "ema_model", "state_dict_ema", "ema_state_dict")
# What other tools put in front of every name: DataParallel, torch.compile, Lightning.
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")
# The beginnings of files that are saved under a weights' name by mistake.
MISTAKEN = {
    b"<!doctype": "a web page",
    b"<html": "a web page",
    b"<?xml": "a web page",
    b"version https://git-lfs": "a Git LFS pointer, which only names the file",
    b'{"': "a JSON file, perhaps a server's answer",
}
# Scores in training checkpoints are numpy scalars, mmpose's descriptions of a data set hold arrays: numbers, no code.
_scalar: Any = np.float64(0).__reduce__()[0]
_array: Any = np.zeros(0).__reduce__()[0]


class WeightsError(ValueError):
    """A file that is not what it is said to be, or that does not fit the network."""


class _LeftOut:
    """Stands for an object that a file holds beside the weights: made without running any code, and dropped."""

    def __init__(self, *_parts: object) -> None: ...

    def __setstate__(self, _state: object) -> None: ...


def _mapping(*_parts: object) -> dict[Any, Any]:
    """Stands for a defaultdict, without what it would make of absent keys."""
    return {}


_BESIDE_WEIGHTS: list[Any] = [
    np.ndarray,
    np.dtype,
    *{type(np.dtype(code)) for code in np.typecodes["AllInteger"] + np.typecodes["Float"] + "?"},
    *((_scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    *((_array, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    # The curves of the training, which mmpose published with its first files of 1.x.
    (_LeftOut, "mmengine.logging.history_buffer.HistoryBuffer"),
    # The command line and the paths of whoever trained.
    (_LeftOut, f"{argparse.Namespace.__module__}.{argparse.Namespace.__qualname__}"),
    *(
        (_LeftOut, f"{module}.{name}")
        for module in ("pathlib", "pathlib._local")
        for name in ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")
        if hasattr(pathlib, name)
    ),
    (_mapping, "collections.defaultdict"),
    *((kind, f"builtins.{kind.__name__}") for kind in (list, dict, int, float, str)),
]


def opened(path: Path) -> Any:
    """What the file holds. Raises WeightsError for one that is no file of weights, is damaged, or would run code."""
    mistaken = mistaken_for(path)
    if mistaken:
        raise WeightsError(f"{path}: {mistaken}; download the weights themselves")
    try:
        if _is_safetensors(path):
            return load_file(path)
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
    except SafetensorError as error:
        raise WeightsError(f"{path}: no intact safetensors file ({error}); download it again") from error
    # Broken bytes end in a dozen kinds of error; none of them comes from code of the file's own choice.
    except Exception as error:
        raise WeightsError(f"{path}: the file is truncated or damaged; download it again") from error


def mistaken_for(path: Path) -> str:
    """What a file is instead of weights, by its beginning; empty where it may be weights."""
    if _is_safetensors(path):
        return ""
    with path.open("rb") as file:
        start = file.read(256).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((what for beginning, what in MISTAKEN.items() if start.startswith(beginning)), "")


def _is_safetensors(path: Path) -> bool:
    """By its name, or as it begins: the length of a JSON header, and the header."""
    with path.open("rb") as file:
        start = file.read(9)
    header = int.from_bytes(start[:8], "little")
    return path.suffix == ".safetensors" or (start[8:] == b"{" and header < path.stat().st_size)


def unwrapped(content: Any, path: Path, wanted: str | None = None) -> tuple[State, str, list[str]]:
    """The state dict in a file, the name of the container it was in, and what a reader should know of the choice.

    wanted: a container that is to be taken instead of the usual one. Raises WeightsError where there is none.
    """
    container, notes = "", []
    if wanted is not None:
        if not isinstance(content, dict) or not isinstance(content.get(wanted), dict):
            raise WeightsError(f"{path}: holds no container {wanted}; found {_names(content)}")
        content, container = content[wanted], wanted
    else:
        averaged = [name for name in AVERAGED if isinstance(content, dict) and isinstance(content.get(name), dict)]
        usual = [name for name in CONTAINERS if isinstance(content, dict) and isinstance(content.get(name), dict)]
        if averaged and usual:
            notes.append(
                f"taken from {usual[0]}; the file holds {' and '.join(averaged)} too (container: {averaged[0]})"
            )
        elif averaged:
            content, container = content[averaged[0]], averaged[0]
            notes.append(f"taken from {container}")
    for name in (*CONTAINERS, "module"):
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content, container = content[name], container or name
    if not isinstance(content, dict) or not content or not all(isinstance(key, str) for key in content):
        raise WeightsError(f"{path}: holds no state dict")
    state = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    if not state:
        raise WeightsError(f"{path}: holds no tensors; found {_names(content)}")
    state, stripped = _without_prefixes(state)
    if stripped:
        notes.append(f"{', '.join(stripped)} taken from the front of names")
    return state, container, notes


def _names(content: Any) -> str:
    return ", ".join(sorted(map(str, content))[:5]) if isinstance(content, dict) else type(content).__name__


def _without_prefixes(state: State) -> tuple[State, list[str]]:
    """Names without what other tools put in front of them, and what that was, in its order."""
    stripped: list[str] = []
    while prefix := next((each for each in PREFIXES if any(key.startswith(each) for key in state)), None):
        state = {key.removeprefix(prefix): value for key, value in state.items()}
        stripped.append(prefix)
    return state, stripped


def check_finite(state: State, path: Path) -> None:
    """Raises WeightsError naming the first tensor with a number that is none."""
    for key, value in state.items():
        if value.is_floating_point() and not (finite := torch.isfinite(value)).all():
            count = int((~finite).sum())
            raise WeightsError(
                f"{path}: {key} holds {count} number(s) that are NaN or infinite, so its training diverged; "
                f"take an earlier checkpoint"
            )
