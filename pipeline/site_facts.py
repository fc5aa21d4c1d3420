"""Lines of `heatmark site check` that the ranks of its jobs tell (workloads/site_probe.py)."""

from __future__ import annotations

import platform
import time
from typing import Any

from heatmark.pipeline.site_answers import Line, no, ok
from heatmark.pipeline.site_jobs import SiteJob
from heatmark.pipeline.site_run import GRACE_S, NOTICE_S, Seen
from heatmark.workloads.site_probe import FILE_S, PINGS, VARIABLE, heatmark_identity

CLOCK_S = 30.0
OLDEST_PYTHON = (3, 10)
Facts = dict[int, dict[str, Any]]


def _of_all(seen: Seen, step: str) -> Facts | None:
    """What every rank found; as soon as one has failed, what there is."""
    found = seen.probe.found(step) if seen.probe else {}
    failed = any("error" in fact for fact in found.values())
    return found if len(found) == seen.world or failed else None


def _error(seen: Seen, found: Facts) -> str | None:
    for rank, fact in found.items():
        if "error" in fact:
            return f"{_node(seen, rank)}: {_short(fact['error'])}"
    return None


def _node(seen: Seen, rank: int) -> str:
    start = seen.probe.found("start").get(rank, {}) if seen.probe else {}
    return f"rank {rank} on {start.get('node', '(unknown)')}"


