"""`--json`: one JSON object on stdout, whatever libraries print."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else there.")]


@contextlib.contextmanager
def stdout_for_json() -> Iterator[None]:
    """Libraries print what they like (DeepSpeed greets on stdout): they do it on stderr; stdout is for the answer."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def tell(line: str) -> None:
    """Beside the output, for people."""
    print(line, file=sys.stderr)
