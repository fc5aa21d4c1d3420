"""The things of one kind by their names: those in the files of a folder, those of installed packages and of plug-ins.

A file of the folder, or the module that a package's entry point or a sweep file names, adds its own things as it is
imported; nobody lists them. Nothing of the first two is imported before somebody looks for the first thing.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Final, Generic, NamedTuple, TypeVar

from heatmark.foundation.errors import InputError
from heatmark.foundation.nearest import nearest

Item = TypeVar("Item")
# Things that say nothing of their place come after those that do, by name.
LAST: Final = 1000


@dataclass
class Adding:
    """A plug-in's things, as they are added. replaces: they take the place of another plug-in's of the same name.

    stands_in: whatever has the name later takes theirs.
    """

    replaces: bool
    stands_in: bool = False
    things: list[tuple[Registry[Any], str, Any, int]] = field(default_factory=list)

    def again(self) -> None:
        """Put the things back where another's may have come into their place. Raises InputError."""
        with adding_for(Adding(replaces=True)):
            for registry, name, item, order in self.things:
                registry.add(name, item, order)


_ADDING: ContextVar[Adding | None] = ContextVar("adding", default=None)


@contextmanager
def adding_for(plug_in: Adding | None) -> Iterator[None]:
    """What is added inside is a plug-in's, or nobody's."""
    token = _ADDING.set(plug_in)
    try:
        yield
    finally:
        _ADDING.reset(token)


class _Entry(NamedTuple):
    order: int
    place: str
    item: Any
    plug_in: Adding | None

    def gives_way_to(self, plug_in: Adding | None) -> bool:
        """Whether the things of a plug-in may take the name."""
        if self.plug_in is None or plug_in is None:
            return False
        return self.plug_in.stands_in or plug_in.replaces


class Registry(Mapping[str, Item], Generic[Item]):
    """kind: what one of them is called in messages. package: the folder, by its dotted name. group: of entry points."""

    def __init__(self, kind: str, package: str, group: str) -> None:
        self.kind, self.package, self.group = kind, package, group
        self._items: dict[str, _Entry] = {}
        self._loaded = False
        self._loading = threading.RLock()

    def add(self, name: str, item: Item, order: int = LAST) -> None:
        """order: things stand in ascending order, and by name where it is the same. Raises InputError for a name that
        another thing has: which of two was meant must not hang on which was imported first.
        """
        plug_in = _ADDING.get()
        if plug_in is not None:
            self._load()  # what is there already keeps its name
            plug_in.things.append((self, name, item, order))
        place = _place_of(item)
        other = self._items.get(name)
        if other is not None and other.place != place and not other.gives_way_to(plug_in):
            raise InputError(
                f"the {self.kind} {name!r} is there twice: {other.place} and {place}; rename or remove one"
            )
        self._items[name] = _Entry(order, place, item, plug_in)

    def named(self, name: object) -> Item:
        """Raises ValueError with the nearest valid name."""
        if isinstance(name, str) and name in self:
            return self[name]
        raise ValueError(f"unknown {self.kind} {name!r}{nearest(str(name), self)}")

    def __getitem__(self, name: str) -> Item:
        self._load()
        item: Item = self._items[name].item
        return item

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._items, key=lambda name: (self._items[name].order, name)))

    def __len__(self) -> int:
        self._load()
        return len(self._items)

    def _load(self) -> None:
        with self._loading:
            if self._loaded:
                return
            self._loaded = True  # a file that looks for the things of its own kind as it is imported sees those so far
            try:
                with adding_for(None):
                    self._import_all()
            except BaseException:
                self._loaded = False
                raise

    def _import_all(self) -> None:
        folder = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(folder.__path__, f"{self.package}."):
            importlib.import_module(module.name)
        for entry in entry_points(group=self.group):
            try:
                entry.load()
            except Exception as error:
                raise InputError(
                    f"{self.group}: {entry.value} of {entry.dist.name if entry.dist else '?'} cannot be imported "
                    f"({type(error).__name__}: {error}); mend or uninstall it"
                ) from error


def _place_of(item: object) -> str:
    """Module and name of a class, or of the class of an object; the module by its file, as it may be loaded twice."""
    kind = item if isinstance(item, type) else type(item)
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return f"{kind.__qualname__} in {file or kind.__module__}"
