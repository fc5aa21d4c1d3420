"""A cell of a sweep's grid -> the trial that it is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from heatmark.datasets.formats import Format, format_of
from heatmark.foundation.errors import InputError
from heatmark.foundation.hashes import file_sha256
from heatmark.foundation.nearest import nearest
from heatmark.foundation.plug_ins import sources_of
from heatmark.foundation.section import Section
from heatmark.models.backbones import FAMILIES, family_of, parse_backbone
from heatmark.models.method import Method
from heatmark.models.methods import METHODS
from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.data_sets import data_root
from heatmark.pipeline.site import stage_of
from heatmark.pipeline.sweep import (
    Grid,
    PretrainedSection,
    SweepFile,
    expand_path,
    validated,
)
from heatmark.workloads.runtime import RunSettings, RuntimeSpec
from heatmark.workloads.spec import DataSettings, DataSpec, PlugInUse, PretrainedSpec, TrainSpec, TrialSpec, in_space


def cells_of(grids: Sequence[Grid]) -> Iterator[dict[str, Any]]:
    """The cells of all grids, by axis."""
    # The seed varies slowest, so that a first answer for every method comes early.
    cells = [dict(zip(grid, values, strict=True)) for grid in grids for values in itertools.product(*grid.values())]
    seeds = list(dict.fromkeys(str(cell.get("seed", 0)) for cell in cells))
    yield from sorted(cells, key=lambda cell: seeds.index(str(cell.get("seed", 0))))


def weights_of(backbone: str, section: PretrainedSection, source: Path) -> PretrainedSpec:
    """What a file of first weights is. Raises InputError for one that is not there or no good."""
    path = expand_path(section.file)
    if not path.is_file():
        raise InputError(f"{source}: pretrained.{backbone}.file: {path}: no such file; download it and give its path")
    if find_spec("torch"):  # else the first job says what is wrong with it
        from heatmark.models.weights import WeightsError, read_checkpoint

        try:
            read_checkpoint(path, container=section.container)
        except WeightsError as error:
            raise InputError(f"{source}: pretrained.{backbone}: {error}") from error
    return PretrainedSpec(sha256=file_sha256(path), channels=section.channels, container=section.container)


def _weights_file(sweep: SweepFile, backbone: str) -> str | None:
    section = sweep.pretrained.get(backbone)
    return str(expand_path(section.file)) if section else None


def trial_of(
    sweep: SweepFile,
    cell: dict[str, Any],
    prints: dict[str, str],
    weights: dict[str, PretrainedSpec],
    source: Path,
) -> TrialSpec:
    """The trial of one cell, every default written out. prints: the data sets' fingerprints. Raises InputError."""
    train_axes = {axis: value for axis, value in cell.items() if axis in TrainSpec.model_fields}
    content = sweep.train.model_dump(mode="json") | train_axes
    train: TrainSpec = validated(
        TypeAdapter(TrainSpec), content, f"{source}: grid" if train_axes else f"{source}: train"
    )
    try:
        parse_backbone(str(cell["backbone"]))
    except ValueError as error:
        raise InputError(f"{source}: grid.backbone: {error}") from error
    seed = cell.get("seed", 0)
    if type(seed) is not int or not 0 <= seed < 2**63:
        raise InputError(f"{source}: grid.seed: {seed!r}: must be an integer from 0 to 2**63 - 1")
    _check_trial(sweep, cell, train, weights, source)
    data = sweep.data[cell["dataset"]]
    cluster = sweep.cluster
    stage = stage_of(cluster)
    tar = stage.tars.get(cell["dataset"]) if stage else None
    shared = _shared(DataSettings, data)
    if not format_of(data).mirrors:
        # Which joint is which in a mirror is not known: told with the skeleton (data_notes).
        shared["flip"], train = 0.0, train.model_copy(update={"flip_test": False})
    method = _method(cell, source).resolved(train.epochs)
    return TrialSpec(
        method=method,
        backbone=cell["backbone"],
        data=validated(
            TypeAdapter(DataSpec),
            {"name": cell["dataset"], "fingerprint": prints[cell["dataset"]], **shared},
            f"{source}: data.{cell['dataset']}",
        ),
        train=train.resolved(),
        pretrained=weights.get(cell["backbone"]),
        seed=seed,
        plugins=_plug_ins(method, cell["backbone"], format_of(data)),
        runtime=RuntimeSpec(
            data_root=str(data_root(data)),
            detections=str(expand_path(data.detections)) if data.bbox_source == "det" and data.detections else None,
            pretrained=_weights_file(sweep, cell["backbone"]),
            stage=_path_in_job(cluster, stage.to) if stage else None,
            stage_tar=str(expand_path(tar)) if tar is not None else None,
            **{
                **_shared(RunSettings, cluster),
                "threads": cluster.threads or cluster.kind.threads_per_rank(cluster),
                "image_cache": _path_in_job(cluster, cluster.image_cache),
            },
        ),
    )


