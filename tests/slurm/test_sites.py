"""What real sites do to a sweep, played on the testbed: limits, keys, blind commands, broken nodes' set-up."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.pipeline.accounting import account
from heatmark.pipeline.broker import Broker
from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.local_cluster import LocalCluster
from heatmark.pipeline.slurm_client import SlurmClient
from heatmark.pipeline.slurm_cluster import SlurmCluster
from heatmark.pipeline.trial_status import trial_statuses
from heatmark.workloads.run_folder.events import Ended
from tests.made_up import job_of
from tests.slurm.sent import Sent, prepare

if TYPE_CHECKING:
    from tests.slurm.conftest import Slurm

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "drawn"
    write_coco(root, SyntheticCoco(people_train=16, people_val=8, seed=1))
    return root


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    Sent.end_all()


@pytest.fixture
def scontrol(testbed: Slurm) -> Iterator[Callable[..., str]]:
    """Orders to the testbed's controller; its partition is up again afterwards."""
    yield lambda *words: testbed.answer("scontrol", *words)
    testbed.answer("scontrol", "update", "partitionname=normal", "state=UP")


@pytest.fixture
def qos(testbed: Slurm) -> Iterator[Callable[..., str]]:
    """A QOS with limits that this user may use; gone afterwards."""
    name = "heatmark-test"

    def add(*limits: str) -> str:
        testbed.answer("sacctmgr", "-i", "add", "qos", name, *limits)
        testbed.answer("sacctmgr", "-i", "modify", "user", "root", "set", f"qos+={name}")
        testbed.wait("the controller knows the QOS", lambda: name in testbed.answer("scontrol", "show", "assoc_mgr"))
        return name

    yield add
    testbed.answer("sacctmgr", "-i", "delete", "qos", name)


def site_file(tmp_path: Path, **keys: Any) -> str:
    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump(keys))
    return str(path)


def waits_for(sent: Sent) -> str:
    """What the trial waits for, as it stands in job.json and as `sweep status` shows it, which is the same."""
    on_record = sent.job.waits_for or ""
    (status,) = trial_statuses(sent.sweep)
    return on_record if status.waits_for == on_record else ""


def finished_at_once(sent: Sent) -> bool:
    sent.until_ended()
    return sent.job.state == "finished" and len(sent.job.submissions) == len(sent.run.attempts()) == 1


def failed_at_once(sent: Sent) -> str:
    """Why a trial failed that was sent at most once."""
    sent.until_ended()
    assert sent.job.state == "failed" and len(sent.job.submissions) <= 1, sent.story()
    return str(sent.job.reason)


def test_a_limit_of_the_job_is_told_at_once_in_slurms_words(qos: Any, people: Path, tmp_path: Path) -> None:
    sent = Sent(tmp_path, people, nodes=1, qos=qos("MaxWall=5", "Flags=DenyOnLimit"))
    assert "QOSMaxWallDurationPerJobLimit" in failed_at_once(sent) and sent.cluster.calls["sbatch"] == 1


def test_a_limit_on_the_number_of_jobs_is_waited_for_and_said(
    testbed: Slurm, qos: Any, people: Path, tmp_path: Path
) -> None:
    name = qos("MaxSubmitJobsPerUser=1")
    blocker = testbed.submit("sleep 200", "-n1", f"--qos={name}")
    sent = Sent(tmp_path, people, epochs=1, nodes=1, qos=name)
    sent.until(lambda: "QOSMaxSubmitJobPerUserLimit" in waits_for(sent))
    # Written down first, then said.
    sent.until(lambda: any("QOSMaxSubmitJobPerUserLimit" in line for line in sent.lines), 10)
    testbed.answer("scancel", blocker)
    assert finished_at_once(sent), sent.story()
    assert sent.job.waiting is None


LOCAL_DRIVER = """
import sys
from pathlib import Path
from heatmark.pipeline.broker import Broker
from heatmark.pipeline.local_cluster import LocalCluster
from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.workloads.run_folder.folder import RunFolder

broker = Broker(LocalCluster(ClusterSection()), 2, 0.5, print)
broker.start()
broker.want(RunFolder(Path(sys.argv[1])))
broker.wait_until_ended()
"""


def test_a_local_trial_never_touches_the_allocation_it_runs_in(testbed: Slurm, people: Path, tmp_path: Path) -> None:
    """A batch job of the user's own, in which a sweep runs with the local executor; then the trial is told to stop."""
    run = prepare(tmp_path / "sweep", people, epochs=400)
    (tmp_path / "driver.py").write_text(LOCAL_DRIVER)
    body = f"echo start ${{SLURM_RESTART_COUNT:-0}}; {sys.executable} {tmp_path}/driver.py {run.path}; echo end"
    job = testbed.submit(body, "-n1", "--requeue")
    testbed.wait("the trial trains", lambda: bool(run.epochs()), 150)
    LocalCluster(ClusterSection()).cancel(run)
    testbed.wait("it has stopped", lambda: isinstance(run.events()[-1], Ended), 100)
    assert [event.how for event in run.events() if isinstance(event, Ended)] == ["stopped"]
    testbed.answer("scancel", job)
    testbed.wait("accounted", lambda: testbed.records(job) == ["CANCELLED by 0"])
    assert testbed.output(job).count("start") == 1


