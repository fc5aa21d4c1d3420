"""What the testbed needs of the host: apt packages, free ports, and names for its nodes in /etc/hosts."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from cluster import Layout, Settings, TestbedError
from daemons import PATH

HOSTS = Path("/etc/hosts")
POLICY = Path("/usr/sbin/policy-rc.d")
PACKAGES = {
    "slurmctld": "slurm-wlm",
    "slurmd": "slurm-wlm",
    "sbatch": "slurm-wlm",
    "munged": "munge",
    "slurmdbd": "slurmdbd",
    "mariadbd": "mariadb-server",
    "mariadb-install-db": "mariadb-server",
}
OF_ACCOUNTING = {"slurmdbd", "mariadb-server"}
# Below the range from which Linux takes the ports of outgoing connections: a daemon finds its port free at a restart.
PORTS = range(20000, 32000)


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def ensure_packages(accounting: bool) -> None:
    """Install what is missing when root; otherwise say what to install."""
    missing = missing_packages(accounting)
    if not missing:
        return
    install = f"apt-get install --no-install-recommends {' '.join(missing)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise TestbedError(f"missing Debian packages: {' '.join(missing)}. As root: apt-get update && {install}")
    say(f"installing {' '.join(missing)}")
    _install(missing)
    if still := missing_packages(accounting):
        raise TestbedError(f"apt-get ran, but these are still missing: {' '.join(still)}. Try: {install}")


def missing_packages(accounting: bool) -> list[str]:
    wanted = {package for program, package in PACKAGES.items() if shutil.which(program, path=PATH) is None}
    return sorted(wanted if accounting else wanted - OF_ACCOUNTING)


def _install(packages: list[str]) -> None:
    """apt-get, with a policy-rc.d that keeps it from starting the system's own daemons."""
    added = not POLICY.exists()
    if added:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            run = subprocess.run(["apt-get", *arguments], env=quiet, capture_output=True, text=True, timeout=900)
            if run.returncode:
                raise TestbedError(f"apt-get {' '.join(arguments)} failed:\n{run.stdout[-800:]}{run.stderr[-1500:]}")
    finally:
        if added:
            POLICY.unlink()


def free_ports(count: int) -> tuple[int, ...]:
    """Ports nobody listens on now, searched from a random start so that two testbeds seldom meet."""
    start = random.randrange(len(PORTS))
    found: list[int] = []
    for port in (*PORTS[start:], *PORTS[:start]):
        if _is_free(port):
            found.append(port)
        if len(found) == count:
            return tuple(found)
    raise TestbedError(f"fewer than {count} free ports between {PORTS.start} and {PORTS.stop}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def add_host_names(layout: Layout, settings: Settings) -> None:
    """Let node0, node1.. resolve: training processes meet at the first node's name, and hang if it does not."""
    line = f"127.0.0.1 {' '.join(settings.node_names)} {_mark(layout)}"
    if os.access(HOSTS, os.W_OK):
        _rewrite_hosts(layout, line)
    unknown = [name for name in settings.node_names if not _is_loopback(name)]
    if unknown:
        raise TestbedError(f"{HOSTS} lacks the nodes' names. As root, add this line to it:\n{line}")


def remove_host_names(layout: Layout) -> None:
    if os.access(HOSTS, os.W_OK):
        _rewrite_hosts(layout, None)


def _mark(layout: Layout) -> str:
    return f"# heatmark testbed {layout.root}"


def _rewrite_hosts(layout: Layout, line: str | None) -> None:
    """Replace this testbed's line. In place, as the file may be a container's mount, and under a lock."""
    with HOSTS.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before = file.read()
        kept = [old for old in before.splitlines() if not old.endswith(_mark(layout))]
        after = "\n".join([*kept, *([line] if line else [])]) + "\n"
        if after != before:
            file.seek(0)
            file.write(after)
            file.truncate()


def _is_loopback(name: str) -> bool:
    try:
        return socket.gethostbyname(name) == "127.0.0.1"
    except OSError:
        return False
