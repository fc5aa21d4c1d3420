"""What a sweep file says of a data set: where it is, or how it is drawn, and what tells it from others."""

from __future__ import annotations

from pathlib import Path

from heatmark.datasets.formats import format_of
from heatmark.datasets.synthetic.recipe import Recipe
from heatmark.pipeline.sweep import (
    DataSection,
    expand_path,
)


def data_root(data: DataSection) -> Path:
    """Where a data set is, or where it is drawn to."""
    if data.root is not None:
        return expand_path(data.root)
    assert data.synthetic is not None
    return expand_path("data/synthetic") / recipe_of(data).fingerprint()


def recipe_of(data: DataSection) -> Recipe:
    """How a drawn data set is drawn."""
    drawn = data.synthetic
    assert drawn is not None
    recipe = format_of(data).drawn(drawn.people_train, drawn.people_val, drawn.seed)
    assert recipe is not None, "checked with the file"
    return recipe


def resolved_data(data: DataSection) -> DataSection:
    """With all that its files tell written out: the trials know a skeleton and not where it came from."""
    found = format_of(data).resolved(None if data.synthetic is not None else data_root(data), data.keypoints)
    return data.model_copy(update={"keypoints": found})


def data_fingerprint(data: DataSection) -> str:
    """What tells its annotations and images from others; of a drawn one its recipe."""
    if data.synthetic is not None:
        return recipe_of(data).fingerprint()
    return format_of(data).fingerprint(data_root(data))
