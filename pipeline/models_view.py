"""The table of `heatmark models`: what each backbone costs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from heatmark.foundation.errors import InputError
from heatmark.models.backbones import published
from heatmark.models.methods import METHODS


def costs(names: list[str], joints: int, input_size: str, method: str = "detection") -> dict[str, dict[str, Any]]:
    """Parameters, true multiply-adds and papers' GFLOPs by backbone. No name: the published nets.

    method: by its name, whose maps and layers are counted with them.
    """
    from heatmark.models.cost import cost_of

    size = _size(input_size)
    try:
        kind = METHODS.named(method)
        return {name: asdict(cost_of(name, joints, size, kind())) for name in names or published()}
    except ValueError as error:
        raise InputError(f"models: {error}") from error


def print_costs(found: dict[str, dict[str, Any]], console: Console) -> None:
    """A table of backbones. found: by name, as heatmark models --json has it."""
    table = Table("backbone", caption="GMAC: true multiply-adds. Paper GFLOPs: as SBL, HRNet and BCIR print them.")
    for heading in ("parameters", "GMAC", "paper GFLOPs"):
        table.add_column(heading, justify="right")
    for name, cost in found.items():
        table.add_row(name, f"{cost['parameters']:,}", f"{cost['gmac']:.3f}", f"{cost['paper_gflops']:.2f}")
    console.print(table)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)) or (int(width) | int(height)) % 32:
        raise InputError(f"--input-size {text}: write WIDTHxHEIGHT in multiples of 32, for example 192x256")
    return int(width), int(height)
