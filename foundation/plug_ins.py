"""Plug-ins imported: what they add to the registries, whose a class is, and in which of their lines an error arose."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
import threading
import traceback
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from heatmark.foundation.errors import InputError
from heatmark.foundation.plug_in_source import PlugIn, hash_of
from heatmark.foundation.registry import Adding, adding_for

# Of pydantic's words about a field without a type, a new one and one of a base class.
_NO_TYPE = re.compile(r"non-annotated attribute was detected: `(\w+) =|Field '(\w+)' .* overridden by a non-annotated")


@dataclass(frozen=True)
class Source:
    """Whose class it is. name: of the file, the module or the package.

    installed: in a package of the environment, found by an entry point; no copy of it is made.
    """

    name: str
    sha256: str
    installed: bool


@dataclass(frozen=True)
class _Loaded:
    plug_in: PlugIn
    adding: Adding


_LOADED: dict[str, _Loaded] = {}
# By the name of the module, of a package by that of its top.
_MODULES: dict[str, PlugIn] = {}
_INSTALLED: dict[str, Source] = {}
_LOCK = threading.RLock()


def load(plug_in: PlugIn, *, replaces: bool = False) -> None:
    """Import a plug-in, once: what it registers is there from then on.

    replaces: things of the same names that another plug-in has added give way, as where trials with two versions of it
    are read one after the other.
    Raises InputError with file and line for one that cannot be imported, registers nothing, or takes a name that is
    taken.
    """
    with _LOCK:
        known = _LOADED.get(plug_in.sha256)
        if known is not None:
            known.adding.again()
            return
        adding = Adding(replaces)
        try:
            with adding_for(adding), redirect_stdout(sys.stderr):
                _imported(plug_in)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a stranger's file does, SystemExit among it
            raise InputError(_complaint(plug_in, error)) from error
        if not adding.things:
            raise InputError(f"{plug_in.place}: registers nothing; put `@register` above its class (heatmark new)")
        _LOADED[plug_in.sha256] = _Loaded(plug_in, adding)


def loaded(sha256: str) -> PlugIn | None:
    """The plug-in of that content, where it was imported."""
    found = _LOADED.get(sha256)
    return found.plug_in if found else None


def sources_of(kind: type) -> tuple[Source, ...]:
    """The plug-ins that a class and its bases come from; none for what heatmark has itself."""
    found: dict[str, Source] = {}
    for base in kind.__mro__:
        top = base.__module__.split(".")[0]
        plug_in = _MODULES.get(top)
        if plug_in is not None:
            found[top] = Source(plug_in.name, plug_in.sha256, installed=False)
        elif base is kind and top != "heatmark":
            found[top] = installed(top) or _of_module(base.__module__)
    return tuple(found.values())


def installed(top: str) -> Source | None:
    """A package of the environment that was imported, by its name; None where there is none, or no file of it."""
    if top not in _INSTALLED:
        file = getattr(sys.modules.get(top), "__file__", None)
        if file is None:
            return None
        place = Path(file)
        _INSTALLED[top] = Source(top, hash_of(place.parent if place.name == "__init__.py" else place), installed=True)
    return _INSTALLED[top]


def _of_module(name: str) -> Source:
    """Of a module in a package without a file of its own."""
    return Source(name, hash_of(Path(str(sys.modules[name].__file__))), installed=True)


def blame(error: BaseException) -> str | None:
    """`my_method.py, line 31, in decode` where an error arose in a plug-in, or on its way out of one."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        for plug_in in _MODULES.values():
            if _is_in(Path(frame.filename), plug_in.place):
                return f"plug-in {_name_in(Path(frame.filename), plug_in)}, line {frame.lineno}, in {frame.name}"
    return None


def _is_in(file: Path, place: Path) -> bool:
    return file == place or place in file.parents


def _name_in(file: Path, plug_in: PlugIn) -> str:
    return str(file.relative_to(plug_in.place.parent))


def _imported(plug_in: PlugIn) -> None:
    if plug_in.is_package:
        _import_package(plug_in)
    else:
        _import_file(plug_in)


def _import_file(plug_in: PlugIn) -> None:
    """Under a name of its own, so that two versions of it can be there at once."""
    stem = re.sub(r"\W", "_", plug_in.place.stem)
    name = f"heatmark_plug_in_{stem}_{plug_in.sha256[:8]}"
    before = set(sys.modules)
    _MODULES[name] = plug_in
    try:
        _execute(name, plug_in.place, None)
    except ModuleNotFoundError as error:
        beside = plug_in.place.with_name(f"{(error.name or '').split('.')[0]}.py")
        if beside.is_file():
            raise InputError(_not_alone(error.name or "")) from error
        raise
    for other in sys.modules.keys() - before:
        file = getattr(sys.modules[other], "__file__", None)
        if file is not None and Path(file).parent == plug_in.place.parent and other != name:
            raise InputError(_not_alone(other))


def _not_alone(other: str) -> str:
    return (
        f"imports {other}, a file beside it that would not go with it to the jobs; put both into a package, a folder "
        "with __init__.py, and name that"
    )


def _import_package(plug_in: PlugIn) -> None:
    """Under its real name, by which its files know each other; an earlier version gives way."""
    top = plug_in.place.name
    for name in [each for each in sys.modules if each == top or each.startswith(f"{top}.")]:
        del sys.modules[name]
    _MODULES[top] = plug_in
    _execute(top, plug_in.place / "__init__.py", [str(plug_in.place)])
    if "." in plug_in.name:
        importlib.import_module(plug_in.name)


def _execute(name: str, file: Path, search: list[str] | None) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=search)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _complaint(plug_in: PlugIn, error: BaseException) -> str:
    """File, line and what is expected there."""
    frame = _own_frame(plug_in, error) or _own_frame(plug_in, error.__cause__)
    file, line = (Path(frame.filename), frame.lineno) if frame else (plug_in.place, None)
    if isinstance(error, SyntaxError) and error.filename:
        file, line = Path(error.filename), error.lineno
    found = _NO_TYPE.search(str(error))
    if found:
        name = found[1] or found[2]
        line = _line_of_field(file, name) or line
        words = f"the field {name} has no type; write `{name}: float = ...`, or whatever it is"
    elif isinstance(error, (InputError, TypeError)):
        words = str(error)
    elif isinstance(error, SystemExit):
        words = "ends the process as it is imported; leave that out"
    else:
        words = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return f"{file}{f':{line}' if line else ''}: {words}"


def _own_frame(plug_in: PlugIn, error: BaseException | None) -> traceback.FrameSummary | None:
    """The last line of the plug-in's that an error went through."""
    frames = traceback.extract_tb(error.__traceback__) if error else ()
    return next((each for each in reversed(frames) if _is_in(Path(each.filename), plug_in.place)), None)


def _line_of_field(file: Path, field: str) -> int | None:
    """Where a class says `field = ...`."""
    for each in ast.walk(ast.parse(file.read_text())):
        if isinstance(each, ast.ClassDef):
            for statement in each.body:
                if isinstance(statement, ast.Assign) and any(
                    isinstance(target, ast.Name) and target.id == field for target in statement.targets
                ):
                    return statement.lineno
    return None
