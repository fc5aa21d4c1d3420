"""In what a trial of ours was trained otherwise than the paper's: short remarks, for a row of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from heatmark.reports.comparing.nearest import unusual_fields
from heatmark.reports.paper.printed import PaperRow, paper_recipes
from heatmark.workloads.spec import PretrainedSpec, TrialSpec

IMAGENET, RANDOM = "ImageNet's", "random"
# What remarks call the settings of a recipe.
TITLES = {
    "weights": "first weights",
    "lr": "learning rate",
    "lr_gamma": "learning rate's decay",
    "batch_size": "batch",
    "gradient_clipping": "gradient clipping",
    "t_o": "T_o",
    "sigma": "σ",
    "scale": "scaling",
    "half_body": "half bodies",
    "flip": "mirroring",
    "flip_test": "flip test",
    "max_people": "training people",
}
# What holds for every recipe of the paper.
ALWAYS: Mapping[str, Any] = {
    **{"weights": IMAGENET, "lr_gamma": 0.1, "precision": "fp32", "max_people": 0},
    **{"padding": 1.25, "flip": 0.5, "shift": 0},
}
TRAIN = ("epochs", "lr", "lr_gamma", "batch_size", "gradient_clipping", "flip_test", "precision", "max_people")
CROPS = ("augmentation", "scale", "rotation", "half_body", "flip", "shift", "padding", "geometry")


def differences(spec: TrialSpec, row: PaperRow) -> tuple[str, ...]:
    """Setting by setting ours and in brackets the paper's: `epochs 8 (140)`. row: whose recipe it is."""
    if not row.recipe:
        return ()
    recipe = {**ALWAYS, **paper_recipes().settings[row.recipe]}
    ours = dict(_settings(spec))
    # What a row is about is no matter of the recipe.
    about = {"t_o": row.prior == "always", "sigma": row.sigma is not None}
    unlike = [name for name, value in recipe.items() if name in ours and ours[name] != value and not about.get(name)]
    found = [f"{TITLES.get(name, name)} {_said(name, ours[name])} ({_said(name, recipe[name])})" for name in unlike]
    kind = type(spec.method).model_fields
    for name in unusual_fields(spec.method):
        if name not in recipe:
            found.append(f"{name} {getattr(spec.method, name)} ({kind[name].default})")
    return tuple(found)


def recipe_note(found: tuple[str, ...]) -> str:
    """As one sentence; empty where there is none."""
    return f"Recipe, in brackets the paper's: {', '.join(found)}." if found else ""


def whose_weights(backbone: str, pretrained: PretrainedSpec | None) -> str:
    """`random`, `ImageNet's` where the file is the one of the paper's recipe, else the file's hash."""
    if pretrained is None:
        return RANDOM
    known = paper_recipes().weights.get(backbone)
    return IMAGENET if known and pretrained.sha256.startswith(known) else f"sha256 {pretrained.sha256[:8]}"


def _settings(spec: TrialSpec) -> Iterator[tuple[str, Any]]:
    """Everything that a recipe may fix, by the name that it has there."""
    yield "weights", whose_weights(spec.backbone, spec.pretrained)
    train, data = spec.train.resolved(), spec.data
    for name in TRAIN:
        yield name, getattr(train, name)
    yield "milestones", list(train.milestones or ())
    for name in CROPS:
        yield name, getattr(data, name)
    for name in ("t_o", "sigma"):
        if hasattr(spec.method, name):
            yield name, getattr(spec.method, name)


def _said(name: str, value: Any) -> str:
    if name == "max_people":
        return f"{value:,}" if value else "all"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " and ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float | int) else "never ends" if value is None else str(value)
