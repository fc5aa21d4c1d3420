"""The formats at the end of a command's help: asked for when the help is, as reading them all takes a second."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand


class _FormatsBelow(TyperCommand):
    """A command whose help ends with a line for each format."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.epilog = "\n\n".join(self.lines())
        super().format_help(ctx, formatter)

    def lines(self) -> Iterable[str]:
        raise NotImplementedError


class ScoreHelp(_FormatsBelow):
    """Under the help of `score`."""

    def lines(self) -> Iterable[str]:
        """What each format is scored from."""
        from heatmark.datasets.formats import FORMATS

        return (f"{name}: {each.scored_files}" for name, each in FORMATS.items())


class SynthHelp(_FormatsBelow):
    """Under the help of `data synth`."""

    def lines(self) -> Iterable[str]:
        """Where a drawn data set of each format has its annotations."""
        from heatmark.datasets.formats import FORMATS, drawn_formats

        return (f"{name}: {FORMATS[name].signs}" for name in drawn_formats())
