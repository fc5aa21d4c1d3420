"""The files that a net can leave as, by their suffix: how each is written, and opened to be run. All run on the CPU."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from heatmark.foundation.errors import InputError
from heatmark.workloads.crop_reader import RunFile
from heatmark.workloads.exported import INPUT

# Where torch's own formats keep what ONNX has metadata for.
METADATA_FILE = "heatmark.json"
REMEDY = "give a file that heatmark export wrote"


class ExportFormat(ABC):
    """title: for people. runtime: what runs it."""

    title: ClassVar[str]
    runtime: ClassVar[str]

    @abstractmethod
    def convert(self, net: nn.Module, example: Tensor, outputs: Sequence[str], metadata: Mapping[str, str]) -> bytes:
        """The content of a file. example: images_B3HW of two people or more; files take any number.

        Raises InputError where a package is missing.
        """

    @abstractmethod
    def open(self, content: bytes, where: str) -> tuple[RunFile, dict[str, str]]:
        """What runs it, and its metadata. where: the file, for messages. Raises InputError for what is no such file."""


class Onnx(ExportFormat):
    """The graph in ONNX, run by onnxruntime."""

    title = "ONNX"
    runtime = "onnxruntime"

    def convert(self, net: nn.Module, example: Tensor, outputs: Sequence[str], metadata: Mapping[str, str]) -> bytes:
        for package in ("onnx", "onnxscript"):
            needed(package)
        program = _traced(net, example)
        with _quiet():
            found = torch.onnx.export(
                program, input_names=[INPUT], output_names=list(outputs), dynamo=True, verbose=False
            )
        assert found is not None, "dynamo gives a program"
        found.model.metadata_props.update(metadata)
        content: bytes = found.model_proto.SerializeToString()
        return content

    def open(self, content: bytes, where: str) -> tuple[RunFile, dict[str, str]]:
        runtime = needed("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        try:
            session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        # onnxruntime has an exception of its own for every way in which a file is no good, and no common one.
        except Exception as error:
            raise InputError(f"{where}: onnxruntime cannot run it ({_first_line(error)}); {REMEDY}") from error
        name = session.get_inputs()[0].name

        def run(image_B3HW: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
            return tuple(session.run(None, {name: image_B3HW}))

        return run, dict(session.get_modelmeta().custom_metadata_map)


class TorchExport(ExportFormat):
    """torch.export's graph."""

    title = "torch.export"
    runtime = "torch.export"

    def convert(self, net: nn.Module, example: Tensor, outputs: Sequence[str], metadata: Mapping[str, str]) -> bytes:
        file = io.BytesIO()
        program = _traced(net, example)
        with _quiet():
            torch.export.save(program, file, extra_files={METADATA_FILE: json.dumps(dict(metadata))})
        return file.getvalue()

    def open(self, content: bytes, where: str) -> tuple[RunFile, dict[str, str]]:
        extra = {METADATA_FILE: ""}
        try:
            with _quiet():
                module = torch.export.load(io.BytesIO(content), extra_files=extra).module()
        # What a reader of archives trips over is its own affair.
        except Exception as error:
            raise InputError(f"{where}: torch.export cannot load it ({_first_line(error)}); {REMEDY}") from error
        return _run_module(module), _metadata(extra[METADATA_FILE])


class TorchScript(ExportFormat):
    """A trace in TorchScript, for C++ and for older versions of torch."""

    title = "TorchScript"
    runtime = "torch.jit"

    def convert(self, net: nn.Module, example: Tensor, outputs: Sequence[str], metadata: Mapping[str, str]) -> bytes:
        file = io.BytesIO()
        with torch.no_grad(), _quiet():
            trace = torch.jit.trace(net, example, check_trace=False)
            torch.jit.save(trace, file, _extra_files={METADATA_FILE: json.dumps(dict(metadata))})
        return file.getvalue()

    def open(self, content: bytes, where: str) -> tuple[RunFile, dict[str, str]]:
        extra = {METADATA_FILE: ""}
        try:
            with _quiet():
                module = torch.jit.load(io.BytesIO(content), map_location="cpu", _extra_files=extra)
        except (RuntimeError, ValueError) as error:
            raise InputError(f"{where}: torch.jit cannot load it ({_first_line(error)}); {REMEDY}") from error
        return _run_module(module), _metadata(extra[METADATA_FILE])


FORMATS: dict[str, ExportFormat] = {
    ".onnx": Onnx(),
    ".pt2": TorchExport(),
    ".ts": TorchScript(),
    ".pt": TorchScript(),
}


def format_of_file(path: Path) -> ExportFormat:
    """By the suffix. Raises InputError for one that is not known."""
    if path.suffix.lower() not in FORMATS:
        known = ", ".join(f"{suffix} ({each.title})" for suffix, each in FORMATS.items())
        raise InputError(f"{path}: no format of an export by its suffix; valid: {known}")
    return FORMATS[path.suffix.lower()]


def needed(package: str) -> Any:
    """A package that only exports need. Raises InputError where it is not installed."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise InputError(
            f"{package} is not installed, which ONNX files need; run: pip install onnx onnxscript onnxruntime"
        ) from error


def _traced(net: nn.Module, example: Tensor) -> torch.export.ExportedProgram:
    """The graph of a net for any number of images."""
    batch = torch.export.Dim("batch", min=1)
    with torch.no_grad(), _quiet():
        return torch.export.export(net, (example,), dynamic_shapes=({0: batch},), strict=False)


def _run_module(module: Any) -> RunFile:
    @torch.no_grad()
    def run(image_B3HW: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
        return tuple(each.numpy() for each in module(torch.from_numpy(image_B3HW)))

    return run


def _metadata(text: str | bytes) -> dict[str, str]:
    """Empty where there are none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch tells its own developers of the way."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
