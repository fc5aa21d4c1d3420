"""YAML as people write it: `1e-3` is a number, and a key that is given twice is a mistake, not the later one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from heatmark.datasets.errors import InputError


class _Loader(yaml.SafeLoader):
    """YAML 1.1 in PyYAML's reading takes `1e-3` for a text (it wants `1.0e-3`) and the last of equal keys."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.composer.ComposerError(None, None, f"the key {key.value!r} is given twice", key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return node


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
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
