"""Bringing the testbed up and down, and asking whether it is well."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cluster
import daemons
import host
from cluster import Layout, Settings, TestbedError

START_S = 60.0
NODES = "the nodes"
# States of a node that can take or has work; anything else, or a trailing mark such as *, is not well.
WELL = frozenset({"idle", "allocated", "mixed", "completing"})


@contextlib.contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """One up or down at a time for a state folder, which must be ours."""
    if not layout.root.is_dir():
        layout.root.mkdir(mode=0o755, parents=True, exist_ok=True)
    status = layout.root.lstat()
    if layout.root.is_symlink() or status.st_uid != os.geteuid():
        raise TestbedError(f"{layout.root} belongs to somebody else: choose another folder with --state")
    if len(str(layout.database_socket)) > 100:
        raise TestbedError(f"{layout.root} is too long a path for Unix sockets: choose a shorter one with --state")
    foreign = [entry.name for entry in layout.root.iterdir() if entry.name not in {"lock", "log"}]
    if foreign and not layout.settings.is_file():
        raise TestbedError(f"{layout.root} has files that are not a testbed's: choose another folder with --state")
    with (layout.root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def up(layout: Layout, settings: Settings) -> None:
    """A fresh testbed. The caller has made sure that none runs in this folder."""
    began = time.monotonic()
    host.ensure_packages(settings.accounting)
    prepare(layout, settings)
    host.add_host_names(layout, settings)
    start_all(layout, settings)
    host.say(f"{settings.nodes} nodes idle after {time.monotonic() - began:.0f} s; state in {layout.root}")


def prepare(layout: Layout, settings: Settings) -> None:
    """The state folder: settings first, as they mark the folder as ours."""
    cluster.save_settings(layout, settings)
    for folder in (layout.conf.parent, layout.logs, layout.pids, layout.munge, layout.controller_state, layout.spool):
        folder.mkdir(mode=0o755, exist_ok=True)
    for node in settings.node_names:
        (layout.spool / node).mkdir(exist_ok=True)
    _write(layout.munge / "key", os.urandom(128), 0o400)
    _write(layout.conf, cluster.slurm_conf(layout, settings).encode(), 0o644)
    if settings.accounting:
        layout.database.mkdir(mode=0o700)
        _write(layout.dbd_conf, cluster.slurmdbd_conf(layout, settings).encode(), 0o600)
        host.say("creating the accounting database")
        _create_database(layout, settings)


def start_all(layout: Layout, settings: Settings) -> None:
    """Start what does not run, in order, and wait until every node is idle or at work."""
    for name in settings.daemons:
        if daemons.pid_of(name, layout) is None:
            host.say(f"starting {name}")
            start_daemon(name, layout, settings)
    nodes = settings.nodes
    _wait(NODES, layout, lambda: sum(_is_well(state) for state in node_states(layout).values()) == nodes)
    for name in settings.daemons:
        daemons.check_alive(name, layout)


def start_daemon(name: str, layout: Layout, settings: Settings) -> None:
    """Start one and wait until those that need it can use it."""
    daemons.start(name, layout, settings)
    if name == "munged":
        _wait(name, layout, layout.munge_socket.exists)
    elif name == "mariadbd":
        _wait(name, layout, layout.database_socket.exists)
    elif name == "slurmdbd":
        _wait(name, layout, lambda: ask(layout, "sacctmgr", "-n", "show", "cluster").returncode == 0)
        _register(layout, settings)
    elif name == "slurmctld":
        _wait(name, layout, lambda: ask(layout, "scontrol", "ping").returncode == 0)


def down(layout: Layout, keep_logs: bool) -> None:
    """End jobs, then daemons, then whatever jobs left behind; remove the state folder."""
    settings = cluster.load_settings(layout)
    if settings is not None:
        _end_jobs(layout, settings)
        for name in reversed(settings.daemons):
            if daemons.stop(name, layout):
                host.say(f"stopped {name}")
        for pid, title in daemons.kill_jobs(layout).items():
            host.say(f"killed what a job left behind: {pid} {title}")
    host.remove_host_names(layout)
    clear(layout, keep_logs)
    (layout.root / "lock").unlink()
    if keep_logs and layout.logs.is_dir():
        host.say(f"logs kept in {layout.logs}")
    else:
        layout.root.rmdir()


def clear(layout: Layout, keep_logs: bool = False) -> None:
    """Empty the state folder but for the lock, which the caller holds."""
    for entry in layout.root.iterdir():
        if entry.is_dir() and not (keep_logs and entry == layout.logs):
            shutil.rmtree(entry)
        elif not entry.is_dir() and entry.name != "lock":
            entry.unlink()


def problems(layout: Layout, settings: Settings) -> list[str]:
    """What is not well; nothing when it is."""
    dead = [f"{name} is not running" for name in settings.daemons if daemons.pid_of(name, layout) is None]
    states = node_states(layout)
    ill = [f"{node} is {states.get(node, 'unknown')}" for node in settings.node_names]
    return dead + [text for text in ill if not _is_well(text.rpartition(" ")[2])]


def node_states(layout: Layout) -> dict[str, str]:
    lines = ask(layout, "sinfo", "-h", "-N", "-p", "normal", "-o", "%N %T").stdout.splitlines()
    return {line.split()[0]: line.split()[1] for line in lines}


def ask(layout: Layout, *command: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    """Run a client command of SLURM; a time-out counts as a failure."""
    try:
        return subprocess.run(
            command, env=daemons.environment(layout), capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        return subprocess.CompletedProcess(command, 124, "", str(error))


def _is_well(state: str) -> bool:
    return state in WELL


def _register(layout: Layout, settings: Settings) -> None:
    """The cluster, one account and its users in the accounting database, unless it is only a restart."""
    if "testbed" in ask(layout, "sacctmgr", "-n", "-P", "show", "cluster", "format=cluster").stdout.split():
        return
    users = ",".join(sorted({"root", settings.user}))
    limit = -1 if settings.max_submit is None else settings.max_submit
    for words in (
        "add cluster testbed",
        "add account testbed Cluster=testbed Description=testbed Organization=testbed",
        f"add user {users} Account=testbed AdminLevel=Administrator",
        f"modify user where name={users} cluster=testbed set MaxSubmitJobs={limit}",
    ):
        answer = ask(layout, "sacctmgr", "-i", *words.split())
        if answer.returncode:
            raise TestbedError(f"sacctmgr {words} failed:\n{answer.stdout}{answer.stderr}")


def _end_jobs(layout: Layout, settings: Settings) -> None:
    """Cancel all jobs and give them their time to end."""
    if daemons.pid_of("slurmctld", layout) is None:
        return
    jobs = ask(layout, "squeue", "-h", "-o", "%A").stdout.split()
    if not jobs:
        return
    ask(layout, "scancel", *sorted(set(jobs)))
    deadline = time.monotonic() + settings.kill_wait + 10
    while ask(layout, "squeue", "-h").stdout.strip() and time.monotonic() < deadline:
        time.sleep(0.5)


def _create_database(layout: Layout, settings: Settings) -> None:
    options = [*daemons.database_options(layout, settings), f"--auth-root-socket-user={settings.user}"]
    tool = ["mariadb-install-db", *options, "--auth-root-authentication-method=socket", "--skip-test-db"]
    answer = ask(layout, *tool, timeout=120)
    if answer.returncode:
        raise TestbedError(f"mariadb-install-db failed:\n{answer.stdout[-800:]}{answer.stderr[-1500:]}")


def _wait(what: str, layout: Layout, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while not ready():
        if time.monotonic() > deadline:
            raise TestbedError(f"{what} not ready after {START_S:.0f} s; logs in {layout.logs}")
        if what != NODES:
            daemons.check_alive(what, layout)
        time.sleep(0.2)


def _write(file: Path, content: bytes, mode: int) -> None:
    """A file that never was more open than it should be."""
    file.touch(mode=mode, exist_ok=False)
    file.write_bytes(content)
