"""spec.json: what the trial is. Its keys and their versions are TrialSpec's (workloads/spec.py)."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from heatmark.foundation.errors import InputError
from heatmark.foundation.files import read_json, write_json
from heatmark.workloads.run_folder.own_plug_ins import use_plug_ins
from heatmark.workloads.spec import TrialSpec


def read_spec(path: Path) -> TrialSpec:
    """Raises InputError naming the file and the field.

    The trial's plug-ins are imported; where that fails a stand-in is in the place of its method or backbone, which says
    why as it is used for more than its name.
    """
    try:
        content = path.read_bytes()
        use_plug_ins(content, path.parent)
        return TrialSpec.model_validate_json(content)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give the spec.json of a run folder") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{path}: {where}: {first['msg']}") from error


def write_spec(path: Path, spec: TrialSpec) -> None:
    """Whole or not at all, and only where something is to be changed."""
    content = spec.model_dump(mode="json")
    if read_json(path) != content:
        write_json(path, content)
