"""A plug-in is known by its content, goes with every trial that uses it, and tells file and line of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from heatmark.foundation.errors import InputError
from heatmark.foundation.plug_in_source import COPIES, hash_of, plug_in_in, plug_in_of
from heatmark.foundation.plug_ins import blame, load, loaded, sources_of
from heatmark.models.methods import METHODS

pytestmark = pytest.mark.usefixtures("plug_ins_stay_here")
METHOD = '''from typing import ClassVar, Literal
from heatmark.models.method import SoftmaxRegression
from heatmark.models.methods import register


@register
class Own(SoftmaxRegression):
    """Of one file."""

    label: ClassVar[str] = "Own"
    name: Literal["{name}"] = "{name}"
    reach: float = 1.0
'''


def method_file(folder: Path, name: str, old: str = "", new: str = "") -> Path:
    content = METHOD.format(name=name)
    assert old in content
    path = folder / f"{name}.py"
    path.write_text(content.replace(old, new) if old else content)
    return path


def imported(path: Path) -> type:
    load(plug_in_of(str(path), "here"))
    return METHODS[path.stem]


def test_a_class_is_its_files_and_one_of_heatmarks_is_nobodys(tmp_path: Path) -> None:
    path = method_file(tmp_path, "own_one")
    (source,) = sources_of(imported(path))
    assert (source.name, source.sha256, source.installed) == ("own_one.py", hash_of(path), False)
    assert sources_of(METHODS["bcir"]) == ()
    assert (found := loaded(source.sha256)) is not None and found.place == path


def test_what_derives_from_a_plug_in_comes_from_both(tmp_path: Path) -> None:
    base = imported(method_file(tmp_path, "own_base"))
    path = tmp_path / "own_child.py"
    path.write_text(
        "from typing import Literal\nfrom heatmark.models.methods import METHODS, register\n"
        "@register\nclass Child(METHODS['own_base']):\n    name: Literal['own_child'] = 'own_child'\n"
    )
    assert {each.name for each in sources_of(imported(path))} == {"own_base.py", "own_child.py"}
    assert [each.name for each in sources_of(base)] == ["own_base.py"]


def test_a_package_travels_whole_and_hashes_every_file_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "here" / "own_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "scale.py").write_text("REACH = 2.0\n")
    (package / "table.yaml").write_text("a: 1\n")
    method_file(package, "own_parts", "reach: float = 1.0", "reach: float = REACH")
    text = (package / "own_parts.py").read_text()
    (package / "own_parts.py").write_text(f"from own_package.scale import REACH\n{text}")
    monkeypatch.chdir(package.parent)
    plug_in = plug_in_of("own_package.own_parts", "here")
    load(plug_in)
    assert METHODS["own_parts"]().reach == 2.0  # type: ignore[attr-defined]
    assert [each.name for each in sources_of(METHODS["own_parts"])] == ["own_package.own_parts"]

    run = tmp_path / "run"
    plug_in.copy_to(run)
    copies = {str(path.relative_to(run / COPIES / plug_in.sha256[:8])) for path in run.rglob("*.*")}
    assert copies == {f"own_package/{name}" for name in ("__init__.py", "scale.py", "own_parts.py", "table.yaml")}
    assert plug_in_in(run, plug_in.name, plug_in.sha256).place != plug_in.place

    (package / "scale.py").write_text("REACH = 3.0\n")
    changed = plug_in_of("own_package.own_parts", "here")
    assert changed.sha256 != plug_in.sha256
    load(changed, replaces=True)
    assert METHODS["own_parts"]().reach == 3.0  # type: ignore[attr-defined]
    load(plug_in_in(run, plug_in.name, plug_in.sha256), replaces=True)
    assert METHODS["own_parts"]().reach == 2.0  # type: ignore[attr-defined]


def test_two_versions_are_read_one_after_the_other(tmp_path: Path) -> None:
    first = imported(method_file(tmp_path, "own_twice"))
    run = tmp_path / "run"
    (old,) = sources_of(first)
    plug_in_of(str(tmp_path / "own_twice.py"), "here").copy_to(run)
    path = method_file(tmp_path, "own_twice", "reach: float = 1.0", "reach: float = 5.0")
    second = imported(path)
    assert second is not first and second().reach == 5.0
    load(plug_in_in(run, old.name, old.sha256), replaces=True)
    assert METHODS["own_twice"] is first


def test_a_copy_that_is_gone_or_changed_is_told(tmp_path: Path) -> None:
    plug_in = plug_in_of(str(method_file(tmp_path, "own_copy")), "here")
    with pytest.raises(InputError, match=r"plug-in own_copy.py: no copy of it in .*run the sweep with it again"):
        plug_in_in(tmp_path / "run", plug_in.name, plug_in.sha256)
    plug_in.copy_to(tmp_path / "run")
    (copy,) = (tmp_path / "run").rglob("*.py")
    copy.write_text("pass\n")
    with pytest.raises(InputError, match=r"own_copy\.py is not as the trial was planned with it"):
        plug_in_in(tmp_path / "run", plug_in.name, plug_in.sha256)
    plug_in.copy_to(tmp_path / "run")
    assert plug_in_in(tmp_path / "run", plug_in.name, plug_in.sha256).place == copy


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('name: Literal["own_bad"] = "own_bad"', "pass", 6, "Own has no name; write `name: Literal"),
        ('label: ClassVar[str] = "Own"', "pass", 6, "Own has no label"),
        ("own_bad", "bcir", 6, r"the method 'bcir' is there twice: BiasCompensated in .*bcir\.py and Own in"),
        ("reach: float = 1.0", "reach = 1.0", 12, "the field reach has no type; write `reach: float = "),
        ("reach: float = 1.0", "beta = 1.0", 12, "the field beta has no type"),
        ("class Own", "clas Own", 7, "SyntaxError"),
        ("@register", "import nowhere_at_all", 6, "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("@register", "raise SystemExit(0)", 6, "ends the process as it is imported"),
        ("@register", "1 / 0", 6, "ZeroDivisionError"),
        ("@register", "", None, "registers nothing; put `@register` above its class"),
        ("@register", "import own_beside", None, "imports own_beside, a file beside it that would not go with it"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_beside.py").write_text("")
    if "own_beside" in new:
        monkeypatch.syspath_prepend(str(tmp_path))
    path = method_file(tmp_path, "own_bad", old, new)
    before = dict(METHODS)
    with pytest.raises(InputError, match=words) as told:
        load(plug_in_of(str(path), "here"))
    assert str(told.value).startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert dict(METHODS) == before


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nowhere.py", r"here: .*nowhere\.py: no such file"),
        ("./folder", r"folder: a folder without __init__\.py"),
        ("no_such_package.part", "no module 'no_such_package' here or among the installed packages"),
        ("not a name", "neither a file"),
    ],
)
def test_what_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        plug_in_of(given, "here")


def test_what_a_plug_in_prints_is_no_part_of_the_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = method_file(tmp_path, "own_loud")
    path.write_text(f"print('hello')\n{path.read_text()}")
    imported(path)
    assert capsys.readouterr() == ("", "hello\n")


def test_an_error_in_a_plug_in_names_it(tmp_path: Path) -> None:
    path = method_file(tmp_path, "own_fault")
    path.write_text(f"{path.read_text()}\n    def decode(self, heatmap_BKHW):\n        return 1 / 0\n")
    kind = imported(path)
    with pytest.raises(ZeroDivisionError) as told:
        kind().decode(None)
    assert blame(told.value) == "plug-in own_fault.py, line 15, in decode"
    with pytest.raises(KeyError) as other:
        METHODS["nothing"]
    assert blame(other.value) is None
