"""The configuration: every field says what it is, and what several sections share is written once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from heatmark.datasets.crop_settings import CropSettings
from heatmark.foundation.section import Section
from heatmark.models.methods import METHODS
from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.site import Site
from heatmark.pipeline.site_settings import SiteQuestion
from heatmark.pipeline.sweep import DataSection, SweepFile
from heatmark.workloads.runtime import RunSettings, RuntimeSpec
from heatmark.workloads.spec import DataSpec, TrialSpec


def sections() -> Iterator[type[BaseModel]]:
    """Everything that a sweep file, a site file or a spec may hold."""
    assert {SweepFile, Site, SiteQuestion, TrialSpec} <= set(Section.__subclasses__()) | {Site}
    waiting: list[type[BaseModel]] = [Section, *METHODS.values()]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("heatmark."):
            yield kind


@pytest.mark.parametrize("kind", sorted(set(sections()), key=str))
def test_every_field_says_what_it_is(kind: type[BaseModel]) -> None:
    silent = [name for name, field in kind.model_fields.items() if name != "name" and not field.description]
    assert not silent
    for name, field in kind.model_fields.items():
        words = field.description or "A name."
        assert words[0].isupper() or words.startswith("`") or words.startswith("sbatch's"), name
        assert words.endswith("."), name


def test_what_sections_share_is_the_same_field() -> None:
    for shared, kinds in ((CropSettings, (DataSection, DataSpec)), (RunSettings, (ClusterSection, RuntimeSpec))):
        for kind in kinds:
            assert issubclass(kind, shared)
            own = set(kind.__annotations__) & set(shared.model_fields)
            assert own <= {"threads"}, f"{kind.__qualname__} writes {own} again"
