"""Numbers with nouns: one is told as one."""

from __future__ import annotations

import pytest

from heatmark.foundation.counted import counted, listed, several


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0 trials"), (1, "1 trial"), (2, "2 trials"), (1200, "1,200 trials"), (-1, "-1 trials")]
)
def test_one_alone_has_no_s(number: int, told: str) -> None:
    assert counted(number, "trial") == told


def test_nouns_and_verbs_with_forms_of_their_own() -> None:
    assert (counted(1, "person", "people"), counted(3, "person", "people")) == ("1 person", "3 people")
    assert (several(1, "is", "are"), several(0, "is", "are")) == ("is", "are")


def test_the_last_word_has_an_and() -> None:
    assert [listed(words) for words in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
