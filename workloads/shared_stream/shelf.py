"""Which batches are kept, for whom, and when a reader that lags is no longer waited for. Bookkeeping alone: no
processes, no clock of its own.

Every batch is kept until the room is needed. A reader in its place keeps those that it has not asked for yet; new ones
are not made where there is no room beside them, which holds the fastest readers to the pace of the slowest. Who keeps
the others waiting too long, or begins behind what is kept, is out of its place: nothing is kept for it, and what it
asks for is made again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

# How long others wait for one reader: at once, and of the time since it began.
LONGEST_WAIT_S = 5.0
LARGEST_SHARE = 0.2


class BatchId(NamedTuple):
    """stream: StreamAsked.key."""

    stream: str
    epoch: int
    step: int


@dataclass(eq=False)
class Place:
    """Where a reader is: the next step it will ask for, of an epoch that it began at `began` (seconds).

    behind: out of its place. waited_for_s: how long others have waited for it.
    """

    stream: str
    epoch: int
    step: int
    began: float
    behind: bool = False
    waited_for_s: float = 0.0

    def needs(self, batch: BatchId) -> bool:
        """Whether it is kept for this reader."""
        return not self.behind and self.stream == batch.stream and self.epoch == batch.epoch and self.step <= batch.step


Content = TypeVar("Content")


@dataclass
class _Kept(Generic[Content]):
    content: Content
    size: int
    again: bool


@dataclass
class Shelf(Generic[Content]):
    """budget: bytes. most: how many batches at most. drop: called with what is thrown away."""

    budget: int
    most: int
    drop: Callable[[Content], None]
    places: set[Place] = field(default_factory=set)
    used: int = 0
    _kept: dict[BatchId, _Kept[Content]] = field(default_factory=dict)
    _full_since: float | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def enter(self, stream: str, epoch: int, step: int, now: float) -> Place:
        """A reader begins; where others are so far ahead that its batch is kept no more, it has no place."""
        others = [each for each in self.places if (each.stream, each.epoch, each.behind) == (stream, epoch, False)]
        steps = [batch.step for batch in self._kept if (batch.stream, batch.epoch) == (stream, epoch)]
        place = Place(stream, epoch, step, now, behind=bool(others and steps) and step < min(steps))
        self.places.add(place)
        return place

    def leave(self, place: Place) -> None:
        self.places.discard(place)

    def get(self, batch: BatchId) -> Content | None:
        """Of a batch that is kept; it counts as used last."""
        found = self._kept.pop(batch, None)
        if found is None:
            return None
        self._kept[batch] = found
        return found.content

    def put(self, batch: BatchId, content: Content, size: int, *, again: bool) -> None:
        """again: it is of use in later epochs, too."""
        self._kept[batch] = _Kept(content, size, again)
        self.used += size

    def has_room(self, size: int, in_making: int) -> bool:
        """Whether one more batch of that size fits; throws away what nobody needs if it must.

        in_making: bytes of what will be put next. A batch alone always fits.
        """
        while not self._fits(size, in_making):
            useless = self._useless()
            if useless is None:
                return not self._kept and not in_making
            self._throw_away(useless)
        return True

    def wait(self, now: float) -> Place | None:
        """No room for what others ask for. Returns the reader that loses its place over it, if one does."""
        if self._full_since is None:
            self._full_since = now
        last = self._laggard()
        if last is None:
            return None
        waited = now - self._full_since
        total = last.waited_for_s + waited
        if waited > LONGEST_WAIT_S or total > max(LONGEST_WAIT_S, LARGEST_SHARE * (now - last.began)):
            last.behind = True
            return last
        return None

    def go_on(self, now: float) -> None:
        """There is room again."""
        if self._full_since is not None and (last := self._laggard()):
            last.waited_for_s += now - self._full_since
        self._full_since = None

    def forget(self, stream: str) -> None:
        """Throw a whole stream away."""
        for batch in [each for each in self._kept if each.stream == stream]:
            self._throw_away(batch)

    def _fits(self, size: int, in_making: int) -> bool:
        return self.used + in_making + size <= self.budget and len(self._kept) < self.most

    def _useless(self) -> BatchId | None:
        """What nobody needs and was not used for the longest; those of evaluations last."""
        for again in (False, True):
            for batch, kept in self._kept.items():
                if kept.again == again and not any(place.needs(batch) for place in self.places):
                    return batch
        return None

    def _laggard(self) -> Place | None:
        """For whom most is kept."""
        kept_for = {place: sum(map(place.needs, self._kept)) for place in self.places}
        last = max(kept_for, key=lambda place: kept_for[place], default=None)
        return last if last is not None and kept_for[last] else None

    def _throw_away(self, batch: BatchId) -> None:
        kept = self._kept.pop(batch)
        self.used -= kept.size
        self.drop(kept.content)
