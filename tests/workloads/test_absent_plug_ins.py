"""A run folder without its plug-in can be read, has the signature that it had, and says why it cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heatmark.foundation.errors import InputError
from heatmark.models.absent import AbsentMethod
from heatmark.models.methods import METHODS
from heatmark.workloads.run_folder.spec_file import read_spec
from heatmark.workloads.train import build_model
from tests.made_up import made_spec

pytestmark = pytest.mark.usefixtures("plug_ins_stay_here")

SHA = "3f2a" * 16
USE = {"of": "method", "name": "gone.py", "sha256": SHA, "installed": False, "label": "Gone"}
METHOD = {"name": "gone", "reach": 2.0, "kind": "wide"}


def run_of(folder: Path, **changes: Any) -> Path:
    content = json.loads(made_spec("bcir").model_dump_json()) | changes
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.json").write_text(json.dumps(content))
    return folder / "spec.json"


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (USE, r"plug-in gone\.py: no copy of it in .*run the sweep with it again"),
        (USE | {"name": "gone_package", "installed": True}, "plug-in gone_package: the package is not installed here"),
        (USE | {"name": "heatmark.models.method", "installed": True}, "another version is installed than"),
    ],
)
def test_a_method_that_is_gone_is_shown_and_not_used(tmp_path: Path, use: dict[str, Any], words: str) -> None:
    spec = read_spec(run_of(tmp_path / "one", method=METHOD, plugins=[use]))
    assert isinstance(spec.method, AbsentMethod) and spec.label.startswith("Gone ")
    assert spec.method.model_dump() == METHOD and spec.science()["plugins"] == {"method": SHA[:12]}
    # Its name is in every list that a report goes by.
    assert METHODS["gone"].label == "Gone"
    with pytest.raises(InputError, match=words):
        build_model(spec, 3)
    changed = read_spec(run_of(tmp_path / "two", method=METHOD, plugins=[use | {"sha256": "1" * 64}]))
    assert changed.signature != spec.signature


def test_a_backbone_that_is_gone_is_shown_and_not_built(tmp_path: Path) -> None:
    use = USE | {"of": "backbone", "label": ""}
    spec = read_spec(run_of(tmp_path, backbone="gone-w4", plugins=[use]))
    assert spec.backbone == "gone-w4"
    with pytest.raises(InputError, match=r"plug-in gone\.py: no copy of it"):
        build_model(spec, 3)


def test_a_format_that_is_gone_is_an_error(tmp_path: Path) -> None:
    path = run_of(tmp_path, plugins=[USE | {"of": "format", "label": ""}])
    with pytest.raises(InputError, match=rf"{tmp_path}: plug-in gone\.py: no copy of it"):
        read_spec(path)


def test_an_unknown_method_without_a_plug_in_is_still_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"method: .*unknown method 'gone'"):
        read_spec(run_of(tmp_path, method=METHOD))
