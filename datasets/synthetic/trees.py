"""The formats that drawn data sets are written in. The ONE place to add one."""

from __future__ import annotations

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco
from heatmark.datasets.synthetic.lspet_tree import SyntheticLspet
from heatmark.datasets.synthetic.mpii_tree import SyntheticMpii
from heatmark.datasets.synthetic.recipe import Recipe
from heatmark.datasets.synthetic.rhd_tree import SyntheticRhd
from heatmark.foundation.errors import InputError

TREES: dict[str, type[Recipe]] = {
    each.format: each for each in (SyntheticCoco, SyntheticMpii, SyntheticLspet, SyntheticRhd)
}


def make_recipe(format: str, people_train: int, people_val: int, seed: int) -> Recipe:
    """The recipe of a tree in a native format; InputError for a format that nothing is drawn in."""
    if format not in TREES:
        raise InputError(f"synthetic {format}: nothing is drawn in this format; valid: {', '.join(TREES)}")
    return TREES[format](people_train, people_val, seed)
