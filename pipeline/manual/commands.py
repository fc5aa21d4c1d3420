"""Every command, its arguments and its options, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heatmark.pipeline.manual.text import page, plain, table

PROGRAM = "heatmark"


def commands_page() -> str:
    """Of the whole command line."""
    found = list(every_command())
    rows = [(f"[`{name}`](#{_anchor(name)})", plain((command.help or "").split("\n\n")[0])) for name, command in found]
    return page(
        "The command line",
        "Exit code 0: done. 2: the user's mistake, told in one line. 1: ours, with a stack trace. 130: interrupted. "
        "`--json` prints one JSON object on stdout and nothing else there.\n\n"
        "`heatmark --install-completion` adds completion of commands and options to your shell (bash, zsh, fish, "
        "PowerShell); `heatmark --show-completion` prints what that is.",
        table(("Command", "What it does"), rows),
        *(part for name, command in found for part in _command(name, command)),
    )


def every_command() -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its words, as click has it."""
    from typer.main import get_command

    from heatmark.pipeline.cli import app

    waiting: list[tuple[str, Any]] = [(PROGRAM, get_command(app))]
    while waiting:
        name, command = waiting.pop(0)
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name, command
        else:
            waiting = [(f"{name} {word}", each) for word, each in sorted(inner.items())] + waiting


def _command(name: str, command: Any) -> Iterator[str]:
    yield f"## `{name}` {{#{_anchor(name)}}}"
    yield plain(command.help or "")
    yield "    " + " ".join(
        [name, *command.collect_usage_pieces(command.make_context(name, [], resilient_parsing=True))]
    )
    rows = [_parameter(each) for each in command.params if not getattr(each, "hidden", False)]
    yield table(("Argument or option", "Default", "What it is"), rows)
    if hasattr(command, "lines"):
        yield "\n".join(f"- {plain(line)}" for line in command.lines())


def _parameter(parameter: Any) -> tuple[str, str, str]:
    if parameter.param_type_name == "argument":
        names = f"`{parameter.metavar or parameter.name.upper()}`"
    else:
        names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
    default = parameter.default
    unset = default is None or callable(default) or str(default) in ("", "False") or "UNSET" in repr(default)
    return names, "" if unset else f"`{default}`", plain(parameter.help or "")


def _anchor(name: str) -> str:
    return name.replace(" ", "-")
