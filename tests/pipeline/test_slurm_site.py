"""What a site asks of jobs, seen in the script and the environment that sbatch gets, and in what squeue is asked."""

from __future__ import annotations

import contextlib
import getpass
import os
from pathlib import Path
from typing import Any

import pytest

from heatmark.foundation.command import CommandFailed
from heatmark.foundation.errors import InputError
from heatmark.pipeline import slurm_missing
from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.plan import make_plan
from heatmark.pipeline.site import SITE_VARIABLE, read_site
from heatmark.pipeline.slurm_client import SlurmClient
from heatmark.pipeline.slurm_cluster import SlurmCluster
from heatmark.pipeline.sweep import load_sweep
from tests.made_up import fail
from tests.pipeline.site_programs import SitePrograms, arrays_sent, waiting_trials


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SitePrograms:
    for name in list(os.environ):
        if name.startswith(("SBATCH_", "SLURM_", SITE_VARIABLE)):
            monkeypatch.delenv(name)
    return SitePrograms(tmp_path / "bin", monkeypatch)


def cluster(tmp_path: Path, site_text: str = "", **keys: Any) -> SlurmCluster:
    site_file = tmp_path / "site.yaml"
    site_file.write_text(site_text)
    sweep = tmp_path / "sweep"
    sweep.mkdir(exist_ok=True)
    return SlurmCluster(ClusterSection.model_validate({"executor": "slurm", "site": str(site_file), **keys}), sweep)


