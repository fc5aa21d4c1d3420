"""Paths with environment variables: filled in where the path is used, and never left as they stand."""

from __future__ import annotations

import os
import re

from heatmark.foundation.errors import InputError

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


def expand_variables(text: str) -> str:
    """`$NAME` and `${NAME}` filled in from the environment. Raises InputError naming one that is not set."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name not in os.environ:
            raise InputError(f"{text}: the variable {name} is not set here; set it, or write the path out")
        return os.environ[name]

    return _VARIABLE.sub(value, text)
