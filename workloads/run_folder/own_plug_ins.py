"""The plug-ins of a run folder: copied there as the trial is planned, imported wherever its spec is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heatmark.datasets.formats import FORMATS
from heatmark.foundation.errors import InputError
from heatmark.foundation.json_text import parsed_json
from heatmark.foundation.plug_in_source import plug_in_in
from heatmark.foundation.plug_ins import installed, load, loaded
from heatmark.foundation.registry import Adding, adding_for
from heatmark.models.absent import stand_in_for_backbone, stand_in_for_method
from heatmark.models.backbones import family_of
from heatmark.models.methods import METHODS
from heatmark.workloads.spec import TrialSpec


def use_plug_ins(content: bytes, run: Path) -> None:
    """Import those that a spec names. content: of its file, whatever it holds. run: the folder that it lies in.

    Where one cannot be imported a stand-in is there for its method or backbone. Raises InputError for a format's,
    without which no number has a name.
    """
    if b'"plugins"' not in content or b'"plugins": []' in content:
        return  # a thousand times in a report: not parsed twice for nothing
    try:
        spec = parsed_json(content)
        uses = [(str(use["of"]), use) for use in spec["plugins"]]
        names = {"method": spec["method"]["name"], "backbone": spec["backbone"], "format": spec["data"]["format"]}
    except (ValueError, TypeError, KeyError):
        return  # the spec's own check says what is wrong with it
    for part, use in uses:
        try:
            _use(use, run)
        except InputError as error:
            reason = f"{run}: {error}"
            if part == "format":
                raise InputError(reason) from error
            with adding_for(Adding(replaces=True, stands_in=True)):
                if part == "method":
                    stand_in_for_method(names["method"], str(use.get("label", "")), reason)
                else:
                    stand_in_for_backbone(names["backbone"], reason)


def _use(use: dict[str, Any], run: Path) -> None:
    if not use["installed"]:
        load(loaded(use["sha256"]) or plug_in_in(run, use["name"], use["sha256"]), replaces=True)
        return
    for registry in (METHODS, FORMATS):
        len(registry)  # the entry points are imported
    family_of("")
    found = installed(use["name"])
    if found is None:
        raise InputError(f"plug-in {use['name']}: the package is not installed here; install it")
    if found.sha256 != use["sha256"]:
        raise InputError(
            f"plug-in {use['name']}: another version is installed than the trial was planned with; install that one, "
            "or plan again"
        )


def keep_plug_ins(spec: TrialSpec, run: Path) -> None:
    """Copy those that a planned trial uses into its run folder."""
    for use in spec.plugins:
        if not use.installed and (found := loaded(use.sha256)) is not None:
            found.copy_to(run)