def options(slurm: SlurmCluster, size: int | None = 2) -> dict[str, str]:
    """sbatch's options in the script, without the dashes."""
    lines = slurm.script(slurm.arrays / "name.json", size).splitlines()
    flags = [line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH --")]
    return {flag.partition("=")[0]: flag.partition("=")[2].strip("'") for flag in flags}


@pytest.mark.usefixtures("site")
def test_a_sweeps_keys_come_before_the_sites_and_none_is_sent_that_nobody_gave(tmp_path: Path) -> None:
    plain = options(cluster(tmp_path))
    assert not {"wckey", "account", "qos", "mem", "gpus-per-node", "exclusive", "clusters"} & set(plain)
    text = "account: all\nqos: normal\nwckey: w\ngpus_per_node: a100:4\nmemory_gb: 0\nexclusive: true\nclusters: b\n"
    of_site = options(cluster(tmp_path, text))
    assert of_site["gpus-per-node"] == "a100:4" and of_site["mem"] == "0" and "exclusive" in of_site
    assert (of_site["wckey"], of_site["clusters"]) == ("w", "b")
    own = options(cluster(tmp_path, text, account="mine", gpus_per_node=1, memory_gb=1.5))
    assert (own["account"], own["qos"], own["gpus-per-node"], own["mem"]) == ("mine", "normal", "1", "1536MB")


@pytest.mark.parametrize("text", ["12:00:00", "720", "0-12", "0-12:00", "0-11:59:30", "720:00"])
@pytest.mark.usefixtures("site")
def test_a_time_limit_is_read_as_slurm_writes_it(text: str, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep.yaml"
    grid = "grid: {method: [detection], backbone: [sbl-r18-w8], dataset: [d]}\n"
    data = "data: {d: {synthetic: {people_train: 8, people_val: 8}}}\n"
    sweep.write_text(f"name: s\n{grid}{data}cluster: {{executor: slurm, timeout_min: {text}}}\n")
    settings = load_sweep(sweep).cluster
    assert settings.timeout_min == 720
    (tmp_path / "runs").mkdir()
    assert options(SlurmCluster(settings, tmp_path / "runs"))["time"] == "720"


@pytest.mark.parametrize(
    "key",
    ["time", "job_name", "--job-name", "J", "array", "mem", "cpus-per-task", "gpus-per-node", "clusters", "wckey"],
)
def test_what_heatmark_sets_itself_is_refused_in_extra_by_name(key: str, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(f"extra: {{{key}: 12:00:00}}\n")
    with pytest.raises(InputError, match=rf"site\.yaml: extra: {key}: not here: ") as refused:
        read_site(path)
    assert "43200" not in str(refused.value)


def test_what_the_user_set_for_sbatch_counts_unless_a_file_says_otherwise(
    site: SitePrograms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver may be a job itself: what SLURM set for that one does not reach the trials' jobs."""
    given = {"SBATCH_ACCOUNT": "payer", "SBATCH_QOS": "long", "SBATCH_RESERVATION": "course", "SLURM_CONF": "/c"}
    of_driver = {"SLURM_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3", "SLURMD_NODENAME": "n", "SLURM_CPU_BIND": "x"}
    for name, value in {**given, **of_driver, "SBATCH_TIMELIMIT": "5", "SBATCH_JOB_NAME": "mine"}.items():
        monkeypatch.setenv(name, value)
    slurm = cluster(tmp_path, qos="short")
    slurm.submit(waiting_trials(slurm.sweep, 1))
    seen = site.environment("sbatch")
    assert given.items() - {("SBATCH_QOS", "long")} <= seen.items()
    assert not {*of_driver, "SBATCH_QOS", "SBATCH_TIMELIMIT", "SBATCH_JOB_NAME"} & set(seen)
    assert "SBATCH_QOS=long is not used: that of `qos` in the sweep or site file counts" in slurm.notes
    assert len(slurm.notes) == 3


def test_questions_are_asked_with_the_formats_that_are_parsed_and_for_the_user_by_number(
    site: SitePrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = {"SQUEUE_FORMAT": "%j", "SQUEUE_STATES": "R", "SQUEUE_PARTITION": "x", "SACCT_FORMAT": "JobID"}
    for name, value in {**shapes, "SLURM_TIME_FORMAT": "%d.%m.%Y", "LC_ALL": "de_DE.UTF-8", "USER": "root2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOGNAME", "somebody")
    site.says("squeue", "echo '12_3|12|3|RUNNING|None|acc|normal|name|'")
    client = SlurmClient(None)
    (job,) = client.queue()
    assert (job.job_id, job.index, job.state, job.account, job.name) == ("12_3", 3, "RUNNING", "acc", "name")
    seen = site.environment("squeue")
    assert not set(shapes) & set(seen) and seen["LC_ALL"] == "C" and seen["SLURM_TIME_FORMAT"] == "standard"
    assert f"-u {os.getuid()} " in site.calls("squeue")[0] and getpass.getuser() == "somebody"


def test_clusters_go_to_every_command_and_what_sbatch_named_is_asked(site: SitePrograms, tmp_path: Path) -> None:
    site.says("sacct", "exit 0")
    slurm = cluster(tmp_path, "clusters: east\n")
    trials = waiting_trials(slurm.sweep, 1)
    slurm.submit(trials)
    slurm.jobs(trials)
    slurm.cancel(trials[0])
    for program in ("squeue", "sacct", "scancel"):
        assert all("-M east" in call for call in site.calls(program)), program
    assert all("-M east" in call for call in site.calls("scontrol") if "hostnames" not in call)
    assert options(slurm)["clusters"] == "east"

    site.says("sbatch", "echo Submitted batch job 5 on cluster west")
    (tmp_path / "other").mkdir()
    other = cluster(tmp_path / "other")
    other.submit(waiting_trials(other.sweep, 1))
    other.jobs(waiting_trials(other.sweep, 1))
    assert "-M west" in site.calls("squeue")[-1]


def test_a_job_that_nothing_knows_is_not_ended_and_what_knows_it_counts(
    site: SitePrograms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_missing, "GONE_S", 0.0)
    slurm = cluster(tmp_path)
    (trial,) = trials = waiting_trials(slurm.sweep, 1)
    slurm.submit(trials)
    (array,) = [path.stem for path in slurm.arrays.glob("*.json")]
    site.says("scontrol", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    status = slurm.jobs(trials)[trial.signature]
    assert status.alive and not status.is_seen and "squeue does not show job 4711_0" in (status.waits_for or "")

    # A number that was given out again is another's job.
    site.says("sacct", "echo '4711_0|COMPLETED|somebody-elses'")
    assert slurm.jobs(trials)[trial.signature].alive
    site.says("sacct", f"echo '4711_0|TIMEOUT|{array}'")
    status = slurm.jobs(trials)[trial.signature]
    assert (status.state, status.alive) == ("TIMEOUT", False)

    # Once squeue has shown jobs of this sweep, the controller's own word that there is none counts.
    site.says("sacct", "exit 1")
    site.says("squeue", f"echo '4711_0|4711|0|RUNNING|None|acc|normal|{array}|'")
    assert slurm.jobs(trials)[trial.signature].state == "RUNNING"
    site.says("squeue", "exit 0")
    assert slurm.jobs(trials)[trial.signature].state == "GONE"
    site.says("scontrol", f"echo JobId=4711 ArrayTaskId=0 JobName={array} JobState=RUNNING Reason=None")
    assert slurm.jobs(trials)[trial.signature].alive
    site.says("scontrol", f"echo JobId=4711 ArrayTaskId=0 JobName={array} JobState=NODE_FAIL Reason=None")
    assert slurm.jobs(trials)[trial.signature].state == "NODE_FAIL"


def test_the_jobs_own_word_that_it_failed_counts_once_the_controller_does_not_say_otherwise(
    site: SitePrograms, tmp_path: Path
) -> None:
    slurm = cluster(tmp_path)
    (trial,) = trials = waiting_trials(slurm.sweep, 1)
    slurm.submit(trials)
    (array,) = [path.stem for path in slurm.arrays.glob("*.json")]
    fail(trial, "user", job="4711_0")
    site.says("scontrol", f"echo JobId=4711 JobName={array} JobState=COMPLETING")
    assert slurm.jobs(trials)[trial.signature].alive
    site.says("scontrol", "echo 'Job 4711_0 not found'; exit 1")
    assert slurm.jobs(trials)[trial.signature].state == "FAILED"


def test_an_array_without_an_answer_is_found_by_its_name(site: SitePrograms, tmp_path: Path) -> None:
    site.refuses("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation")
    slurm = cluster(tmp_path)
    (trial,) = trials = waiting_trials(slurm.sweep, 1)
    assert slurm.submit(trials) == {}
    (path,) = slurm.arrays.glob("*.json")
    assert slurm.jobs(trials)[trial.signature].state == "UNANSWERED"
    site.says("squeue", f"echo '99_0|99|0|PENDING|Priority|acc|normal|{path.stem}|'")
    assert slurm.jobs(trials)[trial.signature].job_id == "99_0"
    site.says("squeue", "exit 0")
    assert slurm.jobs(trials)[trial.signature].job_id == "99_0", "its number was not written down"


def test_nodes_are_counted_one_by_one_and_never_all_left_out(site: SitePrograms, tmp_path: Path) -> None:
    names = {"node[1-2],node[1,3],node1": "node1 node2 node1 node3 node1", "node9": "node9"}
    answers = " ".join(f"'{given}') echo {shown} | tr ' ' '\\n' ;;" for given, shown in names.items())
    site.says("scontrol", f'case "$3" in {answers} *) echo "MaxArraySize = 1001" ;; esac')
    site.says("sacct", "printf 'node[1-2]\\nnode[1,3]\\nnode1\\n'")
    site.says("sinfo", "printf 'node1\\nnode2\\nnode3\\nnode9\\n'")
    assert options(cluster(tmp_path))["exclude"] == "node1"
    assert (
        options(cluster(tmp_path, "exclude: node9\nexclude_after_failures: 1\n", nodes=2))["exclude"] == "node9,node1"
    )
    assert options(cluster(tmp_path, "exclude: node9\nexclude_after_failures: 1\n", nodes=3))["exclude"] == "node9"


@pytest.mark.usefixtures("site")
def test_the_command_has_the_launcher_the_python_and_srun_its_options(tmp_path: Path) -> None:
    text = "launcher: apptainer exec --nv $IMAGES/h.sif\npython: /opt/py/bin/python\n"
    text += "srun: ['--container-mounts=$SCRATCH:/x', '--mpi=pmix']\nsetup: [module load cuda]\nhost_suffix: i\n"
    script = cluster(tmp_path, text).script(tmp_path / "sweep" / "arrays" / "n.json", 1)
    srun = next(line for line in script.splitlines() if line.startswith("srun "))
    assert '"--container-mounts=$SCRATCH:/x" "--mpi=pmix" sh -c ' in srun
    assert " job apptainer exec --nv $IMAGES/h.sif /opt/py/bin/python -u -m heatmark.workloads.job --array " in srun
    assert "--export=ALL" in srun and "export HEATMARK_HOST_SUFFIX=i" in script
    assert script.index("trap ") < script.index("module load cuda") < script.index("trap - ERR") < script.index("srun ")


@pytest.mark.usefixtures("site")
def test_paths_of_nodes_keep_their_variables_and_unset_ones_here_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = """
        name: s
        grid: {method: [detection], backbone: [sbl-r18-w8], dataset: [d]}
        data: {d: {synthetic: {people_train: 8, people_val: 8}}}
        cluster: {executor: slurm, image_cache: $NODE_DISK/cache, stage: $NODE_DISK/data}
    """
    (tmp_path / "s.yaml").write_text(content)
    monkeypatch.chdir(tmp_path)
    (trial,) = make_plan(load_sweep(tmp_path / "s.yaml"), tmp_path / "runs", tmp_path / "s.yaml").trials
    assert (trial.runtime.image_cache, trial.runtime.stage) == ("$NODE_DISK/cache", "$NODE_DISK/data")
    with pytest.raises(InputError, match="the variable NODE_DISK is not set here"):
        _ = trial.runtime.cache
    monkeypatch.setenv("NODE_DISK", "/disk")
    assert trial.runtime.cache == Path("/disk/cache")
    monkeypatch.delenv("NODE_DISK")
    changes = ["data.d={root: $COCO_ROOT/coco}"]
    with pytest.raises(InputError, match=r"\$COCO_ROOT/coco: the variable COCO_ROOT is not set"):
        make_plan(load_sweep(tmp_path / "s.yaml", changes), tmp_path / "runs", tmp_path / "s.yaml")


def test_a_garbled_answer_of_squeue_loses_no_job(site: SitePrograms, tmp_path: Path) -> None:
    slurm = cluster(tmp_path)
    trials = waiting_trials(slurm.sweep, 1)
    slurm.submit(trials)
    site.says("squeue", "echo 'slurm_load_jobs error: something new'")
    with pytest.raises(RuntimeError, match="no line of squeue"):
        slurm.jobs(trials)


def test_waiting_is_told_in_slurms_words(site: SitePrograms, tmp_path: Path) -> None:
    slurm = cluster(tmp_path, "cancel_held: true\n")
    trials = waiting_trials(slurm.sweep, 3)
    slurm.submit(trials)
    (path,) = slurm.arrays.glob("*.json")
    reasons = ("JobHeldAdmin", "QOSMaxCpuPerUserLimit", "Priority")
    lines = "\\n".join(f"4711_{i}|4711|{i}|PENDING|{why}|acc|normal|{path.stem}|" for i, why in enumerate(reasons))
    site.says("squeue", f"printf '{lines}\\n'")
    found = slurm.jobs(trials)
    held, limited, usual = (found[trial.signature] for trial in trials)
    assert held.stuck == "JobHeldAdmin" and "scontrol release 4711_0" in (held.waits_for or "")
    assert limited.waits_for == "QOSMaxCpuPerUserLimit" and limited.stuck is None and not limited.usual
    assert usual.waits_for == "Priority" and usual.usual


@pytest.mark.usefixtures("site")
def test_gpus_are_asked_for_once(tmp_path: Path) -> None:
    own = options(cluster(tmp_path, "gres: 'gpu:a100:4,nvme:500'\n", gpus_per_node=2))
    assert (own["gpus-per-node"], own["gres"]) == ("2", "nvme:500")
    with pytest.raises(InputError, match="both ask for GPUs; leave one out"):
        cluster(tmp_path, "gres: gpu:4\ngpus_per_node: 4\n")


def test_a_number_that_was_given_out_again_is_anothers_job(site: SitePrograms, tmp_path: Path) -> None:
    """A controller that was killed forgets its last jobs and gives their numbers to others'."""
    slurm = cluster(tmp_path)
    (trial,) = trials = waiting_trials(slurm.sweep, 1)
    slurm.submit(trials)
    site.says("squeue", "echo '4711|4711|N/A|RUNNING|None|acc|normal|my-own-simulation|'")
    site.says("scontrol", "echo JobId=4711 JobName=my-own-simulation JobState=RUNNING")
    assert slurm.jobs(trials)[trial.signature].alive, "it may be a number of another cluster's"
    site.says("sacctmgr", "echo only")
    status = slurm.jobs(trials)[trial.signature]
    assert (status.state, status.alive) == ("GONE", False)
    slurm.cancel(trial)
    assert site.calls("scancel") == []


@pytest.mark.parametrize("cut", [8, 30, -2, -1, 46])
def test_an_answer_of_squeue_that_is_cut_off_ends_no_job(cut: int, site: SitePrograms, tmp_path: Path) -> None:
    slurm = cluster(tmp_path)
    trials = waiting_trials(slurm.sweep, 2)
    slurm.submit(trials)
    (array,) = [path.stem for path in slurm.arrays.glob("*.json")]
    whole = "".join(f"4711_{index}|4711|{index}|RUNNING|None|acc|normal|{array}|\n" for index in range(2))
    site.says("scontrol", f"echo JobId=4711 JobName={array} JobState=RUNNING")
    (tmp_path / "whole").write_text(whole)
    site.says("squeue", f"cat {tmp_path}/whole")
    assert all(status.state == "RUNNING" for status in slurm.jobs(trials).values())
    (tmp_path / "whole").write_text(whole[:cut])
    with contextlib.suppress(CommandFailed):
        assert all(status.alive for status in slurm.jobs(trials).values())


def test_of_two_live_jobs_of_a_trial_one_goes_on(site: SitePrograms, tmp_path: Path) -> None:
    """A controller that was killed brings an older job back to life, after another was sent in its place."""
    slurm = cluster(tmp_path)
    (trial,) = trials = waiting_trials(slurm.sweep, 1)
    slurm.submit(trials)
    site.says("sbatch", "echo Submitted batch job 4712")
    slurm.submit(trials)
    old, new = [str(array["name"]) for array in arrays_sent(slurm.sweep)]
    line = "echo '{0}_0|{0}|0|{1}|None|acc|normal|{2}|'"
    site.says("squeue", "; ".join([line.format(4711, "RUNNING", old), line.format(4712, "PENDING", new)]))
    assert slurm.jobs(trials)[trial.signature].job_id == "4711_0"
    assert site.calls("scancel") == [f"--jobname={new} 4712_0"]
    assert "job 4712_0 is withdrawn: job 4711_0 lives as well" in slurm.notes[-1]
    # What was withdrawn here is nobody's decision about the trial.
    site.says("squeue", "; ".join([line.format(4711, "FAILED", old), line.format(4712, "CANCELLED", new)]))
    assert slurm.jobs(trials)[trial.signature].state == "FAILED"
    assert len(site.calls("scancel")) == 1


def test_a_job_is_cancelled_by_its_name_as_well(site: SitePrograms, tmp_path: Path) -> None:
    slurm = cluster(tmp_path)
    (trial,) = trials = waiting_trials(slurm.sweep, 1)
    slurm.submit(trials)
    (array,) = [path.stem for path in slurm.arrays.glob("*.json")]
    slurm.cancel(trial)
    assert site.calls("scancel") == [f"--jobname={array} 4711_0"]
