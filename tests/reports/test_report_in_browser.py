"""report.html in a real browser, opened from disk: tables sort, curves show, nothing is fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import chromium, evaluated

SCRIPT = """
const table = document.getElementById("accuracy");
const headers = [...table.querySelectorAll("thead th")];
const column = headers.findIndex((header) => header.textContent.startsWith("EPE"));
const shown = (place) => [...table.tBodies[0].rows].map((row) => row.cells[place].childNodes[0].textContent.trim());
const press = (place) => { headers[place].querySelector("button").click(); return headers[place].ariaSort; };
const button = headers[column].querySelector("button");
button.focus();
const drawings = [...document.querySelectorAll("figure svg")];
const found = {
  before: shown(column),
  sorts: [press(column), shown(column), press(column), shown(column)],
  methods: [press(0), shown(0), headers[column].ariaSort],
  focused: document.activeElement === button && button.tabIndex === 0,
  drawings: drawings.map((svg) => ({
    width: svg.getBoundingClientRect().width,
    paths: [...svg.querySelectorAll("path")].filter((path) => path.getTotalLength() > 0).length,
    label: svg.getAttribute("aria-label"),
  })),
  words: [...document.querySelectorAll("figure svg .point title")].map((title) => title.textContent),
  hit: (() => {
    const circle = document.querySelector("figure svg .point");
    circle.scrollIntoView({block: "center"});
    const box = circle.getBoundingClientRect();
    const at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return at.classList.contains("point");
  })(),
  ids: [...document.querySelectorAll("[id]")].map((element) => element.id),
  fetched: performance.getEntriesByType("resource").map((entry) => entry.name)
    .filter((name) => !name.startsWith("data:")),
};
"""


@pytest.mark.slow
def test_tables_sort_and_curves_show(reported: Path, tmp_path: Path) -> None:
    chromium()
    found = evaluated(reported / "report.html", SCRIPT, tmp_path / "browser")
    up, ascending, down, descending = found["sorts"]
    assert (up, down) == ("ascending", "descending") and len(ascending) == 5
    assert [float(value) for value in ascending] == sorted(map(float, found["before"]))
    assert descending == ascending[::-1]
    state, methods, other = found["methods"]
    assert state == "ascending" and methods == sorted(methods) and other is None
    assert found["focused"] and found["hit"] and found["fetched"] == []
    # The two of the convergence section and the paper's.
    assert len(found["drawings"]) > 6
    assert all(each["width"] > 100 and each["paths"] > 10 and each["label"] for each in found["drawings"])
    assert "IPR β 10, seed 0, epoch 12: 62.7 %" in found["words"]
    assert len(found["ids"]) == len(set(found["ids"]))
