"""What a job of `heatmark site check` executes on every rank: small steps, each of which writes down what it found.

python -m heatmark.workloads.site_probe TASK.json            a rank: standard library only
python -m heatmark.workloads.site_probe TASK.json --torch    its child, which may lack torch, crash or hang

TASK.json: {"folder", "part": "probe" or "notice", "scratch", "stage", "interface"}. Findings are lines of JSON in
<folder>/rank-R.jsonl and torch-R.jsonl. The driver (pipeline/site_run.py) answers by files in the same folder: try,
release, ping-N, requeue.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

# Set by the driver for sbatch: whether a job gets the environment of whoever sends it.
VARIABLE = "HEATMARK_SITE_CHECK"
PINGS = 3
FILE_S, TORCH_S, BEAT_S = 90.0, 240.0, 0.5
Task = dict[str, Any]


class Findings:
    """The file of one rank; every line is visible to others as soon as it is written (close-to-open on NFS)."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.rank = int(os.environ.get("SLURM_PROCID", "0"))
        self.file = folder / f"{kind}-{self.rank}.jsonl"

    def tell(self, step: str, **facts: Any) -> None:
        restart = int(os.environ.get("SLURM_RESTART_COUNT") or 0)
        line = {"step": step, "rank": self.rank, "restart": restart, "time": time.time(), **facts}
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, (json.dumps(line) + "\n").encode())
        finally:
            os.close(descriptor)

    def find(self, step: str, look: Callable[[], dict[str, Any]]) -> None:
        """Tell what a step finds, or how it fails: one that fails is a line, and the next one runs."""
        try:
            facts = look()
        except Exception as error:
            facts = {"error": f"{type(error).__name__}: {error}"}
        self.tell(step, **facts)


def listen(findings: Findings, ends: bool) -> None:
    """From now on signals are findings; those held back until here (pipeline/submit.py) are delivered at once."""

    def handle(number: int, _: FrameType | None) -> None:
        findings.tell("signal", signal=signal.Signals(number).name)
        if number == signal.SIGTERM and ends:
            os._exit(1)

    numbers = (signal.SIGUSR2, signal.SIGTERM)
    for number in numbers:
        signal.signal(number, handle)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)


def identity() -> dict[str, Any]:
    """Who and where a rank is, as SLURM and submitit tell it."""
    names = ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS", "SUBMITIT_EXECUTOR", VARIABLE)
    return {
        "node": node_name(),
        "local_rank": int(os.environ.get("SLURM_LOCALID", "0")),
        "variables": {name: os.environ.get(name) for name in names},
        "python": platform.python_version(),
        "executable": sys.executable,
        "cores": len(os.sched_getaffinity(0)),
    }


def node_name() -> str:
    """SLURM's name of this node, else the host's."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def heatmark_identity() -> dict[str, Any]:
    """heatmark's version, where it lies, and a fingerprint of what jobs run of it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        number = version("heatmark")
    except PackageNotFoundError:
        number = "not installed"
    root = Path(__file__).resolve().parent.parent
    sources = hashlib.sha256()
    for path in sorted(
        path for part in ("datasets", "foundation", "models", "workloads") for path in (root / part).rglob("*.py")
    ):
        sources.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return {"version": number, "path": str(root), "sources": sources.hexdigest()[:12]}


def compiler() -> dict[str, Any]:
    """The C++ compiler that torch would take for an extension, and its version."""
    name = os.environ.get("CXX", "c++")
    path = shutil.which(name)
    if path is None:
        return {"name": name, "path": None}
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    return {"name": name, "path": path, "version": said.stdout.partition("\n")[0]}


def folder_of(given: str | None) -> dict[str, Any]:
    """Whether a folder of the node's can be made and written, and its free space. None: the usual temporary one."""
    import tempfile

    from heatmark.foundation.variables import expand_variables

    folder = Path(expand_variables(given)).expanduser() if given else Path(tempfile.gettempdir())
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(b"x" * 4096)
    return {"folder": str(folder), "free_gib": round(shutil.disk_usage(folder).free / 2**30, 1)}


def interface() -> dict[str, Any]:
    """The name or address at which other nodes reach this one, and what it resolves to."""
    import psutil

    from heatmark.workloads.launch import Launch

    given = os.environ.get("HEATMARK_INTERFACE", "")
    absent = [name for name in given.split(",") if name and name not in psutil.net_if_addrs()]
    name = Launch.from_environment().host
    return {"name": name, "absent": absent, "present": sorted(psutil.net_if_addrs()), "address": _address(name)}


def _address(name: str) -> str | None:
    try:
        return socket.gethostbyname(name)
    except OSError:
        return None


def hold_lock(folder: Path, findings: Findings) -> None:
    """Rank 0 holds a lock until the driver says that all others have tried."""
    with (folder / "lock").open("a+") as lock:
        findings.find("lock", lambda: try_lock(lock.fileno()))
        wait_for(folder / "release")


