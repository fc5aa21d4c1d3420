"""The sweep file: one YAML file that says what is compared, on what, where, and how it is tracked."""

from __future__ import annotations

import json
import re
import types
import typing
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints, TypeAdapter, ValidationError, field_validator, model_validator

from heatmark.datasets.formats import FORMATS, USUAL_FORMAT, drawn_formats, format_of
from heatmark.foundation.errors import InputError
from heatmark.foundation.nearest import nearest
from heatmark.foundation.plug_in_source import plug_in_of
from heatmark.foundation.plug_ins import load
from heatmark.foundation.section import Section
from heatmark.foundation.variables import expand_variables
from heatmark.foundation.yaml_file import parse_yaml, read_yaml
from heatmark.models.methods import METHODS
from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.clusters import CLUSTERS
from heatmark.workloads.run_folder.store import STORE
from heatmark.workloads.spec import Channels, DataSettings, TrainSpec

# A name becomes a folder, a job's name and an MLflow experiment.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]

Grid = dict[str, list[Any]]


class SyntheticSection(Section):
    """A data set drawn in its format."""

    people_train: int = Field(ge=1, description="Annotated people to train on (rhd: images).")
    people_val: int = Field(ge=1, description="Annotated people to validate on (rhd: images).")
    seed: int = Field(0, ge=0, description="Of the drawing.")


