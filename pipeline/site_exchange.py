"""Lines of `heatmark site check` on what passes between SLURM, this machine and the ranks: signals, files, locks."""

from __future__ import annotations

import time

from heatmark.pipeline.site_answers import Line, no, ok
from heatmark.pipeline.site_run import NOTICE_S, Seen, is_over, short
from heatmark.workloads.site_probe import FILE_S, PINGS

CLOCK_S = 30.0


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
    if waited < 20 and not is_over(seen.probe):
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
    if not starts or (len(found) < seen.world and not is_over(job)):
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
    if job is None or not is_over(job):
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
    """Whether a job that requeues itself comes back."""
    if seen.probe is None:
        return None
    todo = "nothing: the driver sends the trial again after a time limit, as a new job"
    left, back = seen.probe.found("requeuing"), seen.probe.found("start", restart=1)
    failed = [fact["error"] for fact in seen.probe.found("requeue").values() if "error" in fact]
    if failed:
        return no(f"scontrol requeue on the node: {short(failed[0])}", todo)
    if left and back:
        seconds = min(fact["time"] for fact in back.values()) - left[0]["time"]
        return ok(f"job {seen.probe.element} came back as restart 1 {seconds:.0f} s after it had asked")
    if left and is_over(seen.probe):
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
    if len(others) < seen.world - 1 and not seen.is_lock_over:
        return None
    broken = [seen.rank_name(rank) for rank, fact in others.items() if fact["got"]] + ["this machine"] * here["got"]
    if broken:
        return no(f"{broken[0]} got the lock that {seen.rank_name(0)} holds", mount)
    asked = f"{len(others)} other rank(s) and this machine"
    return ok(f"flock excludes: {seen.rank_name(0)} held, {asked} did not get it")


def shared(seen: Seen) -> Line | None:
    """How late files are, in both directions."""
    nodes = seen.nodes()
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
    nodes = seen.nodes()
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