def ask_lock(folder: Path, findings: Findings) -> None:
    """Every other rank tries to take the lock while rank 0 holds it."""
    if not wait_for(folder / "try"):
        return
    with (folder / "lock").open("a+") as lock:
        findings.find("lock", lambda: try_lock(lock.fileno()))


def try_lock(descriptor: int) -> dict[str, Any]:
    """Whether this process gets the lock; errno of a file system that knows no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return {"got": False}
    except OSError as error:
        return {"got": False, "errno": errno.errorcode.get(error.errno or 0, str(error.errno)), "error": str(error)}
    return {"got": True}


def wait_for(path: Path, seconds: float = FILE_S) -> bool:
    """Whether a file of the driver's is seen within some time."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def answer_pings(folder: Path, findings: Findings) -> None:
    """Answer each file that the other side writes, PINGS times, to tell how late a folder shows it."""
    for number in range(PINGS):
        if not wait_for(folder / f"ping-{number}"):
            return
        findings.tell("pong", number=number, node=node_name())


def start_torch(task_file: Path, findings: Findings) -> subprocess.Popen[bytes]:
    """The steps that need torch, in a process of their own, to which the job's warnings mean nothing."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGUSR2,))
    try:
        with findings.file.with_suffix(".torch").open("wb") as words:
            command = [sys.executable, "-u", "-m", "heatmark.workloads.site_probe", str(task_file), "--torch"]
            return subprocess.Popen(command, stdout=words, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGUSR2,))


def end_torch(child: subprocess.Popen[bytes], findings: Findings) -> dict[str, Any]:
    """How the child ended, and its last words."""
    try:
        code: int | None = child.wait(TORCH_S)
    except subprocess.TimeoutExpired:
        child.kill()
        code = None
    said = findings.file.with_suffix(".torch").read_text(errors="replace").split("\n")
    return {"code": code, "said": " | ".join(line.strip() for line in said[-4:] if line.strip())}


def torch_version() -> dict[str, Any]:
    """torch's version, the GPUs that it sees, and how long its import took, seconds."""
    began = time.monotonic()
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = sorted({torch.cuda.get_device_name(index) for index in range(count)})
    return {"version": torch.__version__, "gpus": count, "names": names, "seconds": time.monotonic() - began}


def meet(folder: Path) -> dict[str, Any]:
    """All ranks meet as those of a trial do, and add up ones."""
    import torch

    from heatmark.workloads.launch import Launch
    from heatmark.workloads.process_group import process_group

    launch, began = Launch.from_environment(), time.monotonic()
    with process_group(launch, folder) as ranks:
        seconds = time.monotonic() - began
        nodes = sorted(set(ranks.gather(node_name())))
        total = ranks.total_later(torch.ones(1, device=ranks.device)).read()[0]
        address = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        return {"address": address, "nodes": nodes, "total": total, "device": ranks.device.type, "seconds": seconds}


def requeue() -> dict[str, Any]:
    """This job goes back into the queue, by the id that trials use."""
    from heatmark.foundation.command import run_command
    from heatmark.workloads.launch import Launch
    from heatmark.workloads.slurm_environment import on_own_cluster

    run_command(["scontrol", "requeue", Launch.from_environment().job], 30, on_own_cluster())
    return {}


def run_torch(folder: Path) -> int:
    """The part of the probe that needs torch, a process of its own. Returns its exit status."""
    findings = Findings(folder, "torch")
    findings.find("torch", torch_version)
    findings.find("meet", lambda: meet(folder))
    return 0


def run_probe(task: Task, task_file: Path) -> int:
    """What one rank of the probe's job does. Returns its exit status."""
    folder = Path(task["folder"])
    findings = Findings(folder, "rank")
    listen(findings, ends=True)
    findings.tell("start", **identity())
    if os.environ.get("SLURM_RESTART_COUNT"):
        return 0
    child = start_torch(task_file, findings)
    findings.find("heatmark", heatmark_identity)
    findings.find("compiler", compiler)
    findings.find("scratch", lambda: folder_of(task["scratch"]))
    if task["stage"]:
        findings.find("stage", lambda: folder_of(task["stage"]))
    findings.find("interface", interface)
    (hold_lock if findings.rank == 0 else ask_lock)(folder, findings)
    answer_pings(folder, findings)
    findings.find("torch_end", lambda: end_torch(child, findings))
    if wait_for(folder / "requeue", TORCH_S) and findings.rank == 0:
        findings.tell("requeuing")
        findings.find("requeue", requeue)
    time.sleep(60)  # killed here, as a trial is
    return 0


def run_notice(task: Task) -> int:
    """Live until killed: what is measured is how long after the warning that is."""
    findings = Findings(Path(task["folder"]), "rank")
    listen(findings, ends=False)
    findings.tell("start", **identity())
    while True:
        time.sleep(BEAT_S)
        findings.tell("alive")


def main(arguments: list[str]) -> int:
    """The command of a job."""
    task_file = Path(arguments[0])
    task: Task = json.loads(task_file.read_text())
    if "--torch" in arguments:
        return run_torch(Path(task["folder"]))
    return run_notice(task) if task["part"] == "notice" else run_probe(task, task_file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