class DataSection(DataSettings):
    """One data set: where it is or how it is drawn, and how people are cropped.

    input_size, scale, rotation, half_body and shift are as the format usually has them under that augmentation
    (datasets/formats/) where they are left out.
    """

    root: str | None = Field(None, description="The folder that it is in.")
    synthetic: SyntheticSection | None = Field(None, description="How it is drawn.")
    detections: str | None = Field(
        None, description="With bbox_source `det`, the file of the boxes that people are validated in."
    )
    further_boxes: tuple[str, ...] = Field(
        (), description="Boxes that the trained nets are measured in as well; `bbox_source: [gt, det]` says it shorter."
    )

    @property
    def all_boxes(self) -> tuple[str, ...]:
        """Those of training's own evaluations first."""
        return self.bbox_source, *self.further_boxes

    @model_validator(mode="before")
    @classmethod
    def _as_the_format_usually_has_it(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        found = FORMATS.get(str(given.get("format", USUAL_FORMAT)))
        variation = found.variation.get(given.get("augmentation", "sbl")) if found else None
        if found is None or variation is None:
            return given  # refused by the field's own check
        usual = {"input_size": found.input_size, **variation._asdict()}
        stated = {key: value for key, value in given.items() if not (key in usual and value is None)}
        boxes = stated.get("bbox_source")
        if isinstance(boxes, list) and boxes and "further_boxes" not in stated:
            stated |= {"bbox_source": boxes[0], "further_boxes": tuple(boxes[1:])}
        size = stated.get("input_size")
        return {**usual, **stated, **({"input_size": tuple(size)} if isinstance(size, list) else {})}


class PretrainedSection(Section):
    """Weights to start from."""

    file: str = Field(description="As published.")
    channels: Channels = Field("rgb", description="The order of colours they were trained on.")
    container: str | None = Field(
        None, description="Which part of the file, where it holds several: `ema` beside `model`, say."
    )


class TuneSection(Section):
    """Ray Tune."""

    scheduler: Literal["fifo", "asha"] = Field(
        "fifo",
        description="`fifo` runs every trial to its end; `asha` stops the worse ones early, which biases a "
        "comparison of convergence and is stamped on the report.",
    )
    metric: str = Field("gtbox/AP", description="What ASHA goes by.")
    mode: Literal["max", "min"] = Field("max", description="Which of it is better.")
    grace_epochs: int = Field(5, ge=1, description="Epochs before ASHA may stop a trial.")
    reduction_factor: int = Field(3, ge=2, description="One in so many trials goes on at each of ASHA's rungs.")
    relays: int = Field(
        32,
        ge=1,
        description="How many trials Tune follows at a time, each with a process; the others in flight are sent and "
        "looked after all the same, and replayed when their turn comes. `asha` follows every trial in flight.",
    )
    dashboard: bool = Field(True, description="Ray's page of the sweep.")

    @property
    def stops_trials(self) -> bool:
        """Whether the scheduler decides how far a trial goes: then it has to follow every one in flight."""
        return self.scheduler == "asha"


class TrackingSection(Section):
    """MLflow."""

    enabled: bool = Field(True, description="Whether the sweep is mirrored at all.")
    uri: str | None = Field(
        None,
        description="A tracking server or a database, environment variables filled in; None is SQLite in the "
        "sweep's folder.",
    )


class ReportSection(Section):
    """The report at the end of a run."""

    enabled: bool = Field(True, description="Whether it is built.")
    targets: dict[str, float] = Field(
        default_factory=dict,
        description="By data set, the quality that time is measured to, in its headline metric as a fraction "
        "(`coco: 0.6` for an AP of 60 %); where there is none, 80 % of the lowest final value of the compared cells.",
    )


class SweepFile(Section):
    """The whole file."""

    name: Name = Field(description="A folder, a job's name and an MLflow experiment.")
    grid: list[Grid] = Field(
        description="A value or a list of values for each axis; or a list of such grids, one after the other, of "
        "which cells that are the same are run once."
    )
    train: TrainSpec = Field(TrainSpec(), description="What all trials have in common.")
    data: dict[Name, DataSection] = Field(description="The data sets, by name.")
    plugins: tuple[str, ...] = Field(
        (),
        description="Your own methods, backbones and formats: files (`my_method.py`), folders of packages, or modules "
        "by name (`my_package.module`).",
    )
    pretrained: dict[str, PretrainedSection] = Field(default_factory=dict, description="First weights, by backbone.")
    cluster: ClusterSection = Field(ClusterSection(), description="Where trials run.")
    tune: TuneSection = Field(TuneSection(), description="How Ray Tune walks them.")
    tracking: TrackingSection = Field(TrackingSection(), description="Where MLflow keeps them.")
    report: ReportSection = Field(ReportSection(), description="The report at the end.")

    @field_validator("grid", mode="before")
    @classmethod
    def _as_lists(cls, given: Any) -> Any:
        grids = given if isinstance(given, list) and given else [given]
        return [_single_values_in_lists(grid) if isinstance(grid, dict) else grid for grid in grids]

    def named(self, axis: str) -> list[Any]:
        """The values of an axis over all grids, each once."""
        values: list[Any] = []
        for value in (value for grid in self.grid for value in grid.get(axis, [])):
            if value not in values:
                values.append(value)
        return values


def _single_values_in_lists(grid: dict[str, Any]) -> dict[str, list[Any]]:
    return {axis: values if isinstance(values, list) else [values] for axis, values in grid.items()}


def load_sweep(path: Path, changes: list[str] | None = None) -> SweepFile:
    """Read a sweep file. changes: `a.b=value` settings that override it, values in YAML.

    Raises InputError with the file, the key, what is wrong and the nearest valid name.
    """
    content = read_yaml(path, "give a sweep file such as sweeps/demo.yaml")
    if not isinstance(content, dict):
        raise InputError(
            f"{path}: must hold the keys {', '.join(SweepFile.model_fields)}; found {type(content).__name__}"
        )
    for change in changes or []:
        apply_change(content, change)
    _load_plug_ins(content.get("plugins"), path)
    sweep: SweepFile = validated(TypeAdapter(SweepFile), content, str(path))
    if sweep.name == STORE:
        raise InputError(f"{path}: name: {STORE}: the folder that all sweeps keep their trials in; choose another name")
    _check_grid(sweep, path)
    if sweep.tune.stops_trials:
        _check_asha(sweep, path)
    return sweep


def _load_plug_ins(given: Any, path: Path) -> None:
    """Before anything is checked: the names that the file may use are theirs too. Raises InputError."""
    for name in given if isinstance(given, list) else ():
        if not isinstance(name, str):
            continue  # the check of the keys says so
        where = f"{path}: plugins"
        try:
            found = plug_in_of(name, where)
        except InputError as error:
            beside = path.parent / name
            hint = f"; there is {beside}, write that" if beside.exists() and beside.is_file() else ""
            raise InputError(f"{error}{hint}") from error
        try:
            load(found)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error


def apply_change(content: dict[str, Any], change: str) -> None:
    """`a.b=value` of --set, into the content of a sweep file. Raises InputError."""
    key, equals, value = change.partition("=")
    if not equals or not key.strip():
        raise InputError(f"--set {change}: write it as section.key=value, for example --set train.epochs=5")
    *parents, last = key.strip().split(".")
    place = content
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise InputError(f"--set {change}: {parent} holds a value, not a section")
    place[last] = parse_yaml(value, f"--set {change}")


def axes() -> list[str]:
    """What a grid may vary: any field of a method among it."""
    fields = {field for method in METHODS.values() for field in method.model_fields} - {"name"}
    return ["method", "backbone", "dataset", "seed", *sorted(fields), *TrainSpec.model_fields]


def _check_axes(grid: Grid, path: Path) -> None:
    valid = axes()
    for axis, values in grid.items():
        if axis not in valid:
            raise InputError(f"{path}: grid.{axis}: unknown axis{nearest(axis, valid)}")
        if not values:
            raise InputError(f"{path}: grid.{axis}: no value; give at least one or leave the axis out")
    for axis in ("method", "backbone", "dataset"):
        if axis not in grid:
            raise InputError(f"{path}: grid.{axis}: missing; every sweep names its methods, backbones and datasets")


def _check_places(sweep: SweepFile, path: Path) -> None:
    cluster = sweep.cluster
    if cluster.trials_per_job > cluster.parallel:
        raise InputError(
            f"{path}: cluster.trials_per_job: {cluster.trials_per_job}: more places than trials in flight "
            f"(cluster.parallel: {cluster.parallel}); raise parallel to a multiple of it"
        )
    if not cluster.shared_stream:
        return
    if cluster.trials_per_job == 1:
        raise InputError(f"{path}: cluster.shared_stream: one trial a job shares nothing; set trials_per_job as well")
    if cluster.nodes > 1:
        raise InputError(f"{path}: cluster.shared_stream: only for trials on one node; leave it out")


def _check_grid(sweep: SweepFile, path: Path) -> None:
    _check_places(sweep, path)
    for grid in sweep.grid:
        _check_axes(grid, path)
    for name in sweep.named("dataset"):
        if not isinstance(name, str) or name not in sweep.data:
            raise InputError(
                f"{path}: grid.dataset: {name!r} is not described under data{nearest(str(name), sweep.data)}"
            )
    most = sweep.cluster.kind.most_nodes
    if most is not None and sweep.cluster.nodes > most:
        others = ", ".join(name for name, kind in CLUSTERS.items() if kind.most_nodes is None)
        raise InputError(
            f"{path}: cluster.nodes: {sweep.cluster.nodes}: executor {sweep.cluster.executor} has {most} for a trial; "
            f"use executor: {others}"
        )
    for name in sweep.pretrained:
        if name not in sweep.named("backbone"):
            raise InputError(f"{path}: pretrained.{name}: not in grid.backbone{nearest(name, sweep.named('backbone'))}")
    for name, target in sweep.report.targets.items():
        if name not in sweep.named("dataset"):
            raise InputError(
                f"{path}: report.targets.{name}: not in grid.dataset{nearest(name, sweep.named('dataset'))}"
            )
        if not 0 < target < 1:
            raise InputError(f"{path}: report.targets.{name}: {target:g}: a fraction between 0 and 1, such as 0.6")
    for name, data in sweep.data.items():
        _check_data(data, f"{path}: data.{name}")


def _check_data(data: DataSection, where: str) -> None:
    """Raises InputError for what its format does not have."""
    found = format_of(data)
    if (data.root is None) == (data.synthetic is None):
        raise InputError(f"{where}: give either root (a folder) or synthetic (a drawn data set)")
    if data.synthetic is not None and found.recipe is None:
        raise InputError(
            f"{where}.synthetic: nothing is drawn in the format {data.format}; give root (a folder), "
            f"or a format of these: {', '.join(drawn_formats())}"
        )
    if ("det" in data.all_boxes) != (data.detections is not None):
        raise InputError(f"{where}.detections: give the file of the boxes with bbox_source det, and only then")
    for boxes in data.all_boxes:
        if boxes not in found.box_sources:
            valid = ", ".join(found.box_sources)
            raise InputError(f"{where}.bbox_source: {data.format} has no {boxes} boxes; valid: {valid}")
    trained = {"gt" if boxes == "det" else boxes for boxes in data.all_boxes}
    if len(trained) > 1:
        raise InputError(
            f"{where}.bbox_source: {' and '.join(sorted(trained))} boxes crop people unlike each other in training "
            "too; give each a data set of its own"
        )
    if data.detections is not None and data.synthetic is not None:
        raise InputError(f"{where}.detections: only for a data set in a root folder; leave it out")


def _check_asha(sweep: SweepFile, path: Path) -> None:
    """ASHA would compare nothing by a metric that is not measured, and keep the worst by a wrong mode."""
    metric = sweep.tune.metric
    for name in sweep.named("dataset"):
        data = sweep.data[name]
        found = format_of(data)
        headline = found.headline
        families = {_family(each) for each in (headline, *found.shown, "EPE")}
        boxes, _, measured = metric.partition("/")
        if boxes != f"{data.bbox_source}box" or _family(measured) not in families:
            usual = f"{data.bbox_source}box/{headline}"
            raise InputError(f"{path}: tune.metric: {metric!r} is not measured on {name}; for example {usual!r}")
    if (sweep.tune.mode == "min") != ("/EPE" in metric):
        right = "min" if "/EPE" in metric else "max"
        raise InputError(
            f"{path}: tune.mode: {sweep.tune.mode}: of {metric} the best is the {right}; set mode: {right}"
        )


def _family(metric: str) -> str:
    """PCK of `PCK@0.2/knee`, AP of AP75."""
    return re.split(r"[@/0-9 ]", metric)[0]


def expand_path(text: str) -> Path:
    """`~` and environment variables filled in; relative paths are relative to where the command is run.

    Raises InputError naming a variable that is not set.
    """
    return Path(expand_variables(text)).expanduser().absolute()


def validated(adapter: TypeAdapter[Any], content: Any, where: str) -> Any:
    """Strictly checked content. Raises InputError: one line per problem, each with its key."""
    try:
        text = json.dumps(content, default=str)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: a key is no text, or a part holds itself ({error})") from error
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        problems = [_problem(adapter, details, where) for details in error.errors()]
        raise InputError("\n".join(problems)) from error


def _problem(adapter: TypeAdapter[Any], details: Any, where: str) -> str:
    loc = [str(part) for part in details["loc"]]
    key = ".".join(loc)
    if details["type"] == "extra_forbidden":
        return f"{where}: {key}: unknown key{nearest(loc[-1], _fields_at(adapter, loc[:-1]))}"
    if details["type"] == "missing":
        return f"{where}: {key}: missing"
    given = "" if isinstance(details["input"], dict) else f"{json.dumps(details['input'], default=str)}: "
    place = f"{where}: {key}" if key else where
    return f"{place}: {given}{details['msg'].removeprefix('Value error, ')}"


def _fields_at(adapter: TypeAdapter[Any], loc: list[str]) -> list[str]:
    """The valid keys of the section at a place in the file."""
    model: Any = adapter._type  # noqa: SLF001 (pydantic tells it nowhere else)
    for part in loc:
        models = _models_in(model)
        if not models:
            return []
        if part in models[0].model_fields:
            model = models[0].model_fields[part].annotation
    models = _models_in(model)
    return list(models[0].model_fields) if models else []


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The pydantic models an annotation may hold: itself, in a union, or as the values of a dict."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (dict, list, typing.Union, types.UnionType, Annotated):
        return [model for part in typing.get_args(annotation) for model in _models_in(part)]
    return []
