"""The first page: what a person in a hurry is told, honest whatever there is to tell of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from heatmark.models.methods import BiasCompensated, Detection, IntegralRegression
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import collect
from heatmark.reports.rendering.document import Answers, Document, Words
from heatmark.reports.rendering.note import note
from heatmark.reports.sections.document import assemble
from heatmark.reports.sections.in_short import InShort
from tests.made_up import fail
from tests.reports.judged import BCIR, DETECTION, IPR, PEOPLE, Replay, write_trial
from tests.reports.recorded import with_errors, write_records

QUESTIONS = ("Which read-out?", "By how much?", "How sure?", "At what cost?", "What would change it?")


def answers(sweep: Path) -> list[Answers]:
    return [block for block in InShort().blocks(Study(collect(sweep))) if isinstance(block, Answers)]


def answer(sweep: Path) -> dict[str, str]:
    (found,) = answers(sweep)
    return dict(found.rows)


@pytest.fixture(scope="module")
def clear(tmp_path_factory: pytest.TempPathFactory, replay: Replay) -> Path:
    """Five seeds of three methods: BCIR is ahead in every one, detection learns fastest."""
    sweep = tmp_path_factory.mktemp("clear")
    for seed in range(5):
        for method, scale, rank in ((DETECTION, 4.0, 0), (IPR, 4.3, 6), (BCIR, 3.4, 2)):
            run = write_trial(sweep, replay, method, with_errors(PEOPLE, scale, seed), seed, rank)
            if method is IPR:
                replay["write_result"](run, {"gtbox/AP": 0.58, "gtbox/EPE": 4.3})
    return sweep


def test_a_clear_winner_is_named_with_its_numbers(clear: Path) -> None:
    told = answer(clear)
    assert tuple(told) == QUESTIONS
    # AP of rank 2 after 12 epochs is 0.66 (1 - exp(-3)) = 0.6271, of rank 0 0.6 (1 - exp(-6)) = 0.5985, or 59.9 %.
    assert told["Which read-out?"].startswith("BCIR β 10. Clearly behind are ")
    assert told["By how much?"].startswith("AP 62.7 %, 2.9 points better than the next, Detection (59.9 %). EPE ")
    assert told["How sure?"].startswith("Sure: over 5 seeds of each and 300 people the difference lies between ")
    assert "no seed says otherwise" in told["How sure?"] and "p < 0.001" in told["How sure?"]
    # 95.25 s of one process; detection grows as 1 - exp(-e/2), BCIR as 1 - exp(-e/4): 80 % of the end at 4 and 6.
    assert told["At what cost?"] == (
        "BCIR β 10: 0.026 h per trial, 80 % of its final AP after 6 epochs. "
        "Detection: 0.026 h per trial, 80 % of its final AP after 4 epochs."
    )
    assert "Less training: after 6 of 12 epochs Detection was ahead." in told["What would change it?"]
    assert told["What would change it?"].endswith("Nothing here tells of other data or of more than 12 epochs.")


def test_one_seed_claims_nothing(tmp_path: Path, replay: Replay) -> None:
    for rank, (method, scale) in enumerate(((DETECTION, 4.0), (IPR, 3.0))):
        write_trial(tmp_path, replay, method, with_errors(PEOPLE, scale), rank=rank)
    told = answer(tmp_path)
    assert told["Which read-out?"].startswith("Too early to say. ")
    assert told["How sure?"].startswith("Not known: with 1 seed of each") and "3 or more" in told["How sure?"]
    assert "of the 300 people goes, the difference lies between" in told["How sure?"]
    assert told["What would change it?"].startswith('More seeds: "seed: [0, 1, 2]" in the sweep\'s grid.')
    (figure,) = assemble(Study(collect(tmp_path))).section("In short").figures
    assert "one seed each, so without bands" in figure.caption


def test_equals_are_not_told_apart(tmp_path: Path, replay: Replay) -> None:
    """Two methods whose seeds scatter more than they differ."""
    for seed, scales in enumerate(((4.0, 3.6), (3.5, 4.1), (4.2, 3.9), (3.8, 4.0))):
        for rank, (method, scale) in enumerate(zip((DETECTION, IPR), scales, strict=True)):
            write_trial(tmp_path, replay, method, with_errors(PEOPLE, scale, 10 * rank + seed), seed, rank)
    told = answer(tmp_path)
    assert re.match(r"No single one: .* is ahead in the mean, but .* cannot be told from it\.", told["Which read-out?"])
    assert told["How sure?"].startswith("Not sure: over 4 seeds of each")
    assert "would settle it" in told["What would change it?"] or "More images" in told["What would change it?"]


def test_without_records_the_order_is_that_of_the_means(tmp_path: Path, replay: Replay) -> None:
    for rank, method in enumerate((DETECTION, IPR)):
        write_trial(tmp_path, replay, method, None, rank=rank)
    told = answer(tmp_path)
    assert told["Which read-out?"].startswith("Not known. ")
    assert told["How sure?"].startswith("Not known: the evaluation records of the two")


def test_one_method_has_nothing_to_be_compared_with(tmp_path: Path, replay: Replay) -> None:
    write_trial(tmp_path, replay, DETECTION, with_errors(PEOPLE, 4.0))
    told = answer(tmp_path)
    assert told["Which read-out?"].startswith("Detection. No other cell has a result")
    assert told["How sure?"] == "There is nothing to compare it with."
    assert told["By how much?"].startswith("AP 59.9 %. EPE ")


def test_two_of_the_same_accuracy_are_level(tmp_path: Path, replay: Replay) -> None:
    for method in (DETECTION, IPR):
        write_trial(tmp_path, replay, method, with_errors(PEOPLE, 4.0))
    told = answer(tmp_path)
    assert told["Which read-out?"] == "Detection or IPR β 10: they are level."
    assert told["By how much?"].startswith("AP 59.9 %, as IPR β 10.")


def test_no_finished_trial_gives_no_answer(tmp_path: Path, replay: Replay) -> None:
    replay["write_plan"](tmp_path, [replay["trial_spec"](each, tmp_path) for each in (Detection(), IPR)])
    failed = replay["write_spec"](tmp_path, replay["trial_spec"](Detection(), tmp_path))
    fail(failed, "crash", "broken", time="2026-03-04T09:00:00.000Z")
    assert answer(tmp_path) == {
        "Which read-out?": "No answer yet: no trial has finished.",
        "What would change it?": "Trials that finish: 2 are planned; 1 failed, and the end of this report says why.",
    }
    replay["write_epochs"](failed, 0, count=3)
    (figure,) = assemble(Study(collect(tmp_path))).section("In short").figures
    assert figure.svg.startswith("<?xml") and "drawn, sbl-r18-w16, GT boxes" in figure.caption


def test_a_sweep_without_cells_says_so(tmp_path: Path, replay: Replay) -> None:
    replay["write_plan"](tmp_path, [])
    assert answer(tmp_path)["What would change it?"] == "A grid with trials: this sweep has none."


def test_failed_trials_are_told_beside_the_answer(tmp_path: Path, replay: Replay) -> None:
    for rank, method in enumerate((DETECTION, IPR)):
        write_trial(tmp_path, replay, method, with_errors(PEOPLE, 4.0 - rank), rank=rank)
    run = replay["write_spec"](tmp_path, replay["trial_spec"](DETECTION, tmp_path / "gone", 1))
    fail(run, "crash", "broken", time="2026-03-04T09:00:00.000Z")
    assert "1 trial here has no result (1 failed)." in answer(tmp_path)["What would change it?"]


def test_every_data_set_has_its_answer_and_other_backbones_are_told(tmp_path: Path, replay: Replay) -> None:
    for name, best in (("streets", DETECTION), ("beaches", IPR), ("woods", BCIR)):
        for method in (DETECTION, IPR, BCIR):
            spec = replay["trial_spec"](method, tmp_path / "gone", name=name)
            run = replay["write_spec"](tmp_path, spec)
            replay["write_result"](run, replay["write_epochs"](run, 5 if method is best else 0))
            write_records(run.path, with_errors(PEOPLE, 3.0 if method is best else 4.0))
    first, second = answers(tmp_path)
    assert (first.about, second.about) == ("beaches with sbl-r18-w16 (GT boxes)", "streets with sbl-r18-w16 (GT boxes)")
    # Those after the first in short, so that the figure fits on the page.
    assert [question for question, _ in first.rows] == list(QUESTIONS)
    assert [question for question, _ in second.rows] == list(QUESTIONS[:3])
    study = Study(collect(tmp_path))
    (rest,) = [block for block in InShort().blocks(study) if isinstance(block, Words)]
    assert (
        rest.text.startswith("On further data sets: woods: BCIR β 10 with AP ") and "(ahead in the mean)" in rest.text
    )


def test_the_figure_has_a_band_where_there_are_seeds(clear: Path) -> None:
    (figure,) = assemble(Study(collect(clear))).section("In short").figures
    assert "bands from the lowest seed to the highest" in figure.caption
    # One filled band per method, in the method's own colour.
    assert figure.svg.count("fill-opacity: 0.18") == 3
    assert "BCIR β 10, mean of 5, epoch 12: 62.7 %" in figure.svg


def test_many_cells_are_drawn_by_the_best_of_each_method(tmp_path: Path, replay: Replay) -> None:
    for beta in range(1, 6):
        for rank, method in enumerate((IntegralRegression(beta=beta), BiasCompensated(beta=beta))):
            write_trial(tmp_path, replay, method, None, rank=rank + beta)
    (figure,) = assemble(Study(collect(tmp_path))).section("In short").figures
    assert "The best cell of each method; 8 more are not drawn." in figure.caption


def test_the_note_tells_the_answer_too(clear: Path) -> None:
    assert "- Which read-out? BCIR β 10." in note(assemble(Study(collect(clear))))


# One of something with a plural, or a plural that was left to the reader.
PLURALS = "trials|people|images|seeds|epochs|cells|rows|settings|contests|sweeps|folders|sets|are|have|were"
WRONG = re.compile(rf"(?<![\w.,:@-])(?<!= )1 (?:[a-z]+ ){{0,2}}(?:{PLURALS})\b|[a-z]{{2}}\(s\)")


def told_in(document: Document) -> list[str]:
    """Every generated sentence of a report."""
    found = [*document.summary]
    for section in document.sections:
        found += [words.text for words in section.words]
        found += [text for each in section.answers for _, text in each.rows]
        found += [text for table in section.tables for text in (table.told, *table.notes)]
        found += [cell.text + " " + cell.under for table in section.tables for row in table.rows for cell in row]
        found += [text for figure in section.figures for text in (figure.caption, figure.absent)]
    return found


def test_one_is_told_as_one_in_every_sentence(tmp_path: Path, replay: Replay) -> None:
    """Reports of one trial, of one cell of two, of one failed, of one folder too many, and of one image too few."""
    columns = with_errors(PEOPLE, 4.0)
    write_trial(tmp_path / "one", replay, DETECTION, columns)
    replay["write_plan"](tmp_path / "one", [replay["trial_spec"](IPR, tmp_path)])
    write_trial(tmp_path / "few", replay, DETECTION, columns)
    write_trial(tmp_path / "few", replay, IPR, {name: values[:-2] for name, values in columns.items()})
    run = replay["write_spec"](tmp_path / "few", replay["trial_spec"](BCIR, tmp_path / "gone"))
    fail(run, "crash", "broken", time="2026-03-04T09:00:00.000Z")
    for place in range(13):
        write_trial(tmp_path / "many", replay, Detection(sigma=1.0 + place / 10), None, rank=place)
    for sweep in ("one", "few", "many"):
        told = told_in(assemble(Study(collect(tmp_path / sweep))))
        assert [text for text in told if WRONG.search(text)] == []
        assert len(told) > 20


@pytest.mark.parametrize("text", ["1 are clear", "1 trials", "1 more cells are not drawn", "2 trial(s)", "1 people"])
def test_the_search_for_bad_grammar_finds_it(text: str) -> None:
    assert WRONG.search(f"Of these {text}.")


@pytest.mark.parametrize(
    "text", ["1 trial is", "11 trials", "0.1 people", "1,001 trials", "A(s), the share", "β 1 of 2"]
)
def test_the_search_for_bad_grammar_lets_good_pass(text: str) -> None:
    assert not WRONG.search(f"Of these {text}.")
