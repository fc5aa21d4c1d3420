"""What is in a run folder: its files, and the keys of every record in them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from heatmark.pipeline.manual.text import page, plain, table
from heatmark.workloads import run_folder
from heatmark.workloads.run_folder import folder as folder_module
from heatmark.workloads.run_folder.record import Part, Record

# How the docstring of a module begins that has one file: `result.json: written last`.
_FILE = re.compile(r"([\w/<>.-]+\.\w+):\s+")
_CLASS = re.compile(r"<class '(?:[\w.]*\.)?(\w+)'>")


def run_folder_page() -> str:
    """Of `runs/<sweep>/<signature>/`."""
    about = inspect.cleandoc(folder_module.__doc__ or "")
    first, _, rest = about.partition("\n\n")
    return page(
        "The run folder",
        plain(first),
        "A sweep's folder `runs/SWEEP/` has its own record (`sweep.json`), its report, and a run folder for each "
        "trial, `runs/SWEEP/SIGNATURE/`.",
        _as_it_is(rest),
        "## Records",
        "Every file is a typed record with its version, `schema_version`, written whole or not at all. A key that is "
        "absent, unknown or of another type is refused by its name; files of earlier versions are read.",
        *(part for module in record_modules() for part in _records(module)),
    )


def _as_it_is(text: str) -> str:
    """Indented lines of a docstring are a list of files: they stay as they are."""
    return "\n".join(line if line.startswith("    ") else plain(line) for line in text.splitlines())


def record_modules() -> list[ModuleType]:
    """The modules of the run folder that have records."""
    names = [each.name for each in pkgutil.iter_modules(run_folder.__path__, f"{run_folder.__name__}.")]
    modules = [importlib.import_module(name) for name in names]
    return [module for module in modules if any(True for _ in records_of(module))]


def records_of(module: ModuleType) -> Iterator[type[Part]]:
    """The records that a module defines, and their parts."""
    for value in vars(module).values():
        is_record = isinstance(value, type) and issubclass(value, Part) and value not in (Part, Record)
        if is_record and value.__module__ == module.__name__:
            yield value


def _records(module: ModuleType) -> Iterator[str]:
    about = (module.__doc__ or "").split("\n\n")[0]
    file = _FILE.match(about)
    yield f"### {plain(file[1]) if file else module.__name__.rpartition('.')[2].replace('_', ' ').capitalize()}"
    yield plain(about[file.end() :] if file else about)
    for record in records_of(module):
        version = f", version {record.VERSION}" if issubclass(record, Record) else ""
        yield f"**{record.__name__}**{version}. {plain(_own_doc(record))}"
        rows = [(f"`{name}`", f"`{_type(field.annotation)}`") for name, field in record.model_fields.items()]
        yield table(("Key", "Type"), rows)


def _own_doc(record: type[Part]) -> str:
    return record.__dict__.get("__doc__") or ""


def _type(annotation: Any) -> str:
    text = _CLASS.sub(r"\1", str(annotation))
    return re.sub(r"\b(?:typing|collections\.abc|heatmark(?:\.\w+)+)\.", "", text)
