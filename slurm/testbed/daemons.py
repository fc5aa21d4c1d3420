"""The testbed's processes: started here, known by process id and start time, and only those are ever signalled."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from cluster import Layout, Settings, TestbedError

STOP_S = 20.0
# What a daemon may not inherit: a job's variables, a virtual environment, another cluster's SLURM_CONF.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment(layout: Layout) -> dict[str, str]:
    return {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "SLURM_CONF": str(layout.conf),
        "MYSQL_UNIX_PORT": str(layout.database_socket),
    }


def command(name: str, layout: Layout, settings: Settings) -> list[str]:
    """The command line of a daemon, in the foreground."""
    if name == "munged":
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        return ["munged", "--foreground", *(f"--{option}={layout.munge / file}" for option, file in files.items())]
    if name == "mariadbd":
        return ["mariadbd", *database_options(layout, settings), *DATABASE_TUNING, f"--socket={layout.database_socket}"]
    if name.startswith("slurmd-"):
        return ["slurmd", "-D", "-N", name.removeprefix("slurmd-")]
    return [name, "-D"]


# Small, quick, without a network port; accounting of a testbed need not survive a power cut.
DATABASE_TUNING = [
    "--skip-networking",
    "--skip-log-bin",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=32M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-lock-wait-timeout=900",
    "--innodb-use-native-aio=0",
]


def database_options(layout: Layout, settings: Settings) -> list[str]:
    """Options that mariadbd and mariadb-install-db share. --no-defaults must come first."""
    return ["--no-defaults", f"--datadir={layout.database}", f"--user={settings.user}"]


def start(name: str, layout: Layout, settings: Settings) -> int:
    """Start a daemon unless it runs; its process id."""
    running = pid_of(name, layout)
    if running is not None:
        return running
    node = name.removeprefix("slurmd-") if name.startswith("slurmd-") else None
    with (layout.logs / f"{name}.stderr").open("ab") as log:
        process = subprocess.Popen(
            command(name, layout, settings),
            env=environment(layout) | ({"SLURMD_NODENAME": node} if node else {}),
            cwd=layout.root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _pid_file(name, layout).write_text(f"{process.pid} {_start_time(process.pid)}\n")
    return process.pid


def stop(name: str, layout: Layout, number: signal.Signals = signal.SIGTERM) -> bool:
    """Signal a daemon and wait for its end, the hard way after STOP_S. False if it did not run."""
    pid = pid_of(name, layout)
    if pid is None:
        return False
    os.kill(pid, number)
    if not _ended(name, layout):
        os.kill(pid, signal.SIGKILL)
        _ended(name, layout)
    _pid_file(name, layout).unlink(missing_ok=True)
    return True


def pid_of(name: str, layout: Layout) -> int | None:
    """The process id of a daemon of ours that is alive: the recorded id, if it still is the recorded process."""
    try:
        pid, started = _pid_file(name, layout).read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if _start_time(int(pid)) == started else None


def check_alive(name: str, layout: Layout) -> None:
    if pid_of(name, layout) is None:
        log = layout.logs / f"{name}.stderr"
        raise TestbedError(f"{name} ended while starting; the end of {log}:\n{tail(log)}")


def tail(file: Path, lines: int = 12) -> str:
    text = file.read_text(errors="replace") if file.is_file() else ""
    return "\n".join(text.splitlines()[-lines:])


def job_processes(layout: Layout, node: str | None = None) -> dict[int, str]:
    """Processes of jobs and their slurmstepds, of one node or of all: process id -> command.

    They carry this testbed's SLURM_CONF and the node's name: SLURM gives them to a job, and `start` to a slurmd.
    """
    wanted = {f"SLURM_CONF={layout.conf}", *([f"SLURMD_NODENAME={node}"] if node else [])}
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            title = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").strip()
        except OSError:
            continue
        of_node = any(variable.startswith("SLURMD_NODENAME=") for variable in variables)
        if of_node and wanted.issubset(variables) and not title.startswith("slurmd "):
            found[int(folder.name)] = title
    return found


def kill_jobs(layout: Layout, node: str | None = None) -> dict[int, str]:
    """Kill what is left of jobs, as a power cut would; what was killed."""
    killed = job_processes(layout, node)
    for pid in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return killed


def _ended(name: str, layout: Layout) -> bool:
    deadline = time.monotonic() + STOP_S
    while time.monotonic() < deadline:
        if pid_of(name, layout) is None:
            return True
        time.sleep(0.1)
    return False


def _pid_file(name: str, layout: Layout) -> Path:
    return layout.pids / name


def _start_time(pid: int) -> str | None:
    """Clock ticks from boot to the start of a process; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
