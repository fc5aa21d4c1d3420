"""What may stand in a skeleton's file, and the skeletons that are shipped."""

from __future__ import annotations

import inspect

from heatmark.datasets import skeletons
from heatmark.datasets.skeletons import shipped, shipped_names
from heatmark.pipeline.manual.text import page, table


def skeletons_page() -> str:
    """Of the YAML files in datasets/skeletons/ and of one's own."""
    rows = []
    for name in shipped_names():
        found = shipped(name)
        sigmas = "of its own" if found.sigmas else "none"
        rows.append((f"`{name}`", str(len(found.joints)), str(len(found.swaps)), sigmas))
    return page(
        "Skeletons",
        inspect.cleandoc(skeletons.__doc__ or ""),
        "## Shipped",
        "`heatmark data skeleton NAME` prints one, with `--out FILE.png` it draws it.",
        table(("Name", "Joints", "Pairs", "Sigmas"), rows),
    )