def _short(text: str, most: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most // 3]} ... {text[-2 * most // 3 :]}"


def _over(job: SiteJob | None) -> bool:
    return job is not None and job.ended_at is not None and time.monotonic() - job.ended_at > GRACE_S


def srun(seen: Seen) -> Line | None:
    """Every rank on every node, with what submitit and SLURM tell it."""
    probe, settings = seen.probe, seen.cluster.settings
    if probe is None or probe.refused:
        return None
    ranks = probe.found("start")
    late = probe.started_at is not None and time.monotonic() - probe.started_at > 60
    if len(ranks) < seen.world and not (late or _over(probe)):
        return None
    if not ranks and not _over(probe):
        return None  # a slow start, or a folder that the nodes do not see: `?` in the end
    if not ranks:
        words = f"no rank began ({probe.state or 'gone'}): {_short(probe.last_words())}"
        return no(words, f"mend setup, launcher, python or srun of the site file; logs in {probe.log.parent}")
    nodes = sorted({fact["node"] for fact in ranks.values()})
    deaf = [rank for rank, fact in ranks.items() if fact["variables"]["SUBMITIT_EXECUTOR"] != "slurm"]
    if deaf:
        return no(f"rank {deaf[0]} has lost the job's environment", "let the launcher hand on SLURM_* and SUBMITIT_*")
    if len(ranks) < seen.world or len(nodes) != settings.nodes:
        words = f"{len(ranks)} of {seen.world} ranks began, on {', '.join(nodes)}"
        return no(words, f"ask for srun's ways (--mpi, PMI) at the site; logs in {probe.log.parent}")
    return ok(f"{seen.world} rank(s) on {', '.join(nodes)}, {ranks[0]['cores']} core(s) for rank 0")


def environment(seen: Seen) -> Line | None:
    found = _of_all(seen, "start")
    if found is None:
        return None
    if all(fact["variables"][VARIABLE] == seen.jobs.token for fact in found.values()):
        return ok("jobs get the environment of whoever sends them")
    return no("jobs do not get this shell's environment", "set in setup what they need (PATH, PYTHONPATH, modules)")


def python(seen: Seen) -> Line | None:
    found = _of_all(seen, "start")
    if found is None:
        return None
    versions = sorted({f"{fact['python']} ({fact['executable']})" for fact in found.values()})
    here = platform.python_version()
    words = ", ".join(versions) + ("" if {fact["python"] for fact in found.values()} == {here} else f"; here {here}")
    old = [fact for fact in found.values() if tuple(map(int, fact["python"].split(".")[:2])) < OLDEST_PYTHON]
    return no(words, "heatmark needs 3.10 or newer: set python or launcher in the site file") if old else ok(words)


def heatmark(seen: Seen) -> Line | None:
    found = _of_all(seen, "heatmark")
    if found is None:
        return None
    error = _error(seen, found)
    here = heatmark_identity()
    for rank, fact in found.items():
        if error or (fact["version"], fact["sources"]) != (here["version"], here["sources"]):
            there = error or f"{fact['version']}, sources {fact['sources']}, in {fact['path']}"
            words = f"{_node(seen, rank)} has {there}; here {here['version']}, sources {here['sources']}"
            return no(words, "install the same heatmark on the nodes (or in the container) as here")
    return ok(f"{here['version']}, the same sources as here ({here['sources']})")


def signals(seen: Seen) -> Line | None:
    """scancel --signal=USR2."""
    if seen.signalled_at is None or seen.probe is None:
        return None
    if seen.signal_error:
        return no(f"scancel --signal: {seen.signal_error}", "ask the site whether jobs may be signalled")
    found = seen.probe.found("signal", signal="SIGUSR2")
    waited = time.monotonic() - seen.signalled_at
    if len(found) == seen.world:
        return ok(f"USR2 of scancel reaches every rank, within {waited:.1f} s")
    if waited < 20 and not _over(seen.probe):
        return None
    words = f"USR2 of scancel reached {len(found)} of {seen.world} ranks within {waited:.0f} s"
    if found:
        return ok(f"{words}; one is enough")
    return no(words, "let the launcher hand signals on (exec, or apptainer's and docker's ways)")


def warning(seen: Seen) -> Line | None:
    """USR2 of --signal before the time limit."""
    job = seen.notice
    if job is None or job.refused:
        return None
    found, starts = job.found("signal", signal="SIGUSR2"), job.found("start")
    if len(found) < seen.world and not _over(job):
        return None
    if not found:
        return no("USR2 came to no rank before the time limit", "preempted and timed out trials lose up to an epoch")
    after = min(fact["time"] - starts[rank]["time"] for rank, fact in found.items() if rank in starts)
    return ok(
        f"USR2@{NOTICE_S} of a limit of 60 s reached {len(found)} of {seen.world} ranks {after:.0f} s after the start"
    )


def notice(seen: Seen) -> Line | None:
    """How long a job lives on after its warning."""
    job = seen.notice
    if job is None or not _over(job):
        return None
    warned = job.found("signal", signal="SIGUSR2")
    alive = job.found("alive")
    if not warned or not alive:
        return None
    first = min(fact["time"] for fact in warned.values())
    terms = [fact["time"] - first for fact in job.found("signal", signal="SIGTERM").values()]
    seconds = max(fact["time"] for fact in alive.values()) - first
    words = f"killed {seconds:.0f} s after USR2" + (f", TERM after {min(terms):.0f} s" if terms else "")
    asked = f"asked for {NOTICE_S} s"
    if seconds < NOTICE_S - 5:
        todo = f"raise cluster.signal_s ({seen.cluster.settings.signal_s} s) by {NOTICE_S - seconds:.0f} s"
        return no(f"{words}; {asked}", todo)
    return ok(f"{words}; {asked}, cluster.signal_s is {seen.cluster.settings.signal_s} s")


def requeue(seen: Seen) -> Line | None:
    if seen.probe is None:
        return None
    todo = "nothing: the driver sends the trial again after a time limit, as a new job"
    left, back = seen.probe.found("requeuing"), seen.probe.found("start", restart=1)
    failed = [fact["error"] for fact in seen.probe.found("requeue").values() if "error" in fact]
    if failed:
        return no(f"scontrol requeue on the node: {_short(failed[0])}", todo)
    if left and back:
        seconds = min(fact["time"] for fact in back.values()) - left[0]["time"]
        return ok(f"job {seen.probe.element} came back as restart 1 {seconds:.0f} s after it had asked")
    if left and _over(seen.probe):
        return no(f"the job did not come back; it ended as {seen.probe.state or 'gone'}", todo)
    return None


def locks(seen: Seen) -> Line | None:
    """flock between rank 0, which holds, and everybody else."""
    probe = seen.probe
    found = probe.found("lock") if probe else {}
    here = seen.lock_here
    if here is None or 0 not in found:
        return None
    unknown = [fact for fact in (*found.values(), here) if "error" in fact]
    mount = "mount the folder with locks (Lustre: -o flock; NFS: lockd), or give --out on another file system"
    if unknown:
        return no(f"flock: {unknown[0].get('errno', '')} {unknown[0]['error']}".replace("  ", " "), mount)
    others = {rank: fact for rank, fact in found.items() if rank}
    if len(others) < seen.world - 1 and probe and time.monotonic() - (probe.started_at or 0) < 120:
        return None
    broken = [_node(seen, rank) for rank, fact in others.items() if fact["got"]] + ["this machine"] * here["got"]
    if broken:
        return no(f"{broken[0]} got the lock that {_node(seen, 0)} holds", mount)
    asked = f"{len(others)} other rank(s) and this machine"
    return ok(f"flock excludes: {_node(seen, 0)} held, {asked} did not get it")


def shared(seen: Seen) -> Line | None:
    """How late files are, in both directions."""
    nodes = _nodes(seen)
    missing = [(node, number) for node in nodes for number in range(PINGS) if (node, number) not in seen.pongs]
    if not nodes or not seen.pings:
        return None
    if missing:
        if time.time() - max(seen.pings.values()) < FILE_S:
            return None
        return no(f"a file written here was not seen on {missing[0][0]} within {FILE_S:.0f} s", "give a shared --out")
    there = max(node_at - seen.pings[number] for (_, number), (node_at, _) in seen.pongs.items())
    back = max(seen_at - node_at for node_at, seen_at in seen.pongs.values())
    return ok(
        f"a file is seen on the nodes after {there:.1f} s, one of theirs here after {back:.1f} s (by both clocks)"
    )


def clock(seen: Seen) -> Line | None:
    """A node saw each ping after it was written and before its answer was seen: the clocks' difference is between."""
    nodes = _nodes(seen)
    if not nodes or any((node, number) not in seen.pongs for node in nodes for number in range(PINGS)):
        return None
    worst, within = "", (0.0, 0.0)
    for node in nodes:
        pongs = [(seen.pings[number], *pong) for (name, number), pong in seen.pongs.items() if name == node]
        least = max(node_at - seen_at for _, node_at, seen_at in pongs)
        most = min(node_at - sent for sent, node_at, _ in pongs)
        middle, spread = (least + most) / 2, max(0.0, (most - least) / 2)
        if not worst or abs(middle) > abs(within[0]):
            worst, within = node, (middle, spread)
    words = f"{worst} is {within[0]:+.1f} s off this machine (+- {within[1]:.1f} s)"
    far = abs(within[0]) - within[1] > CLOCK_S
    return no(words, "let the site set its clocks (NTP): times in logs and reports mislead") if far else ok(words)


def _nodes(seen: Seen) -> list[str]:
    starts = _of_all(seen, "start") or {}
    return sorted({fact["node"] for fact in starts.values()})


def interface(seen: Seen) -> Line | None:
    found = _of_all(seen, "interface")
    if found is None:
        return None
    todo = "name in `interface` a network that every node has, or give host_suffix"
    error = _error(seen, found)
    if error:
        return no(error, todo)
    for rank, fact in found.items():
        if fact["absent"]:
            return no(f"{_node(seen, rank)} has no {fact['absent'][0]}; it has {', '.join(fact['present'])}", todo)
        if fact["address"] is None:
            return no(f"the name {fact['name']} of {_node(seen, rank)} means nothing there", todo)
    given = seen.cluster.keys.interface
    return ok(f"rank 0 is {found[0]['name']} ({found[0]['address']}){f', over {given}' if given else ''}")


def scratch(seen: Seen) -> Line | None:
    given = seen.cluster.keys.scratch
    return _folder(seen, "scratch", "mend `scratch` of the site file" if given else "set `scratch` in the site file")


def stage(seen: Seen) -> Line | None:
    return _folder(seen, "stage", "mend `stage`: a folder of the nodes' own disks that you may write")


def _folder(seen: Seen, step: str, todo: str) -> Line | None:
    found = _of_all(seen, step)
    if found is None:
        return None
    error = _error(seen, found)
    if error:
        return no(error, todo)
    least = min(found.values(), key=lambda fact: float(fact["free_gib"]))
    return ok(f"{least['folder']} can be written, {least['free_gib']} GiB free")


def torch(seen: Seen) -> Line | None:
    found, todo = _of_all(seen, "torch"), "install heatmark's requirements for the python of the nodes"
    if found is None:
        return _dead_child(seen, "torch", todo)
    error = _error(seen, found)
    if error:
        return no(error, todo)
    versions = ", ".join(sorted({fact["version"] for fact in found.values()}))
    return ok(f"{versions}, imported within {max(fact['seconds'] for fact in found.values()):.0f} s")


def _dead_child(seen: Seen, step: str, todo: str) -> Line | None:
    """The process that needs torch ended, crashed or hung before this step was told."""
    told = seen.probe.found(step) if seen.probe else {}
    for rank, fact in (seen.probe.found("torch_end") if seen.probe else {}).items():
        if rank not in told and time.time() - fact["time"] > 2:
            how = "hung" if fact.get("code") is None else f"ended with exit code {fact['code']}"
            return no(f"{_node(seen, rank)}: {step}: {how}: {_short(fact.get('said', ''))}", todo)
    return None


def rendezvous(seen: Seen) -> Line | None:
    """Trials' own process group."""
    todo = "give `interface` or `host_suffix` of a network that joins the nodes; see the log"
    found = _of_all(seen, "meet")
    if found is None:
        return _dead_child(seen, "meet", todo)
    error = _error(seen, found)
    if error:
        return no(error, f"see {seen.probe.folder if seen.probe else ''}/rank-0.torch")
    first = found[0]
    if first["total"] != seen.world:
        return no(f"the sum over {seen.world} ranks is {first['total']}", "report this to heatmark's makers")
    backend = "nccl" if first["device"] == "cuda" else "gloo"
    where = f"{seen.world} rank(s) on {', '.join(first['nodes'])}"
    return ok(f"{where} met at {first['address']} over {backend}, within {first['seconds']:.0f} s")


def gpus(seen: Seen) -> Line | None:
    found, met = _of_all(seen, "torch"), _of_all(seen, "meet")
    wanted = seen.cluster.keys.gpus_per_node
    if found is None or _error(seen, found):
        return None
    counts = {int(fact["gpus"]) for fact in found.values()}
    if counts == {0}:
        todo = "give gpus_per_node or gres as the site wants it, and a torch that is built for its driver"
        return no(f"torch sees no GPU although gpus_per_node is {wanted}", todo) if wanted else ok("no GPUs")
    if 0 in counts:
        return no("some ranks see no GPU", "give gpus_per_node: as many as ranks")
    if met is None or _error(seen, met):
        return None
    names = ", ".join(sorted({name for fact in found.values() for name in fact["names"]}))
    return ok(f"{min(counts)} GPU(s) seen by each rank ({names}), NCCL adds up over {seen.world} rank(s)")


def compiler(seen: Seen) -> Line | None:
    found, met = _of_all(seen, "compiler"), _of_all(seen, "meet")
    if found is None:
        return None
    lacking = [fact for fact in found.values() if not fact.get("path")]
    if not lacking:
        return ok(f"{found[0]['version']} ({found[0]['path']})")
    if met is None:
        return None
    without = (
        "nothing: training does without"
        if not _error(seen, met)
        else "install g++ on the nodes, or run once on a node that has it"
    )
    return no(f"no C++ compiler ({lacking[0].get('name', lacking[0].get('error', ''))})", without)
