"""Lines of `heatmark site check` on what a node and its software are, told by the ranks (workloads/site_probe.py)."""

from __future__ import annotations

import platform
import time

from heatmark.pipeline.site_answers import Line, no, ok, untold
from heatmark.pipeline.site_run import Seen, is_over, short
from heatmark.workloads.site_probe import VARIABLE, heatmark_identity

OLDEST_PYTHON = (3, 10)
INSTALL = "install heatmark's requirements for the python of the nodes, or set python or launcher"
# What to do about an error, by words in it.
MENDED_BY = {
    "ModuleNotFoundError": INSTALL,
    "No locks available": "give --out on a file system that has locks",
    "Function not implemented": "give --out on a file system that has locks",
}


def _mended_by(error: str, otherwise: str) -> str:
    return next((todo for words, todo in MENDED_BY.items() if words in error), otherwise)


def srun(seen: Seen) -> Line | None:
    """Every rank on every node, with what submitit and SLURM tell it."""
    probe, settings = seen.probe, seen.cluster.settings
    if probe is None or probe.refused:
        return None
    ranks = probe.found("start")
    late = probe.began_at is not None and time.monotonic() - probe.began_at > 60
    if len(ranks) < seen.world and not (late or is_over(probe)):
        return None
    if not ranks and not is_over(probe):
        return None  # a slow start, or a folder that the nodes do not see: `?` in the end
    if not ranks:
        words = f"no rank began ({probe.state or 'gone'}): {short(probe.last_words())}"
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
    """Whether jobs see the variables of the shell that sends them."""
    found = seen.of_all("start")
    if found is None:
        return None
    if all(fact["variables"][VARIABLE] == seen.jobs.token for fact in found.values()):
        return ok("jobs get the environment of whoever sends them")
    return no("jobs do not get this shell's environment", "set in setup what they need (PATH, PYTHONPATH, modules)")


def python(seen: Seen) -> Line | None:
    """Which Python jobs run with, and whether it is the one here."""
    found = seen.of_all("start")
    if found is None:
        return None
    versions = sorted({f"{fact['python']} ({fact['executable']})" for fact in found.values()})
    here = platform.python_version()
    words = ", ".join(versions) + ("" if {fact["python"] for fact in found.values()} == {here} else f"; here {here}")
    old = [fact for fact in found.values() if tuple(map(int, fact["python"].split(".")[:2])) < OLDEST_PYTHON]
    return no(words, "heatmark needs 3.10 or newer: set python or launcher in the site file") if old else ok(words)


def heatmark(seen: Seen) -> Line | None:
    """Whether jobs run the heatmark that is here."""
    found = seen.of_all("heatmark")
    if found is None:
        return None
    error = seen.error(found)
    here = heatmark_identity()
    for rank, fact in found.items():
        if error or (fact["version"], fact["sources"]) != (here["version"], here["sources"]):
            there = error or f"{fact['version']}, sources {fact['sources']}, in {fact['path']}"
            words = f"{seen.rank_name(rank)} has {there}; here {here['version']}, sources {here['sources']}"
            return no(words, "install the same heatmark on the nodes (or in the container) as here")
    return ok(f"{here['version']}, the same sources as here ({here['sources']})")


def interface(seen: Seen) -> Line | None:
    """By which name, address and network the ranks would meet."""
    found = seen.of_all("interface")
    if found is None:
        return None
    todo = "name in `interface` a network that every node has, or give host_suffix"
    error = seen.error(found)
    if error:
        return no(error, _mended_by(error, todo))
    for rank, fact in found.items():
        if fact["absent"]:
            return no(f"{seen.rank_name(rank)} has no {fact['absent'][0]}; it has {', '.join(fact['present'])}", todo)
        if fact["address"] is None:
            return no(f"the name {fact['name']} of {seen.rank_name(rank)} means nothing there", todo)
    given = seen.cluster.keys.interface
    return ok(f"rank 0 is {found[0]['name']} ({found[0]['address']}){f', over {given}' if given else ''}")


def scratch(seen: Seen) -> Line | None:
    """Whether jobs can write to `scratch`."""
    given = seen.cluster.keys.scratch
    return _folder(seen, "scratch", "mend `scratch` of the site file" if given else "set `scratch` in the site file")


def stage(seen: Seen) -> Line | None:
    """Whether jobs can write to `stage`."""
    return _folder(seen, "stage", "mend `stage`: a folder of the nodes' own disks that you may write")


def _folder(seen: Seen, step: str, todo: str) -> Line | None:
    found = seen.of_all(step)
    if found is None:
        return None
    error = seen.error(found)
    if error:
        return no(error, todo)
    least = min(found.values(), key=lambda fact: float(fact["free_gib"]))
    return ok(f"{least['folder']} can be written, {least['free_gib']} GiB free")


def torch(seen: Seen) -> Line | None:
    """Whether jobs can import torch, and how long that takes."""
    found, todo = seen.of_all("torch"), INSTALL
    if found is None:
        return _dead_child(seen, "torch", todo)
    error = seen.error(found)
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
            return no(f"{seen.rank_name(rank)}: {step}: {how}: {short(fact.get('said', ''))}", todo)
    return None


def rendezvous(seen: Seen) -> Line | None:
    """Trials' own process group."""
    todo = "give `interface` or `host_suffix` of a network that joins the nodes; see the log"
    found = seen.of_all("meet")
    if found is None:
        return _dead_child(seen, "meet", todo)
    error = seen.error(found)
    if error:
        return no(error, _mended_by(error, todo))
    first = found[0]
    if first["total"] != seen.world:
        return no(f"the sum over {seen.world} ranks is {first['total']}", "report this to heatmark's makers")
    backend = "nccl" if first["device"] == "cuda" else "gloo"
    where = f"{seen.world} rank(s) on {', '.join(first['nodes'])}"
    return ok(f"{where} met at {first['address']} over {backend}, within {first['seconds']:.0f} s")


def gpus(seen: Seen) -> Line | None:
    """How many GPUs each rank sees, and whether NCCL adds up over them."""
    found, met = seen.of_all("torch"), seen.of_all("meet")
    wanted = seen.cluster.keys.gpus_per_node
    if _dead_child(seen, "torch", "") or (found is not None and seen.error(found)):
        return untold("torch cannot be imported")
    if found is None:
        return None
    counts = {int(fact["gpus"]) for fact in found.values()}
    if counts == {0}:
        todo = "give gpus_per_node or gres as the site wants it, and a torch that is built for its driver"
        return no(f"torch sees no GPU although gpus_per_node is {wanted}", todo) if wanted else ok("no GPUs")
    if 0 in counts:
        return no("some ranks see no GPU", "give gpus_per_node: as many as ranks")
    if _dead_child(seen, "meet", "") or (met is not None and seen.error(met)):
        return untold(f"{min(counts)} GPU(s) seen by each rank; NCCL: see rendezvous")
    if met is None:
        return None
    names = ", ".join(sorted({name for fact in found.values() for name in fact["names"]}))
    return ok(f"{min(counts)} GPU(s) seen by each rank ({names}), NCCL adds up over {seen.world} rank(s)")


def compiler(seen: Seen) -> Line | None:
    """Nothing of a trial is compiled; a plug-in or another version of DeepSpeed may want one."""
    found = seen.of_all("compiler")
    if found is None:
        return None
    lacking = [fact for fact in found.values() if not fact.get("path")]
    if not lacking:
        return ok(f"{found[0]['version']} ({found[0]['path']})")
    return ok(f"no C++ compiler ({lacking[0].get('name', lacking[0].get('error', ''))}); training does without")
