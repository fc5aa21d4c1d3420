"""What is kept for whom, and how long one reader holds up the others."""

from __future__ import annotations

import pytest

from heatmark.workloads.shared_stream.shelf import LONGEST_WAIT_S, BatchId, Place, Shelf


@pytest.fixture
def gone() -> list[int]:
    return []


@pytest.fixture
def shelf(gone: list[int]) -> Shelf[int]:
    """Room for three batches of ten bytes, which are their steps."""
    return Shelf(budget=30, most=100, drop=gone.append)


def make(shelf: Shelf[int], *steps: int, again: bool = False, stream: str = "s") -> None:
    for step in steps:
        assert shelf.has_room(10, 0)
        shelf.put(BatchId(stream, 0, step), step, 10, again=again)


def moved(place: Place, step: int) -> None:
    place.step = step


def test_what_all_have_read_stays_until_the_room_is_needed(shelf: Shelf[int], gone: list[int]) -> None:
    reader = shelf.enter("s", 0, 0, 0.0)
    make(shelf, 0, 1, 2)
    moved(reader, 3)
    assert not gone and shelf.get(BatchId("s", 0, 0)) == 0
    make(shelf, 3)
    # 0 was used since.
    assert gone == [1] and shelf.used == 30


def test_the_slowest_keeps_what_it_has_not_read(shelf: Shelf[int], gone: list[int]) -> None:
    fast, slow = shelf.enter("s", 0, 0, 0.0), shelf.enter("s", 0, 0, 0.0)
    make(shelf, 0, 1, 2)
    moved(fast, 3)
    assert not shelf.has_room(10, 0) and not gone
    moved(slow, 1)
    assert shelf.has_room(10, 0) and gone == [0]


def test_one_that_goes_away_keeps_nothing(shelf: Shelf[int]) -> None:
    shelf.enter("s", 0, 3, 0.0)
    gone_reader = shelf.enter("s", 0, 0, 0.0)
    make(shelf, 0, 1, 2)
    shelf.leave(gone_reader)
    assert shelf.has_room(10, 0)


def test_a_stall_is_waited_for_a_few_seconds(shelf: Shelf[int]) -> None:
    fast, slow = shelf.enter("s", 0, 0, 0.0), shelf.enter("s", 0, 0, 0.0)
    make(shelf, 0, 1, 2)
    moved(fast, 3)
    assert not shelf.has_room(10, 0)
    assert shelf.wait(100.0) is None
    assert shelf.wait(100.0 + 0.9 * LONGEST_WAIT_S) is None
    assert shelf.wait(100.1 + LONGEST_WAIT_S) is slow
    assert slow.behind and not fast.behind and shelf.has_room(10, 0)


@pytest.mark.parametrize(("pause_s", "steps_waited_for"), [(0.4, 1000), (2.0, 15)])
def test_a_steadily_slower_one_sets_the_pace_unless_it_is_much_slower(pause_s: float, steps_waited_for: int) -> None:
    """At every step the others wait `pause_s` of four seconds: a tenth of the time, or a half."""
    shelf: Shelf[int] = Shelf(budget=30, most=100, drop=lambda _step: None)
    fast, slow = shelf.enter("s", 0, 0, 0.0), shelf.enter("s", 0, 0, 0.0)
    now, steps = 0.0, 0
    for step in range(1000):
        moved(fast, step + 1)
        if not shelf.has_room(10, 0):
            shelf.wait(now)
            if shelf.wait(now + pause_s):
                break
            moved(slow, slow.step + 1)
            assert shelf.has_room(10, 0)
            shelf.go_on(now + pause_s)
        make(shelf, step)
        now, steps = now + 4.0, step
    assert slow.behind == (steps_waited_for < 1000)
    assert steps <= steps_waited_for if slow.behind else steps == 999


def test_who_begins_far_behind_holds_up_nobody(shelf: Shelf[int]) -> None:
    fast = shelf.enter("s", 0, 7, 0.0)
    make(shelf, 7, 8, 9)
    late = shelf.enter("s", 0, 2, 0.0)
    moved(fast, 10)
    assert late.behind and shelf.has_room(10, 0)


def test_who_begins_where_all_is_still_kept_is_in_its_place(shelf: Shelf[int]) -> None:
    fast = shelf.enter("s", 0, 0, 0.0)
    make(shelf, 0, 1, 2)
    moved(fast, 3)
    assert not shelf.enter("s", 0, 0, 0.0).behind
    assert not shelf.has_room(10, 0)
    # Another epoch, and other crops, have nothing to do with it.
    assert not shelf.enter("s", 1, 0, 0.0).behind and not shelf.enter("other", 0, 0, 0.0).behind


def test_what_earlier_readers_have_left_is_no_reason_to_go_without_a_place(shelf: Shelf[int]) -> None:
    shelf.leave(shelf.enter("s", 0, 7, 0.0))
    make(shelf, 7, 8, 9)
    assert not shelf.enter("s", 0, 0, 0.0).behind


def test_batches_of_an_evaluation_outlive_those_of_training(shelf: Shelf[int], gone: list[int]) -> None:
    make(shelf, 0, again=True, stream="val")
    make(shelf, 1, 2, 3, 4)
    assert gone == [1, 2]


def test_a_batch_larger_than_all_room_is_made_alone(shelf: Shelf[int]) -> None:
    assert shelf.has_room(1000, 0) and not shelf.has_room(1000, 10)
    make(shelf, 0)
    assert shelf.has_room(1000, 0)
    reader = shelf.enter("s", 0, 0, 0.0)
    make(shelf, 1)
    assert not shelf.has_room(1000, 0) and shelf.wait(1.0) is None and not reader.behind


def test_no_more_batches_than_descriptors(gone: list[int]) -> None:
    few: Shelf[int] = Shelf(budget=10**9, most=2, drop=gone.append)
    make(few, 0, 1, 2)
    assert gone == [0] and len(few) == 2
