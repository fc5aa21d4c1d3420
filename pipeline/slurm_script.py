"""The text that sbatch gets for an array of trials: submitit writes it from what the sweep and the site say."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from submitit.slurm.slurm import SlurmExecutor

from heatmark.pipeline.cluster_section import ClusterSection, SlurmKeys
from heatmark.pipeline.job_ends import MARK
from heatmark.pipeline.site import Site

# A line of `setup` that fails ends the job: what comes after would fail with other words, or run on other software.
_WATCH_SETUP = [
    "heatmark_setup_failed() {",
    f"  echo \"{MARK}the line '$1' of the site's setup failed on $(hostname -s) (exit code $2);"
    " mend it, or write '|| true' behind it where it may fail\"",
    "  exit 1",
    "}",
    "trap 'heatmark_setup_failed \"$BASH_COMMAND\" $?' ERR",
]
# SLURM's shell inherits what sbatch was told of the environment; srun's tasks get that shell's (--export=NONE).
_SRUN_ARGUMENTS = ["--kill-on-bad-exit=1", "--export=ALL"]


def script_of_command(
    command: str,
    settings: ClusterSection,
    site: Site,
    keys: SlurmKeys,
    array_file: Path,
    *,
    size: int | None,
    exclude: str | None,
    places: int | None = None,
) -> str:
    """The batch script. array_file: <folder>/arrays/<name of the job>.json.

    size: elements of the array, None for a job of its own. exclude: nodes to stay away from. places: trials side by
    side, for a command that runs once, on the first node, and starts them itself.
    """
    folder = array_file.parent.parent
    executor = SlurmExecutor(folder / "log")
    executor.update_parameters(**_parameters(settings, site, keys, array_file.stem, exclude))
    if places is None:
        words = f"{srun_options(keys)} {command}".strip()
    else:
        executor.parameters |= {"ntasks_per_node": settings.ranks * places, "use_srun": False, "srun_args": None}
        # Only the command itself is warned, in the place of its shell: it knows which trials it has by then.
        executor.parameters["additional_parameters"]["signal"] = f"B:USR2@{settings.signal_s}"
        words = f"exec {command}"
    executor.parameters |= {"array_parallelism": size or 1, "map_count": size, "comment": str(folder)}
    text: str = executor._make_submission_file_text(words, "")  # noqa: SLF001 (its public way pickles a function)
    return text


def _parameters(
    settings: ClusterSection, site: Site, keys: SlurmKeys, name: str, exclude: str | None
) -> dict[str, Any]:
    given = {
        "partition": keys.partition,
        "account": keys.account,
        "qos": keys.qos,
        "constraint": keys.constraint,
        "gres": keys.gres,
        "exclude": exclude,
        "mem": None if keys.memory_gb is None else _memory(keys.memory_gb),
        "gpus_per_node": keys.gpus_per_node or None,
        "exclusive": keys.exclusive or None,
    }
    clusters = {"clusters": keys.clusters} if keys.clusters else {}
    return {
        "job_name": name,
        "wckey": keys.wckey or None,  # submitit has one of its own otherwise
        "time": settings.timeout_min,
        "nodes": settings.nodes,
        "ntasks_per_node": settings.ranks,
        "cpus_per_task": settings.cpus_per_rank,
        "signal_delay_s": settings.signal_s,
        "stderr_to_stdout": True,
        # One dead rank would leave the others in a collective call until the time limit.
        "srun_args": [*_SRUN_ARGUMENTS, f"--cpus-per-task={settings.cpus_per_rank}"],
        "setup": setup_lines(site, keys) or None,
        "additional_parameters": {"requeue": True, **clusters, **site.extra},
        **{key: value for key, value in given.items() if value is not None},
    }


def _memory(gigabytes: float) -> str:
    return f"{int(gigabytes * 1024)}MB" if gigabytes else "0"


def setup_lines(site: Site, keys: SlurmKeys) -> list[str]:
    """The shell lines before the command: the site's own, and what a job reads from its environment."""
    lines = [*_WATCH_SETUP, *site.setup, "trap - ERR"] if site.setup else []
    if keys.interface:
        lines += [
            f"export {name}={shlex.quote(keys.interface)}" for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")
        ]
        lines.append(f"export HEATMARK_INTERFACE={shlex.quote(keys.interface)}")
    if keys.host_suffix:
        lines.append(f"export HEATMARK_HOST_SUFFIX={shlex.quote(keys.host_suffix)}")
    if keys.scratch:
        lines.append(f"export HEATMARK_SCRATCH={shlex.quote(keys.scratch)}")  # its variables are those of each node
    return lines


def srun_options(keys: SlurmKeys) -> str:
    """The site's own options of srun, as the shell takes them."""
    return " ".join(map(_in_double_quotes, keys.srun or ()))


def _in_double_quotes(argument: str) -> str:
    """For the shell, which fills in variables and nothing else."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`").replace("$(", "\\$(")
    return f'"{escaped}"'
