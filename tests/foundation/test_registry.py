"""A registry has what the files of its folder and the entry points of installed packages add, and nothing twice."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from heatmark.foundation.errors import InputError
from heatmark.foundation.registry import Registry

FILE = """
from {package} import THINGS
class Thing: pass
THINGS.add({name!r}, Thing, {order})
"""


def folder_of_things(root: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a registry of its own, on the path of imports."""
    monkeypatch.syspath_prepend(str(root))
    (root / package).mkdir(parents=True)
    (root / package / "__init__.py").write_text(
        "from heatmark.foundation.registry import Registry\n"
        f"THINGS = Registry('thing', {package!r}, 'heatmark.test_things')\n"
    )
    return root / package


def things_of(package: str) -> Registry[type]:
    found: Registry[type] = sys.modules[package].THINGS if package in sys.modules else __import__(package).THINGS
    return found


def test_a_file_in_the_folder_is_all_that_a_new_thing_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of_things(tmp_path, "some_things", monkeypatch)
    for name, order in (("zeta", 0), ("alpha", 1000), ("beta", 1000)):
        (folder / f"{name}.py").write_text(FILE.format(package="some_things", name=name, order=order))
    things = things_of("some_things")
    assert not any(f"some_things.{name}" in sys.modules for name in ("zeta", "alpha"))
    # By order, and by name where it is the same.
    assert list(things) == ["zeta", "alpha", "beta"] and len(things) == 3
    assert things.named("alpha") is things["alpha"]
    with pytest.raises(ValueError, match="unknown thing 'alpa'; did you mean 'alpha'"):
        things.named("alpa")
    with pytest.raises(ValueError, match="unknown thing 7; valid: zeta, alpha, beta"):
        things.named(7)


def test_two_things_of_one_name_are_told_with_their_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of_things(tmp_path, "twice", monkeypatch)
    for file in ("one", "two"):
        (folder / f"{file}.py").write_text(FILE.format(package="twice", name="same", order=0))
    for _ in range(2):  # and not only the first time that somebody looks
        with pytest.raises(
            InputError, match=r"the thing 'same' is there twice: .*one\.py and .*two\.py; rename or remove"
        ):
            len(things_of("twice"))


def installed(root: Path, value: str) -> None:
    metadata = root / "theirs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[heatmark.test_things]\ntheirs = {value}\n")


def test_an_installed_package_adds_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of_things(tmp_path, "open_things", monkeypatch)
    (tmp_path / "their_thing.py").write_text(FILE.format(package="open_things", name="theirs", order=1000))
    installed(tmp_path, "their_thing")
    assert list(things_of("open_things")) == ["theirs"]


def test_a_package_that_cannot_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of_things(tmp_path, "more_things", monkeypatch)
    installed(tmp_path, "no_such_module")
    with pytest.raises(InputError, match=r"heatmark.test_things: no_such_module of theirs cannot be imported \(Module"):
        len(things_of("more_things"))
