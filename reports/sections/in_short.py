"""The first page: which read-out, by how much, how sure, at what cost, what may change it; and the curves of seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from heatmark.datasets.boxes import title_of
from heatmark.foundation.counted import counted, listed, several
from heatmark.reports.comparing.answer import Answer, chief_settings
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.claims import p_text
from heatmark.reports.comparing.comparisons import EVERYONE
from heatmark.reports.comparing.convergence import MedianTimes
from heatmark.reports.comparing.cost import Cost
from heatmark.reports.comparing.settings import Setting, setting_names
from heatmark.reports.comparing.study import Study
from heatmark.reports.comparing.verdict import Standing, seeds_line, signed
from heatmark.reports.reading.measures import amount, is_length, unit_of
from heatmark.reports.rendering.concerns import Concerns
from heatmark.reports.rendering.document import Answers, Block, Words
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.sections.bands import MOST_PANELS, bands_figure, drawn_cells
from heatmark.reports.sections.cell_rows import concerns_of_setting
from heatmark.reports.sections.section import Needs, Part, Section
from heatmark.reports.statistics.two_levels import FEWEST_SEEDS
from heatmark.workloads.labels import cell_label

# Of data sets, and of cells, settings and kinds of people in one sentence: what a page has room for.
MOST_ANSWERS = 2
MOST_NAMED = 3
# Of the rows of an answer, for data sets after the first.
BRIEFLY = 3


class InShort(Section):
    """The answer for a person in a hurry, one of each data set, and one figure."""

    title = "In short"
    order = 0
    first = True

    def blocks(self, study: Study) -> Iterator[Block]:
        yield from _answers(study)
        yield from _figure(study)

    def parts(self) -> Sequence[Part]:
        return Part(_answers), Part(_figure, long=True, needs=Needs.TRIALS)


def _answers(study: Study) -> Iterator[Block]:
    found = study.answers
    if not found:
        yield Answers("", tuple(_no_answer(study)))
        return
    for place, answer in enumerate(found[:MOST_ANSWERS]):
        setting = answer.setting
        about = f"{setting.dataset} with {setting.backbone} ({title_of(setting.boxes)})"
        rows = [(question, " ".join(sentences)) for question, sentences in _rows(answer, study)]
        # All of the first alone, so that the figure has room on the same page.
        told = tuple(rows if place == 0 else rows[:BRIEFLY])
        yield Answers(about, told, concerns_of_setting(setting))
    rest = found[MOST_ANSWERS:]
    if rest:
        others = "; ".join(f"{each.setting.dataset}: {_leader(each.standing)}" for each in rest[:MOST_NAMED])
        more = len(rest) - MOST_NAMED
        tail = f"; and {counted(more, 'more data set')}" if more > 0 else ""
        yield Words((f"On further data sets: {others}{tail}. The verdict has their numbers.",))


def _no_answer(study: Study) -> Iterator[tuple[str, str]]:
    trials = study.trials
    failed = sum(trial.state == "failed" for trial in trials)
    running = sum(trial.state == "running" for trial in trials)
    yield "Which read-out?", "No answer yet: no trial has finished."
    if not trials:
        yield "What would change it?", "A grid with trials: this sweep has none."
        return
    told = [f"Trials that finish: {counted(len(trials), 'is', 'are')} planned"]
    told += [f"{counted(running, 'is', 'are')} running"] if running else []
    told += [f"{failed} failed, and the end of this report says why"] if failed else []
    yield "What would change it?", "; ".join(told) + "."


def _rows(answer: Answer, study: Study) -> Iterator[tuple[str, Iterable[str]]]:
    yield "Which read-out?", _which(answer)
    yield "By how much?", _how_much(answer)
    yield "How sure?", _how_sure(answer, bool(study.comparisons.unread))
    yield "At what cost?", _cost(answer, study.stamp)
    yield "What would change it?", _changes(answer, study.stamp)


def _which(answer: Answer) -> Iterator[str]:
    standing = answer.standing
    best, second = standing.best.label, standing.second
    if second is None:
        yield f"{best}. No other cell has a result, so there is nothing to choose between."
    elif standing.ahead == 0:
        yield f"{best} or {second.label}: they are level."
    elif standing.clear and not answer.alike:
        yield f"{best}."
    elif standing.judged:
        yield f"No single one: {best} is ahead in the mean, but {_named(answer.alike)} cannot be told from it."
    else:
        yield f"{'Not known' if standing.comparison is None else 'Too early to say'}. {best} is ahead in the mean."
    if answer.behind:
        yield f"Clearly behind {several(len(answer.behind), 'is', 'are')} {_named(answer.behind)}."


def _how_much(answer: Answer) -> Iterator[str]:
    standing, metric = answer.standing, answer.standing.metric
    value = f"{metric} {amount(metric, standing.best_value)} {unit_of(metric)}"
    if standing.second is None or standing.ahead is None or standing.second_value is None:
        yield f"{value}."
    else:
        other = f"{amount(metric, standing.second_value)} {unit_of(metric)}"
        lead = f"{_points(metric, standing.ahead)} better than the next, {standing.second.label} ({other})"
        yield f"{value}, {lead if standing.ahead else f'as {standing.second.label}'}."
    if answer.epe is None:
        return
    own, following = answer.epe
    if following is None:
        yield f"EPE {own:.2f} px."
    else:
        yield f"EPE {own:.2f} px, against {following:.2f} px."


def _how_sure(answer: Answer, unread: bool) -> Iterator[str]:
    standing = answer.standing
    pair = standing.comparison
    if standing.second is None:
        yield "There is nothing to compare it with."
        return
    if pair is None or standing.interval is None or standing.agreeing is None:
        why = "cannot be read" if unread else "do not cover the same people, or are not there"
        yield f"Not known: the evaluation records of the two {why}, so chance cannot be told from merit."
        return
    interval = "{} and {}".format(*(signed(standing.metric, end) for end in standing.interval))
    fewest, most = answer.seeds
    seeds = counted(fewest, "seed") if fewest == most else f"{fewest} and {most} seeds"
    if not standing.judged or pair.p_holm is None:
        yield f"Not known: with {seeds} of each, method and lucky seed look alike; it takes {FEWEST_SEEDS} or more."
        yield (
            f"As far as the choice of the {_people(pair.people)} goes, the difference lies between {interval} "
            f"{_unit(standing.metric)} (95 % interval)."
        )
        return
    same, common = standing.agreeing
    against = "no seed says otherwise" if same == common else f"{common - same} of {common} common seeds say otherwise"
    word = "Sure" if standing.clear else "Not sure"
    yield (
        f"{word}: over {seeds} of each and {_people(pair.people)} the difference lies between {interval} "
        f"{_unit(standing.metric)} (95 % interval; p {p_text(pair.p_holm)} after Holm's correction), and {against}."
    )
    low, high = standing.interval
    if standing.ahead is not None and not low <= standing.ahead <= high:
        yield "That is with each prediction matched with its own person; the verdict tells why."
    if standing.superiority is not None:
        yield f"Of new pairs of seeds, {standing.superiority:.0%} would come out this way.".replace("%", " %")


def _cost(answer: Answer, stamp: str) -> Iterator[str]:
    standing, (own, following) = answer.standing, answer.times
    first = _spent(standing.best_cost, own, answer, stamp)
    if not first:
        yield "No cost is on record."
        return
    yield f"{_short(standing.best, standing)}: {first}."
    if standing.second and (second := _spent(standing.second_cost, following, answer, stamp)):
        yield f"{_short(standing.second, standing)}: {second}."


def _spent(cost: Cost | None, times: MedianTimes | None, answer: Answer, stamp: str) -> str:
    told = [f"{cost} per trial".replace("process ", "")] if cost else []
    if times and times.epochs is not None and not stamp:
        epochs = f"{times.epochs:g} {'epoch' if times.epochs == 1 else 'epochs'}"
        told.append(f"80 % of its final {answer.setting.headline} after {epochs}")
    return ", ".join(told)


def _changes(answer: Answer, stamp: str) -> Iterator[str]:
    standing = answer.standing
    pair = standing.comparison
    if pair is not None and not standing.judged:
        yield f'More seeds: "{seeds_line([standing])}" in the sweep\'s grid.'
    elif pair is not None and not standing.clear and standing.ahead:
        wanted = pair.chance.seeds_to_settle
        yield (
            f"About {wanted} seeds of each would settle it." if wanted else "More images; seeds alone do not settle it."
        )
    if answer.waiting:
        count = len(answer.waiting)
        failed = sum(trial.state == "failed" for trial in answer.waiting)
        bad = f" ({failed} failed)" if failed else ""
        yield f"{counted(count, 'trial')} here {several(count, 'has', 'have')} no result{bad}."
    if stamp:
        yield "Trials were stopped early, so slow learners had no chance."
    if answer.early:
        early = answer.early
        yield f"Less training: after {early.epoch} of {early.epochs} epochs {early.cell.label} was ahead."
    for each in _unlike(answer.parts)[:MOST_NAMED]:
        yield f"{_whom(each)} {each.best.label} is ahead{'' if each.clear else ' in the mean'}."
    yield from _other_settings(answer)
    epochs = answer.standing.best.spec.train.epochs
    yield f"Nothing here tells of other data or of more than {counted(epochs, 'epoch')}."


def _unlike(parts: Sequence[Standing]) -> list[Standing]:
    """Where EPE over everyone goes to another cell, some people are told only where they go to a third."""
    first = next((each.best for each in parts if each.subset == EVERYONE), None)
    return [each for each in parts if each.subset == EVERYONE or each.best is not first]


def _whom(standing: Standing) -> str:
    if standing.subset == EVERYONE:
        return "By EPE"
    people = standing.subset if standing.subset.endswith("joints") else f"{standing.subset} people"
    return f"By EPE on {people}"


def _other_settings(answer: Answer) -> Iterator[str]:
    names, _ = setting_names([answer.setting, *(each.setting for each in answer.elsewhere)])
    alike = [each for each in answer.elsewhere if each.best.label == answer.standing.best.label]
    if alike:
        yield f"{answer.standing.best.label} is ahead with {_joined([names[each.setting] for each in alike])} too."
    unlike = [each for each in answer.elsewhere if each not in alike]
    for each in unlike[:MOST_NAMED]:
        yield f"With {names[each.setting]} {each.best.label} is ahead{'' if each.clear else ' in the mean'}."


def _leader(standing: Standing) -> str:
    value = f"{standing.metric} {amount(standing.metric, standing.best_value)} {unit_of(standing.metric)}"
    return f"{standing.best.label} with {value} ({'clearly ahead' if standing.clear else 'ahead in the mean'})"


def _short(cell: GridCell, standing: Standing) -> str:
    """Without its settings, where these do not tell the best from the next."""
    short = [cell_label(each.spec.method.label, each.beta) for each in standing.cells]
    return cell_label(cell.spec.method.label, cell.beta) if len(set(short)) == len(short) else cell.label


def _named(cells: Sequence[GridCell]) -> str:
    return _joined([cell.label for cell in cells])


def _joined(words: Sequence[str]) -> str:
    """Of too many the first."""
    rest = len(words) - MOST_NAMED
    return listed([*words[:MOST_NAMED], f"{rest} more"] if rest > 0 else words)


def _people(count: int) -> str:
    return counted(count, "person", "people")


def _unit(metric: str) -> str:
    """Of a difference."""
    return unit_of(metric) if is_length(metric) else "points"


def _points(metric: str, value: float) -> str:
    text, unit = amount(metric, value), _unit(metric)
    return f"{text} {unit}" if float(text) else f"less than 0.1 {unit}"


def _figure(study: Study) -> Iterator[Figure]:
    """Of the same settings; where none has finished, of those that have begun."""
    begun: list[Setting] = [setting for setting, cells in study.settings.items() if any(cell.begun for cell in cells)]
    shown = (chief_settings(study.settings) or begun)[:MOST_PANELS]
    panels = [(setting, drawn_cells(study.settings[setting], setting.headline)) for setting in shown]
    panels = [(setting, cells) for setting, cells in panels if cells]
    if not panels:
        return
    seeds = max(len(cell.begun) for _, cells in panels for cell in cells)
    bands = "bands from the lowest seed to the highest" if seeds > 1 else "one seed each, so without bands"
    left_out = sum(len(study.settings[setting]) - len(cells) for setting, cells in panels)
    rest = f" The best cell of each method; {counted(left_out, 'more is', 'more are')} not drawn." if left_out else ""
    headlines = listed(list(dict.fromkeys(setting.headline for setting, _ in panels)))
    where = "; ".join(str(setting) for setting, _ in panels)
    yield Figure(
        bands_figure(panels),
        f"{headlines} on the validation people over epochs: means over seeds, {bands}. {where}.{rest}",
        f"Accuracy over epochs of {where}: one line per read-out with the range of its seeds",
        concerns=Concerns((), tuple(each.dataset for each in shown), tuple({each.backbone: None for each in shown})),
    )
