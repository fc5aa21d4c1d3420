"""What stands in the manual's pages works: every command, every block of YAML and python, every message."""

from __future__ import annotations

import copy
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from heatmark.datasets.skeletons import read_skeleton
from heatmark.pipeline.site import Site, read_site
from heatmark.pipeline.sweep import SweepFile, load_sweep
from tests.manual.blocks import DOCS, PAGES, ROOT, Block, blocks, commands, mentions

USUAL: dict[str, Any] = {
    "name": "usual",
    "grid": {"method": "bcir", "backbone": "sbl-r18-w16", "dataset": "drawn"},
    "data": {"drawn": {"synthetic": {"people_train": 4, "people_val": 4}}},
}


def joined(base: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """A file with a part of it replaced."""
    whole = copy.deepcopy(base)
    for key, value in part.items():
        known = whole.get(key)
        whole[key] = joined(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return whole


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: block.page)
def test_every_block_of_yaml_is_what_a_file_may_hold(block: Block, tmp_path: Path) -> None:
    content = yaml.safe_load(block.text)
    path = tmp_path / "file.yaml"
    if block.text.startswith("# site"):
        assert set(content) <= set(Site.model_fields)
        path.write_text(block.text)
        read_site(path)
        return
    if block.text.startswith("# skeleton"):
        path.write_text(block.text)
        found = read_skeleton(str(path), "the manual")
        assert len(found.skeleton.swaps) == 2
        return
    assert set(content) <= set(SweepFile.model_fields)
    content.get("cluster", {}).pop("site", None)
    for name in content.get("plugins", ()):
        (tmp_path / name).write_text(blocks("python")[0].text)
    content["plugins"] = [str(tmp_path / name) for name in content.get("plugins", ())]
    whole = joined(USUAL, content)
    datasets = whole["grid"]["dataset"]
    for name in [datasets] if isinstance(datasets, str) else datasets:
        whole["data"].setdefault(name, USUAL["data"]["drawn"])
    path.write_text(yaml.safe_dump(whole))
    load_sweep(path)


@cache
def command_line() -> Any:
    from typer.main import get_command

    from heatmark.pipeline.cli import app

    return get_command(app)


def parsed(words: list[str], whole: bool = True) -> None:
    """Raises what click raises of an option that a command has not, ValueError of a command that is not there.

    whole: nothing that it must be given may be missing.
    """
    command, rest = command_line(), words
    context = command.make_context("heatmark", [words[0]], resilient_parsing=True)
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, rest)
        if command is None:
            raise ValueError(f"No such command: {words}")
    command.make_context(name, list(rest), resilient_parsing=not whole)


def test_every_command_in_the_manual_is_one() -> None:
    found = commands()
    assert len(found) > 25
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in found:
        match words:
            case ["heatmark", *rest]:
                parsed(rest)
            case ["make", target]:
                assert target in targets, words
            case ["sbatch", script, sweep]:
                assert (ROOT / script).is_file() and (ROOT / sweep).is_file(), words
            case [".venv/bin/python", "-m", "pytest", "-q", file]:
                assert (ROOT / file).is_file(), words
            case [".", activate]:
                assert activate == ".venv/bin/activate"
            case _:
                raise AssertionError(f"nobody checks this command: {words}")


def test_every_command_in_running_text_is_one() -> None:
    found = [words[1:] for words in mentions()]
    assert len(found) >= 10
    for words in found:
        if words not in (["--install-completion"], ["--show-completion"]):
            parsed(words, whole=False)


@pytest.mark.parametrize("words", [["sweep", "rnu"], ["sweep", "plan", "a", "--ste", "b"], ["score", "coco"]])
def test_a_command_that_is_none_is_found(words: list[str]) -> None:
    with pytest.raises(Exception, match=r"No such command|No such option|Missing parameter"):
        parsed(words)


def test_the_method_of_the_manual_can_be_planned(tmp_path: Path) -> None:
    (python,) = blocks("python")
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "sharp.py").write_text(python.text)
    (toml,) = blocks("toml")
    group, entry = re.fullmatch(r'\[project\.entry-points\."([\w.]+)"\]\n(.*)\n', toml.text).groups()  # type: ignore[union-attr]
    metadata = tmp_path / "mine-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{entry.replace(chr(34), '')}\n")
    sweep = joined(USUAL, {"grid": {"method": ["detection", {"name": "sharp", "sigma": 1.5}]}})
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    done = subprocess.run(
        [sys.executable, "-m", "heatmark.pipeline.cli", "sweep", "plan", "sweep.yaml"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
    )
    assert done.returncode == 0 and "Sharp sbl-r18-w16" in done.stdout, done.stderr


def test_every_message_under_troubleshooting_is_one_of_the_codes() -> None:
    messages = re.findall(r"^### `(.+)`$", (DOCS / "troubleshooting.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(messages) > 15
    folders = ("foundation", "models", "datasets", "workloads", "pipeline", "reports")
    code = "\n".join(path.read_text(encoding="utf-8") for folder in folders for path in (ROOT / folder).rglob("*.py"))
    assert [message for message in messages if message not in code] == []


def test_every_page_is_finished() -> None:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# ") and len(text) > 800 and not re.search(r"\b(TODO|TBD|FIXME)\b", text), path
