"""The names of backbones and what each stands for: one family in one file of this folder. Imports no torch.

A new one is such a file, with a class under `@register`, and needs no other change. The nets themselves are in models/.
"""

from heatmark.models.backbones.family import (
    BACKBONE_NAMES,
    FAMILIES,
    BackboneName,
    Family,
    KnownBackbone,
    family_of,
    parse_backbone,
    published,
    register,
)

__all__ = [
    "BACKBONE_NAMES",
    "FAMILIES",
    "BackboneName",
    "Family",
    "KnownBackbone",
    "family_of",
    "parse_backbone",
    "published",
    "register",
]