def test_every_element_of_an_array_goes_back_into_the_queue_by_its_own_id(
    testbed: Slurm, people: Path, tmp_path: Path
) -> None:
    """USR2 to the first and the last of three; the last one's SLURM_JOB_ID is the number of the whole array."""
    runs = [prepare(tmp_path, people, epochs=25, seed=seed) for seed in range(3)]
    lines: list[str] = []
    cluster = SlurmCluster(ClusterSection(executor="slurm", timeout_min=10), tmp_path)
    broker = Broker(cluster, retries=2, poll_s=1.0, log=lines.append)
    broker.start()
    for run in runs:
        broker.want(run)
    testbed.wait("all train", lambda: all(run.epochs() for run in runs), 90)
    ids = [str(job_of(run).job_id) for run in runs]
    assert len({job_id.partition("_")[0] for job_id in ids}) == 1
    first, middle, last = sorted(ids, key=lambda job_id: int(job_id.partition("_")[2]))
    for element in (first, last):
        testbed.answer("scancel", "--signal=USR2", element)
    testbed.wait("all end", lambda: not broker.open_trials(), 200)
    broker.close()
    assert {len(job_of(run).submissions) for run in runs} == {1}, lines
    requeued = ["REQUEUED", "COMPLETED"]
    states = {first: requeued, middle: ["COMPLETED"], last: requeued}
    testbed.wait("accounted", lambda: {job_id: testbed.records(job_id) for job_id in ids} == states)
    for run in runs:
        assert [record.epoch for record in run.epochs()] == list(range(25))


def test_a_job_that_squeue_does_not_show_is_not_sent_again(
    testbed: Slurm, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site whose commands see another cluster unless they are told which; with `clusters` they are."""
    (tmp_path / "bin").mkdir()
    for program in ("squeue", "sacct", "scancel"):
        real = testbed.answer("which", program)
        path = tmp_path / "bin" / program
        path.write_text(f'#!/bin/bash\ncase " $* " in *" -M "*) exec {real} "$@";; esac\nexit 0\n')
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    told = Sent(tmp_path / "told", people, epochs=2, nodes=1, clusters="testbed")
    blind = Sent(tmp_path / "blind", people, epochs=2, nodes=1)
    assert finished_at_once(told), told.story()
    assert finished_at_once(blind), blind.story()
    assert any("squeue does not show job" in line for line in blind.lines)
    assert not any("squeue does not show job" in line for line in told.lines)


@pytest.mark.usefixtures("testbed")
def test_the_users_own_formats_do_not_disturb(people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_TIME_FORMAT": "%d.%m.%Y %H:%M", "SQUEUE_FORMAT": "%j", "SACCT_FORMAT": "User"}.items():
        monkeypatch.setenv(name, value)
    sent = Sent(tmp_path, people, epochs=1, nodes=1)
    assert finished_at_once(sent), sent.story()
    said: list[str] = []
    assert account([sent.run], said.append) == 1 and not said
    assert json.loads(sent.run.accounting_file.read_text())["cpu_hours"] > 0


def test_jobs_of_a_site_with_every_key(testbed: Slurm, people: Path, tmp_path: Path) -> None:
    """--export=NONE, a launcher, srun's own options, names and folders that are known on the nodes only."""
    disk = tmp_path / "disk"
    site = site_file(
        tmp_path,
        extra={"export": "NONE"},
        setup=["false || true", f"export NODE_DISK={disk}", "export WHO=launched"],
        launcher="env HEATMARK_TEST=$WHO",
        srun=[f"--chdir={tmp_path}", "--comment=$WHO"],
        interface="lo",
        scratch="$NODE_DISK/tmp",
        exclusive=True,
        memory_gb=0,
        account="testbed",
    )
    runtime = {"image_cache": "$NODE_DISK/cache", "stage": "$NODE_DISK/stage"}
    plain = Sent(tmp_path / "plain", people, epochs=2)
    sent = Sent(tmp_path / "sweep", people, epochs=2, runtime=runtime, site=site)
    assert finished_at_once(sent), sent.story()
    assert finished_at_once(plain), plain.story()
    assert sent.numbers() == plain.numbers()
    assert list((disk / "cache").iterdir()) and (disk / "tmp").is_dir()
    assert [path.suffix for path in (disk / "stage").iterdir()] == [".lock"], "the copy is still there"
    logs = [path.read_text() for path in sent.cluster.log.glob(f"{sent.job.job_id}_*_log.out")]
    assert sum(log.count(f"copying {people} to {disk}") for log in logs) == 1  # both nodes are this machine
    assert testbed.answer("sacct", "-X", "-n", "-P", "-j", sent.job_id, "-o", "Account") == "testbed"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"setup": ["true", "module load cuda/99"]}, "the line 'module load cuda/99' of the site's setup failed on"),
        ({"launcher": "/no/such/apptainer exec x.sif"}, "/no/such/apptainer"),
        ({"scratch": "/proc/none/tmp"}, "scratch: /proc/none/tmp: no folder"),
        ({"scratch": "$NO_SUCH_VARIABLE/tmp"}, "the variable NO_SUCH_VARIABLE is not set"),
    ],
)
@pytest.mark.usefixtures("testbed")
def test_a_broken_set_up_is_one_line_and_not_tried_again(
    keys: dict[str, Any], words: str, people: Path, tmp_path: Path
) -> None:
    reason = failed_at_once(Sent(tmp_path, people, nodes=1, site=site_file(tmp_path, **keys)))
    assert reason.startswith("user: ") and words in reason and "\n" not in reason, reason


