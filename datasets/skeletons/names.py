"""Names of joints: how they are compared, and the ranges that stand for many of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from heatmark.foundation.errors import InputError
from heatmark.foundation.nearest import nearest

_COUNTED = re.compile(r"(.*?)(\d+)\.\.(.*?)(\d+)")
_NUMBERED = re.compile(r"(.*?)\d+")
RANGE = ".."


def normalised(name: str) -> str:
    """As names are compared: `Right Shoulder`, `right-shoulder` and `right_shoulder` are one."""
    return re.sub(r"[\s_.-]+", "_", name.strip()).lower()


def same_joints(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether these are the same joints in the same order."""
    return [normalised(str(name)) for name in one] == [normalised(str(name)) for name in other]


def are_numbers(joints: Sequence[str]) -> bool:
    """Whether the joints are numbered and not named: kpt-0, kpt-1 and so on."""
    stems = {match[1] if (match := _NUMBERED.fullmatch(joint)) else None for joint in joints}
    return len(stems) == 1 and None not in stems


def counted(name: str) -> tuple[str, ...]:
    """`kpt-0..kpt-3` as four names; any other name as itself."""
    match = _COUNTED.fullmatch(name)
    if match is None or match[1] != match[3]:
        return (name,)
    first, last = int(match[2]), int(match[4])
    step = 1 if last >= first else -1
    return tuple(f"{match[1]}{number}" for number in range(first, last + step, step))


class JointNames:
    """Finds joints by name: as it is written, else as it compares, where only one joint compares so.

    where: for messages, which raise InputError.
    """

    def __init__(self, joints: Sequence[str], where: str) -> None:
        self.joints, self.where = tuple(joints), where
        self._exact = {joint: index for index, joint in enumerate(self.joints)}
        same: dict[str, list[int]] = {}
        for index, joint in enumerate(self.joints):
            same.setdefault(normalised(joint), []).append(index)
        self._normalised = {name: indices[0] for name, indices in same.items() if len(indices) == 1}

    def index(self, name: object, of: str) -> int:
        """The number of a joint. of: the key that names it, for the message."""
        if isinstance(name, str):
            found = self._exact.get(name, self._normalised.get(normalised(name)))
            if found is not None:
                return found
        raise InputError(f"{self.where}: {of}: no joint {name!r}{nearest(str(name), self.joints)}")

    def span(self, name: object, of: str) -> tuple[int, ...]:
        """The number of a joint, or those of `a..b`: all from a to b in their order, backwards where b comes first."""
        ends = name.split(RANGE) if isinstance(name, str) and name not in self._exact else []
        if len(ends) != 2:
            return (self.index(name, of),)
        first, last = (self.index(end, of) for end in ends)
        step = 1 if last >= first else -1
        return tuple(range(first, last + step, step))

    def spans(self, names: object, of: str) -> Iterator[int]:
        """The numbers of a list of joints and ranges, one after the other."""
        if not isinstance(names, list | tuple):
            raise InputError(f"{self.where}: {of}: a list of joints is expected, not {names!r}")
        for name in names:
            yield from self.span(name, of)
