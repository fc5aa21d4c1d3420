"""Which trials Tune is handed when there are more of them than relays: no more than relays are of use."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from ray.tune.search.basic_variant import BasicVariantGenerator

from heatmark.pipeline import tune
from heatmark.pipeline.tune import BUSY_S, InTurn


@dataclass
class Handed:
    """A trial, as far as it matters here."""

    trial_id: str


class Clock:
    """As fast as a test wants."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(tune, "time", clock)
    return clock


def grid(most: int, trials: int) -> InTurn:
    found = InTurn(most)
    found._trial_generator = [Handed(str(number)) for number in range(trials)]
    found._finished = False
    return found


def handed(search: InTurn) -> list[str]:
    """All that it hands out now."""
    return [trial.trial_id for trial in iter(search.next_trial, None)]


def test_what_has_ended_is_replayed_by_one_relay(clock: Clock) -> None:
    search, seen = grid(32, 50), []
    for _ in range(50):
        (trial,) = handed(search)
        clock.now += 3 * BUSY_S  # its process starts
        assert handed(search) == [], "while one starts there is none to be wanted beside it"
        search.is_followed(trial)
        clock.now += BUSY_S / 4
        search.on_trial_complete(trial)
        seen.append(trial)
    assert seen == [str(number) for number in range(50)] and search.max_concurrent == 1


def test_trials_that_go_on_have_a_relay_each_up_to_the_most(clock: Clock) -> None:
    search, counts = grid(6, 50), []
    for _ in range(6):
        for trial in handed(search):
            search.is_followed(trial)
        counts.append(len(search._live_trials))
        clock.now += 1.1 * BUSY_S
    assert counts == [1, 2, 4, 6, 6, 6]


def test_where_relays_come_free_before_others_have_started_fewer_are_wanted(clock: Clock) -> None:
    search = grid(32, 50)
    (first,) = handed(search)
    search.is_followed(first)
    clock.now += 1.1 * BUSY_S
    (second,) = handed(search)
    search.on_trial_complete(first)  # its relay takes the second, whose own is not up
    assert handed(search) == []
    search.is_followed(second)
    search.on_trial_complete(second)
    assert len(handed(search)) == 1


def test_tunes_own_generator_has_what_is_built_on() -> None:
    search = BasicVariantGenerator(max_concurrent=1)
    assert search.max_concurrent == 1 and search._live_trials == set()
