"""YAML as people write it: `1e-3` is a number, and a key that is given twice is a mistake, not the later one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from heatmark.foundation.errors import InputError

_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"


class _Loader(yaml.SafeLoader):
    """YAML 1.1 in PyYAML's reading takes `1e-3` for a text (it wants `1.0e-3`), the last of equal keys, and `12:00:00`
    for 43200, a number to the base of 60.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_INT, _FLOAT)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.composer.ComposerError(None, None, f"the key {key.value!r} is given twice", key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return node


# YAML 1.1's forms of numbers without those to the base of 60, and with exponents as people write them.
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"([-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?|[-+]?\.[0-9][0-9_]*([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
    ),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver(
    _INT,
    re.compile(r"([-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+)$"),
    list("-+0123456789"),
)


def parse_yaml(text: str, where: str) -> Any:
    """The content of a YAML text. where: for the message. Raises InputError."""
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise InputError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from error


def read_yaml(path: Path, instead: str) -> Any:
    """The content of a YAML file. instead: what to do where it cannot be read. Raises InputError."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); {instead}") from error
    return parse_yaml(text, str(path))
