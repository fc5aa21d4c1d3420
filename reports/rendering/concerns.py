"""What a row, a column or a figure is about: what the page's filter goes by. What is named nowhere is about all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Concerns:
    """methods: their labels, `BCIR`. datasets, backbones: their names. Empty where it is about none in particular."""

    methods: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    backbones: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether it names anything."""
        return bool(self.methods or self.datasets or self.backbones)


EVERYTHING = Concerns()
