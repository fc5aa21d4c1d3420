"""A method has one colour, its own: whichever methods there are besides, and as many as there may be."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import pytest

from heatmark.models.method import HeatmapRegression
from heatmark.models.methods import METHODS, register
from heatmark.reports.rendering.method_colors import method_color

PUBLISHED = {
    **{"detection": "#0072B2", "ipr": "#D55E00", "bcir": "#009E73", "ipr+l_reg": "#CC79A7", "ipr+l_de": "#E69F00"},
    **{"ipr+debias": "#56B4E9", "dark": "#4B2E83", "udp": "#7A5230", "dsnt": "#5A626C", "rle": "#000000"},
}


@pytest.fixture(autouse=True)
def two_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """An eleventh and a twelfth method, of which neither names a colour."""
    list(METHODS)
    monkeypatch.setattr(METHODS, "_items", dict(METHODS._items))

    @register
    class Eleventh(HeatmapRegression):
        label: ClassVar[str] = "Eleventh"
        name: Literal["eleventh"] = "eleventh"

    @register
    class Twelfth(HeatmapRegression):
        label: ClassVar[str] = "Twelfth"
        name: Literal["twelfth"] = "twelfth"


def test_the_colours_of_reports_stay_what_they_are() -> None:
    assert {name: method_color(name) for name in PUBLISHED} == PUBLISHED


def test_a_method_without_a_colour_is_given_one_that_nobody_has() -> None:
    found = [bytes.fromhex(method_color(name)[1:]) for name in ("eleventh", "twelfth")]
    for color in found:
        assert all(math.dist(color, bytes.fromhex(other[1:])) > 45 for other in PUBLISHED.values())
    assert math.dist(*found) > 45


def test_its_colour_does_not_hang_on_the_other_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    before = method_color("twelfth")
    monkeypatch.delitem(METHODS._items, "eleventh")
    assert method_color("twelfth") == before
