"""DeepSpeed's shared-memory op for the ranks of one CPU machine: compiled once where that works, or done without."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from heatmark.datasets.errors import InputError
from heatmark.workloads.file_lock import locked

FOLDER_VARIABLE = "TORCH_EXTENSIONS_DIR"
# A compiler's or a loader's line that says what is wrong.
_CAUSE = re.compile(r"error|No such file|not found|[Pp]ermission|cannot|denied|Read-only")


def warm_shared_memory_op(say: Callable[[str], None] = print) -> None:
    """Build the op, one process at a time, or tell DeepSpeed and the reader that there is none.

    It is compiled at the first start on CPU, for each Python environment in a folder of its own and by that
    environment's ninja: paths and ninja's version are part of the build, and two environments that share a folder, or
    a job with another PATH, compile anew whenever they take turns. torch guards a build by a lock file that a killed
    process leaves behind, and every later start then waits for ever: under our lock, which dies with its holder, such
    a file is stale.
    """
    if torch.cuda.is_available():
        return
    # deepspeed's first import prints to stdout and sets up the accelerator, which the builder asks for.
    import deepspeed
    from deepspeed.accelerator import get_accelerator

    # A program of the environment that was started by its path has not got the environment's others on its own.
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    builder = get_accelerator().create_op_builder("ShareMemCommBuilder")
    if builder is None or not builder.is_compatible(verbose=False):
        return
    why = ""
    for folder in _folders():
        os.environ[FOLDER_VARIABLE] = str(folder)
        try:
            _build(builder)
            return
        except (OSError, InputError) as error:  # no such folder to be had, or one without locks
            why = why or str(error)
        except Exception as error:  # a compiler's, a linker's or a loader's, in whatever class torch hands it on
            why = _cause(str(error))
            break
    say(f"DeepSpeed's shared-memory op cannot be built here, training goes on without it: {why}")
    deepspeed.ops.__compatible_ops__[builder.NAME] = False


def _folders() -> Iterator[Path]:
    """Where the op may be built: as the user says, in the user's cache, or in the temporary folder."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        yield Path(given)
    environment = f"heatmark-{hashlib.sha256(sys.prefix.encode()).hexdigest()[:12]}"
    if not given:
        from torch.utils.cpp_extension import get_default_build_root

        yield Path(get_default_build_root()) / environment
    yield Path(tempfile.gettempdir()) / f"heatmark-{os.getuid()}" / environment


def _build(builder: Any) -> None:
    from torch.utils.cpp_extension import _get_build_directory

    build = Path(_get_build_directory(builder.NAME, verbose=False))
    build.parent.mkdir(parents=True, exist_ok=True)
    # Its warning of a compiler other than its own is twenty lines; what goes wrong is told in one.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    with locked(build.parent / "heatmark.lock"):
        (build / "lock").unlink(missing_ok=True)
        builder.load(verbose=False)


def _cause(text: str) -> str:
    """The one line of a compiler's output that says what is wrong."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if _CAUSE.search(line) and not line.startswith("Error building extension")]
    return (telling or lines or ["no reason given"])[0][:300]