def test_a_closed_partition_and_a_held_job_are_waited_for_and_said(
    scontrol: Callable[..., str], people: Path, tmp_path: Path
) -> None:
    scontrol("update", "partitionname=normal", "state=DRAIN")
    sent = Sent(tmp_path, people, epochs=1, nodes=1)
    sent.until(lambda: "Required partition not available (inactive or drain)" in waits_for(sent))
    scontrol("update", "partitionname=normal", "state=DOWN")
    sent.until(lambda: "PartitionDown" in waits_for(sent))
    scontrol("hold", sent.job_id)
    sent.until(lambda: f"scontrol release {sent.job_id}" in waits_for(sent))
    assert "JobHeldAdmin" in waits_for(sent) or "JobHeldUser" in waits_for(sent)
    scontrol("update", "partitionname=normal", "state=UP")
    scontrol("release", sent.job_id)
    assert finished_at_once(sent), sent.story()
    for words in ("Required partition not available", "PartitionDown", "JobHeld"):
        assert any(words in line for line in sent.lines), sent.lines


def test_without_arrays_every_trial_is_a_job_of_its_own(testbed: Slurm, people: Path, tmp_path: Path) -> None:
    sent = Sent(tmp_path, people, epochs=25, nodes=1, arrays=False)
    sent.until_epoch(1)
    assert sent.job_id.isdigit()
    testbed.answer("scancel", "--signal=USR2", sent.job_id)
    sent.until_ended()
    assert sent.job.state == "finished" and len(sent.job.submissions) == 1, sent.story()
    assert len(sent.run.attempts()) == 2


@pytest.mark.usefixtures("testbed")
def test_lists_of_nodes_are_nodes() -> None:
    assert SlurmClient(None).nodes_of("node[1-2],node[1,3],node1") == ["node1", "node2", "node1", "node3", "node1"]
    assert SlurmClient(None).partition_nodes("normal") >= {"node0", "node1"}


SWEEP = """
name: own
grid: {method: [detection], backbone: [sbl-r18-w8], dataset: [d]}
data: {d: {synthetic: {people_train: 8, people_val: 8}}}
cluster: {executor: slurm, parallel: 400, site: site.yaml}
"""


@pytest.mark.parametrize("command", [["sbatch"], ["bash"]])
def test_the_drivers_job_has_the_account_and_the_memory_it_needs(command: list[str], testbed: Slurm) -> None:
    """Sent with sbatch it sends itself again with what the site file says; without, it sends itself.

    Memory is for the trials that Tune follows, 32 of the 400 in flight.
    """
    script = Path(__file__).resolve().parents[2] / "slurm" / "sweep.sh"
    (testbed.folder / "sweep.yaml").write_text(SWEEP)
    (testbed.folder / "site.yaml").write_text("account: root\ndriver: {account: testbed, partition: urgent}\n")
    plan = f"{sys.executable} -m heatmark.pipeline.cli"
    # The sweep itself is not run here: the driver's job says what it was given.
    fake = testbed.folder / "heatmark"
    fake.write_text(
        f'#!/bin/bash\n[ "$2" = driver-options ] && exec {plan} "$@"\n'
        'echo "ran $* on $SLURM_JOB_PARTITION as $SLURM_JOB_ACCOUNT with $SLURM_MEM_PER_NODE MB" > told\n'
    )
    fake.chmod(0o755)
    testbed.answer("env", f"HEATMARK={fake}", *command, str(script), "sweep.yaml")
    told = testbed.folder / "told"
    testbed.wait("the driver ran", told.exists, 60)
    assert told.read_text() == "ran sweep run sweep.yaml on urgent as testbed with 7168 MB\n"
