"""report.html as people use it in a real browser: filtered, by keyboard, read by a screen reader, printed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heatmark.models.methods import BiasCompensated, Detection
from heatmark.reports.build import build_report
from tests.browser import chromium
from tests.browser_session import Session
from tests.made_up import made_spec
from tests.reports.judged import PEOPLE, Replay
from tests.reports.recorded import with_errors, write_records

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SHOWN = "(element) => element !== null && element.getClientRects().length > 0"
TEXTS = "(row) => [...row.cells].map((cell) => cell.textContent)"
ROWS = f"[...document.querySelectorAll('#accuracy tbody tr')].filter({SHOWN}).map({TEXTS})"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory, replay: Replay) -> Path:
    """Two methods on two data sets with two backbones."""
    chromium()
    folder = tmp_path_factory.mktemp("filtered") / "many cells"
    specs = []
    for method in (Detection(), BiasCompensated(beta=10.0, t_o=10)):
        for name in ("streets", "beaches & dunes"):
            for backbone in ("sbl-r18-w16", "hrnet-w8"):
                data = {"name": name, "input_size": [192, 256]}
                specs.append(made_spec(method, 0, backbone, data=data, train={"epochs": 12}))
    for rank, spec in enumerate(specs):
        run = replay["write_spec"](folder, spec)
        replay["write_result"](run, replay["write_epochs"](run, rank % 3))
        write_records(run.path, with_errors(PEOPLE, 3.0 + rank / 10))
        run.log.mkdir()
    replay["write_plan"](folder, specs)
    build_report(folder)
    return folder


@pytest.fixture
def page(sweep: Path, tmp_path: Path) -> Iterator[Session]:
    with Session(tmp_path) as session:
        session.open((sweep / "report.html").as_uri())
        yield session


def choose(page: Session, kind: str, *values: str) -> None:
    """As clicks on the boxes do."""
    page.evaluate(
        f"[...document.querySelectorAll('#filter input[name={kind}]')].filter((box) => "
        f"box.checked !== {list(values)!r}.includes(box.labels[0].innerText.trim())).forEach((box) => box.click())"
    )


def titles(page: Session) -> list[str]:
    return [
        str(each)
        for each in page.evaluate(f"[...document.querySelectorAll('h3')].filter({SHOWN}).map((h) => h.textContent)")
    ]


def test_a_filter_goes_through_tables_and_figures(page: Session) -> None:
    assert len(page.evaluate(ROWS)) == 8
    choose(page, "method", "BCIR")
    rows = page.evaluate(ROWS)
    assert len(rows) == 4 and {row[0] for row in rows} == {"BCIR"}
    # In drawings the lines of the others and what stands for them in the legend.
    drawn = page.evaluate(f"""(() => {{
      const marks = [...document.querySelectorAll('figure svg [data-method]')];
      const of = (number) => marks.filter((mark) => mark.dataset.method === number);
      return [of('0'), of('1')].map((own) => [own.length, own.filter({SHOWN}).length]);
    }})()""")
    (detections, detections_shown), (bcirs, bcirs_shown) = drawn
    assert detections > 50 and detections_shown == 0 and bcirs > 50 and bcirs_shown > 0.9 * bcirs
    choose(page, "dataset", "beaches & dunes")
    assert len(page.evaluate(ROWS)) == 2
    assert not any("streets" in title for title in titles(page)) and any("beaches" in title for title in titles(page))
    choose(page, "backbone", "hrnet-w8")
    (row,) = page.evaluate(ROWS)
    assert "hrnet-w8" in row and "beaches & dunes" in row
    told = page.evaluate("document.querySelector('#filter output').textContent")
    assert re.fullmatch(r"\d+ of \d+ rows of tables are shown\.", told)
    page.evaluate("document.querySelector('#filter button[type=reset]').click()")
    page.evaluate("new Promise((done) => setTimeout(done, 50))")
    assert len(page.evaluate(ROWS)) == 8 and page.evaluate("document.querySelectorAll('.off').length") == 0
    assert page.evaluate("document.querySelector('#filter output').textContent") == ""


def test_what_nothing_is_left_of_says_so(page: Session) -> None:
    choose(page, "method")
    assert page.evaluate(ROWS) == []
    none = "document.querySelector('#accuracy').closest('.wide').nextElementSibling"
    assert page.evaluate(f"[{none}.hidden, {none}.textContent]") == [False, "No row is about what is chosen."]


def test_the_keyboard_is_enough(page: Session) -> None:
    page.press("Tab")
    skip = "[document.activeElement.className, document.activeElement.getBoundingClientRect().left >= 0]"
    assert page.evaluate(skip) == ["skip", True]
    page.press("Tab")
    first = page.evaluate("[document.activeElement.name, document.activeElement.labels[0].innerText.trim()]")
    assert first == ["method", "Detection"]
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate("document.activeElement.matches(':focus-visible')") and page.evaluate(outline) == "solid"
    page.press("Space")
    assert {row[0] for row in page.evaluate(ROWS)} == {"BCIR"}
    # On to a header of a table, which Enter sorts by.
    page.evaluate("document.querySelector('#accuracy th button').focus()")
    page.press("Enter")
    assert page.evaluate("document.querySelector('#accuracy th').ariaSort") == "ascending"
    # And a fold.
    page.evaluate("document.querySelector('details.how summary').focus()")
    page.press("Enter")
    assert page.evaluate("document.querySelector('details.how').open")
    # Whatever can be clicked can be reached.
    assert page.evaluate(
        "[...document.querySelectorAll('a, button, input, summary')].every((each) => each.tabIndex === 0)"
    )


def names(page: Session) -> list[tuple[str, str]]:
    """Role and name of everything that a screen reader is told of."""
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    told: list[tuple[str, str]] = []
    for node in nodes:
        if not node.get("ignored"):
            value: Any = node.get("name", {}).get("value", "")
            told.append((node["role"]["value"], str(value)))
    return told


def until_laid_out(page: Session) -> None:
    """What is far below is laid out after the page was loaded."""
    page.evaluate(
        "new Promise((done) => { const look = () => [...document.querySelectorAll('figure, .wide')].every((each) => "
        "getComputedStyle(each).contentVisibility === 'visible') ? done() : setTimeout(look, 20); look(); })"
    )


def test_a_screen_reader_finds_its_way(page: Session) -> None:
    until_laid_out(page)
    found = names(page)
    roles = [role for role, _ in found]
    shown = "[...document.querySelectorAll('main table, main svg')].filter((each) => !each.closest('details')).length"
    assert roles.count("table") + roles.count("image") + roles.count("img") == page.evaluate(shown)
    assert {"banner", "main", "navigation", "contentinfo", "form", "region"} <= set(roles)
    assert ("form", "Show only") in found and ("group", "Method") in found and ("checkbox", "BCIR") in found
    assert ("heading", "In short") in found and ("region", "In short") in found
    # Everything that is operated or looked at has a name.
    nameless = [
        role for role, name in found if role in ("button", "link", "checkbox", "img", "table", "heading") and not name
    ]
    assert nameless == []
    links = [name for role, name in found if role == "link" and name.startswith("folder of ")]
    page.evaluate("[...document.querySelectorAll('details')].forEach((fold) => { fold.open = true; })")
    links = [name for role, name in names(page) if role == "link" and name.startswith("folder of ")]
    assert len(links) == len(set(links)) == 8
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((heading) => Number(heading.tagName[1]))")
    assert levels.count(1) == 1 and all(after - before <= 1 for before, after in itertools.pairwise(levels))
    scopes = page.evaluate(
        "[...document.querySelectorAll('table')].every((table) => [...table.querySelectorAll('th')].every((th) => "
        "['row', 'col'].includes(th.scope)) && (table.caption || table.className === 'facts'))"
    )
    assert scopes and page.evaluate("document.documentElement.lang") == "en"


def test_links_lead_to_every_trials_folder_and_log(page: Session, sweep: Path) -> None:
    addresses = page.evaluate("[...document.querySelectorAll('#trials a')].map((link) => link.href)")
    runs = [path.parent for path in sweep.glob("*/spec.json")]
    assert sorted(addresses) == sorted(f"{path.as_uri()}/" for run in runs for path in (run, run / "log"))


def test_on_paper_there_is_no_filter_and_every_table_is_explained(page: Session) -> None:
    assert page.printed().startswith(b"%PDF")
    page.send("Emulation.setEmulatedMedia", media="print")
    assert (
        page.evaluate(
            "['#filter', 'nav', '.skip'].map((each) => getComputedStyle(document.querySelector(each)).display)"
        )
        == ["none"] * 3
    )
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("[...document.querySelectorAll('details.how')].every((fold) => fold.open)")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("[...document.querySelectorAll('details.how')].every((fold) => !fold.open)")


def test_without_a_script_everything_is_there(sweep: Path) -> None:
    """The filter shows itself only where it works."""
    text = (sweep / "report.html").read_text()
    assert '<form id="filter" hidden' in text and "beaches &amp; dunes" in text and text.count("<script>") == 1
    assert "off" not in re.findall(r'class="([^"]*)"', text)