def _plug_ins(method: Method, backbone: str, of_data: Format) -> tuple[PlugInUse, ...]:
    """What of a trial is no part of heatmark itself."""
    family = FAMILIES[str(family_of(backbone))]
    parts: tuple[tuple[Literal["method", "backbone", "format"], type, str], ...] = (
        ("method", type(method), method.label),
        ("backbone", type(family), ""),
        ("format", type(of_data), ""),
    )
    return tuple(
        PlugInUse(of=part, name=each.name, sha256=each.sha256, installed=each.installed, label=label)
        for part, kind, label in parts
        for each in sources_of(kind)
    )


def _check_trial(
    sweep: SweepFile, cell: dict[str, Any], train: TrainSpec, weights: dict[str, PretrainedSpec], source: Path
) -> None:
    """Raises InputError for what cannot be trained so."""
    data, cluster = sweep.data[cell["dataset"]], sweep.cluster
    if train.depth and not format_of(data).in_space:
        raise InputError(
            f"{source}: train.depth: {cell['dataset']} is {data.format}, whose joints are not in 3D; "
            f"use it with {', '.join(in_space())} or leave it out"
        )
    if train.batch_size % (cluster.nodes * cluster.ranks):
        raise InputError(
            f"{source}: train.batch_size: {train.batch_size} people cannot be shared equally by "
            f"{cluster.nodes * cluster.ranks} ranks; choose a multiple of cluster.nodes x cluster.ranks"
        )
    if train.epochs == 0 and cell["backbone"] not in weights:
        raise InputError(
            f"{source}: train.epochs: 0 measures published weights as they are; give the file of {cell['backbone']}'s "
            f"under pretrained, or train"
        )


def _path_in_job(cluster: ClusterSection, path: str | None) -> str | None:
    """A path on a node: its variables are filled in there, where that is another machine than this one."""
    if path is None:
        return None
    of_node = cluster.kind.elsewhere and path.startswith(("$", "~", "/"))
    return path if of_node else str(expand_path(path))


def _shared(part: type[Section], section: Section) -> dict[str, Any]:
    """What a section of the file says of the fields that a trial's spec has as well."""
    return section.model_dump(mode="json", include=set(part.model_fields))


def _method(cell: dict[str, Any], source: Path) -> Method:
    """The method of a cell: its name or its mapping, and the axes that are fields of it."""
    given = cell["method"]
    fields = dict(given) if isinstance(given, dict) else {"name": given}
    name = fields.get("name")
    if not isinstance(name, str) or name not in METHODS:
        raise InputError(f"{source}: grid.method: {name!r} is no method{nearest(str(name), METHODS)}")
    kind = METHODS[name]
    for axis, value in cell.items():
        if axis in kind.model_fields and axis not in fields:
            fields[axis] = value
    method: Method = validated(TypeAdapter(kind), fields, f"{source}: grid ({name})")
    return method
