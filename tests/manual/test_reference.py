"""The reference of the manual: every public key, command, metric and file is in it."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from pydantic import BaseModel

from heatmark.datasets.formats import FORMATS, drawn_formats, make_recipe
from heatmark.datasets.people import PoseDataset
from heatmark.datasets.predictions import Predictions
from heatmark.datasets.skeletons import shipped, shipped_names
from heatmark.datasets.synthetic.recipe import write_tree
from heatmark.models.methods import METHODS
from heatmark.pipeline.manual import PAGES
from heatmark.pipeline.manual.metrics import METRICS, OF_AN_EPOCH, metric_of
from heatmark.pipeline.manual.run_folder import record_modules, records_of
from heatmark.pipeline.site import Site
from heatmark.pipeline.sweep import SweepFile, axes
from heatmark.reports.paper.printed import paper_tables
from heatmark.reports.sections.section import all_sections
from heatmark.workloads.run_folder.epoch import EpochRecord
from heatmark.workloads.run_folder.folder import RunFolder


@cache
def page(name: str) -> str:
    return PAGES[f"reference/{name}.md"]()


def models_in(annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    """The sections that a field may hold; `.NAME` for the values of a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "", annotation
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is dict:
        yield from ((f".NAME{inner}", found) for inner, found in models_in(arguments[1]))
    elif origin in (typing.Union, types.UnionType, Annotated):
        yield from (each for argument in arguments for each in models_in(argument))


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """Every key of a file, dotted, with its description."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}", field.description
        for inner, found in models_in(field.annotation):
            yield from keys_of(found, f"{prefix}{name}{inner}.")


def words_of(text: str) -> str:
    """Letters and digits alone: tables and running text break lines elsewhere."""
    return re.sub(r"[^A-Za-z0-9]+", " ", text)


@pytest.mark.parametrize(("name", "model"), [("sweep-file", SweepFile), ("site-file", Site)])
def test_every_key_of_a_file_is_there_with_what_it_is_for(name: str, model: type[BaseModel]) -> None:
    keys = dict(keys_of(model))
    assert len(keys) > 20
    if model is SweepFile:
        assert {"data.NAME.keypoints.train.annotations", "cluster.stage.to", "pretrained.NAME.file"} <= set(keys)
    for key, description in keys.items():
        row = next((line for line in page(name).splitlines() if line.startswith(f"| `{key}` |")), None)
        assert row is not None, f"{key} is not in the reference"
        assert description and words_of(description).strip() in words_of(row), f"{key}: {row}"


def test_every_axis_and_every_field_of_every_method_is_there() -> None:
    text = page("sweep-file")
    for axis in axes():
        assert f"| `grid.{axis}` |" in text
    for name, kind in METHODS.items():
        heading = f"### `{name}`: {kind.label}"
        assert heading in text
        own = text.partition(heading)[2].partition("\n### ")[0]
        assert all(f"| `{field}` |" in own for field in kind.model_fields if field != "name")


def commands(group: Any, words: str = "heatmark") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{words} {name}")
        else:
            yield f"{words} {name}", command


def test_every_command_and_option_is_there() -> None:
    from typer.main import get_command

    from heatmark.pipeline.cli import app

    text = page("commands")
    found = dict(commands(get_command(app)))
    assert {"heatmark sweep run", "heatmark score", "heatmark data skeleton"} <= set(found)
    for words, command in found.items():
        own = text.partition(f"## `{words}` {{#")[2].partition("\n## ")[0]
        assert own, f"{words} is not in the reference"
        assert words_of(command.help.split("\n\n")[0]).strip() in words_of(own)
        for parameter in command.params:
            names = [*parameter.opts, *parameter.secondary_opts] if parameter.param_type_name == "option" else []
            assert all(f"`{name}`" in own for name in names), f"{words}: {names}"
            assert (
                parameter.param_type_name == "option" or f"| `{parameter.metavar or parameter.name.upper()}` |" in own
            )


def perturbed(people: PoseDataset) -> Predictions:
    """Everybody found, a pixel or two off."""
    random = np.random.default_rng(0)
    joints_NK2 = np.stack([person.joints_K2 for person in people.people])
    moved_NK2 = joints_NK2 + random.normal(0, 1.5, joints_NK2.shape)
    confidence_NK1 = np.full((*joints_NK2.shape[:2], 1), 0.9)
    count = len(people.people)
    depth_NK = np.zeros(joints_NK2.shape[:2]) if people.people[0].hand is not None else None
    joints_NK3 = np.concatenate([moved_NK2, confidence_NK1], axis=-1)
    return Predictions(np.arange(count), joints_NK3, np.full(count, 0.9), np.full(count, 64.0 * 64), depth_NK)


@pytest.mark.parametrize("name", drawn_formats())
def test_every_metric_that_a_format_measures_is_described(name: str, tmp_path: Path) -> None:
    write_tree(tmp_path / "drawn", make_recipe(name, 4, 12, 0))
    people = FORMATS[name].load(tmp_path / "drawn", "val", False)
    found = FORMATS[name].measure(people, perturbed(people))
    assert FORMATS[name].headline in found and len(found) > 5
    unknown = [metric for metric in found if metric_of(metric) is None]
    assert unknown == [], "describe them in pipeline/manual/metrics.py"
    exact = [metric_of(f"exact/{metric}") for metric in (FORMATS[name].headline, "EPE")]
    assert None not in exact
    for metric in dict.fromkeys((FORMATS[name].headline, *FORMATS[name].shown)):
        assert f"`{metric}`" in page("metrics")


def test_every_metric_has_a_formula_a_unit_and_code_that_is_there() -> None:
    root = Path(__file__).resolve().parents[2]
    for metric in METRICS:
        assert metric.unit and len(metric.formula) > 20 and metric.source and (root / metric.code).is_file()
        assert f"`{metric.title}`" in page("metrics")
    assert [each.key for each in OF_AN_EPOCH] == list(EpochRecord.model_fields)
    assert metric_of("AP75") != metric_of("AP") and metric_of("nonsense") is None
    assert metric_of("people found") and metric_of("short_mass")


def test_every_file_of_a_run_folder_and_every_key_of_its_records_is_there() -> None:
    text = page("run-folder")
    paths = {
        getattr(RunFolder(Path("RUN/0123")), name)
        for name, value in inspect.getmembers(RunFolder)
        if isinstance(value, property) and value.fget is not None and value.fget.__annotations__["return"] == "Path"
    }
    assert len(paths) > 15
    for path in paths:
        shown = path.name if path.parent.name == "0123" else path.parent.name
        assert shown in text, path
    records = [record for module in record_modules() for record in records_of(module)]
    assert len(records) > 12
    for record in records:
        own = text.partition(f"**{record.__name__}**")[2].partition("\n**")[0].partition("\n### ")[0]
        assert all(f"| `{name}` |" in own for name in record.model_fields), record.__name__


def test_every_shipped_skeleton_is_there_with_its_joints() -> None:
    assert len(shipped_names()) > 20
    for name in shipped_names():
        assert f"| `{name}` | {len(shipped(name).joints)} |" in page("skeletons")


def test_every_table_of_the_paper_is_there_with_its_slips() -> None:
    tables = paper_tables()
    assert len(tables) == 15
    for number, table in tables.items():
        assert re.search(rf"^\| {number} \| .* \| `{re.escape(table.sweep)}` \|$", page("paper"), re.MULTILINE)
        assert all(words_of(slip.note).strip() in words_of(page("paper")) for slip in table.slips)


def test_every_section_of_the_report_is_there() -> None:
    for section in all_sections():
        assert f"| {section.title} |" in page("report")
