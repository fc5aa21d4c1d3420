"""What sbatch's answers mean: passing, for want of room, or final; each is kept in SLURM's own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.site import SITE_VARIABLE, AnswersSection
from heatmark.pipeline.slurm_answers import can_never_start, read_answer
from heatmark.pipeline.slurm_cluster import SlurmCluster
from heatmark.pipeline.submit import SubmitRefused
from tests.pipeline.site_programs import SitePrograms, arrays_sent, waiting_trials

FAILED = "sbatch: error: Batch job submission failed: "
POLICY = FAILED + "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
PASSING = [
    "Unexpected message received",
    "Slurm backup controller in standby mode",
    "Protocol authentication error",
    "Invalid authentication credential",
    "Resource temporarily unavailable",
    "I/O error writing script/output to file",
    "Required partition not available (inactive or drain)",
    "Requested nodes are busy",
    "Required node not available (down, drained or reserved)",
    "Unable to contact slurm controller (connect failure)",
    "Socket timed out on send/recv operation",
    "Zero Bytes were transmitted or received",
    "System submissions disabled",
    "Unable to create job record, try again",
    "Error generating job credential",
    "Job can not start due to maintenance reservation.",
]
# Limits of one job, or of an account's hours: nothing that leaves the queue makes room for it.
OF_THE_JOB = [
    "QOSMaxWallDurationPerJobLimit",
    "QOSMinGRES",
    "QOSMaxNodePerJobLimit",
    "AssocMaxCpuPerJobLimit",
    "AssocGrpBillingMinutes",
    "AssocGrpCPUMinutesLimit",
    "QOSMaxGRESPerJob",
]
OF_THE_NUMBER = ["AssocMaxSubmitJobLimit", "QOSMaxSubmitJobPerUserLimit", "QOSGrpSubmitJobsLimit", "AssocGrpJobsLimit"]
FINAL = [
    "Invalid account or account/partition combination specified",
    "Invalid partition name specified",
    "Invalid qos specification",
    "Requested node configuration is not available",
    "Requested time limit is invalid (missing or exceeds some limit)",
    "Access/permission denied",
    "Invalid wckey specification",
    "Invalid generic resource (gres) specification",
]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SitePrograms:
    for name in (SITE_VARIABLE, "SLURM_JOB_ID", "SBATCH_ACCOUNT", "SLURM_CLUSTERS"):
        monkeypatch.delenv(name, raising=False)
    return SitePrograms(tmp_path / "bin", monkeypatch)


def cluster(tmp_path: Path, **keys: object) -> SlurmCluster:
    (tmp_path / "sweep").mkdir(exist_ok=True)
    return SlurmCluster(ClusterSection.model_validate({"executor": "slurm", **keys}), tmp_path / "sweep")


@pytest.mark.parametrize("message", PASSING)
def test_what_passes_by_itself_is_asked_again_and_said(message: str, site: SitePrograms, tmp_path: Path) -> None:
    site.refuses(FAILED + message)
    slurm = cluster(tmp_path)
    (trial,) = waiting_trials(slurm.sweep, 1)
    for _ in range(3):
        assert slurm.submit([trial]) == {}
        assert message in (slurm.waits_for or "")


@pytest.mark.parametrize("limit", OF_THE_JOB)
def test_the_limit_named_before_the_sentence_decides_a_jobs_own_is_final(
    limit: str, site: SitePrograms, tmp_path: Path
) -> None:
    site.refuses(f"sbatch: error: {limit}\n{POLICY}")
    slurm = cluster(tmp_path)
    with pytest.raises(SubmitRefused, match=limit):
        slurm.submit(waiting_trials(slurm.sweep, 1))
    assert arrays_sent(slurm.sweep) == []


@pytest.mark.parametrize("limit", OF_THE_NUMBER)
def test_a_limit_on_the_number_of_jobs_is_waited_for_in_its_own_words(
    limit: str, site: SitePrograms, tmp_path: Path
) -> None:
    site.refuses(f"sbatch: error: {limit}\n{POLICY}")
    slurm = cluster(tmp_path)
    assert slurm.submit(waiting_trials(slurm.sweep, 4)) == {}
    assert limit in (slurm.waits_for or "")
    assert len(site.calls("sbatch")) == 3  # four, two, one
    assert slurm.submit(waiting_trials(slurm.sweep, 4)) == {} and limit in (slurm.waits_for or "")
    assert len(site.calls("sbatch")) == 3  # nothing has left the queue: not asked again


@pytest.mark.parametrize("message", FINAL)
def test_what_is_final_is_told_at_once(message: str, site: SitePrograms, tmp_path: Path) -> None:
    site.refuses(FAILED + message)
    slurm = cluster(tmp_path)
    with pytest.raises(SubmitRefused, match=r"sbatch: Batch job submission failed: "):
        slurm.submit(waiting_trials(slurm.sweep, 2))


def test_an_unknown_message_is_asked_again_for_the_stated_time_only(site: SitePrograms, tmp_path: Path) -> None:
    site.refuses(FAILED + "The moon is in the wrong house")
    patient, hasty = cluster(tmp_path), tmp_path / "site.yaml"
    assert patient.submit(waiting_trials(patient.sweep, 1)) == {}
    assert "wrong house; asked again for 10 more minutes" in (patient.waits_for or "")
    hasty.write_text("ask_again_min: 0\n")
    with pytest.raises(SubmitRefused, match="wrong house"):
        cluster(tmp_path, site=str(hasty)).submit(waiting_trials(patient.sweep, 1))


def test_a_sites_own_words_come_before_the_table() -> None:
    own = AnswersSection(final=("Requested nodes are busy",), no_room=("too many of yours",), again=("coffee break",))
    assert read_answer(FAILED + "Requested nodes are busy", own).meaning == "final"
    assert read_answer("sbatch: error: lua: too many of yours", own).meaning == "no_room"
    assert read_answer(FAILED + "coffee break", own).meaning == "again"
    assert read_answer(FAILED + "Requested nodes are busy", AnswersSection()).meaning == "again"


@pytest.mark.parametrize(
    ("printed", "sent"),
    [
        ("Submitted batch job 4711", "4711_0"),
        ("Submitted batch job 4711 on cluster cm2", "4711_0"),
        ("sbatch: lua: job 1 core\nSubmitted batch job 4711", "4711_0"),
        ("Welcome! See job 12 in the manual\nSubmitted batch job 4711\nGood luck with job 13", "4711_0"),
    ],
)
def test_the_job_is_the_one_that_sbatch_says_it_submitted(
    printed: str, sent: str, site: SitePrograms, tmp_path: Path
) -> None:
    site.says("sbatch", f"cat <<'END'\n{printed}\nEND")
    slurm = cluster(tmp_path)
    (trial,) = waiting_trials(slurm.sweep, 1)
    assert slurm.submit([trial]) == {trial.signature: sent}


def test_a_larger_array_than_the_site_takes_is_sent_in_parts(site: SitePrograms, tmp_path: Path) -> None:
    """max_array_tasks is told, or found out; MaxArraySize 1 leaves arrays of one, 0 jobs without an array."""
    config = "echo 'MaxArraySize            = {size}'; echo 'SchedulerParameters     = a=1,max_array_tasks={tasks},b'"
    for size, tasks, counts in ((1001, 2, [2, 2, 1]), (1, 100, [1] * 5), (0, 100, [1] * 5)):
        site.says("scontrol", config.format(size=size, tasks=tasks))
        (tmp_path / str(size)).mkdir()
        slurm = cluster(tmp_path / str(size))
        sent = slurm.submit(waiting_trials(slurm.sweep, 5))
        arrays = arrays_sent(slurm.sweep)
        assert len(sent) == 5 and [len(array["signatures"]) for array in arrays] == counts  # type: ignore[arg-type]
        assert all(array["array"] is (size > 0) for array in arrays)
        assert set(sent.values()) <= ({"4711"} if size == 0 else {"4711_0", "4711_1"})


def test_arrays_that_are_refused_whatever_their_size_are_given_up(site: SitePrograms, tmp_path: Path) -> None:
    refusal = f"grep -q 'SBATCH --array' \"$1\" && {{ echo '{FAILED}Invalid job array specification' >&2; exit 1; }}"
    site.says("sbatch", f"{refusal}\necho Submitted batch job 4711")
    slurm = cluster(tmp_path)
    trials = waiting_trials(slurm.sweep, 2)
    assert slurm.submit(trials) == {} and "as a job of its own from now on" in (slurm.waits_for or "")
    assert set(slurm.submit(trials).values()) == {"4711"}


ASSOCIATIONS = """\
case "$*" in
  *DefaultAccount*) echo usual ;;
  *MaxSubmitJobsPerUser*) case "$*" in *closed*) echo 0 ;; *narrow*) echo 4 ;; *) echo ;; esac ;;
  *MaxSubmitJobs*) printf 'usual||5\\nother||0\\nsmall||2\\nsmall|gpu|3\\n' ;;
  *) exit 1 ;;
esac"""


@pytest.mark.parametrize(
    ("keys", "sent"),
    [
        ({}, 5),
        ({"account": "small"}, 2),
        ({"account": "small", "partition": "gpu"}, 3),
        ({"account": "unlisted"}, 8),
        ({"qos": "narrow"}, 4),
        ({"qos": "wide"}, 5),
    ],
)
def test_the_submit_limit_is_that_of_the_association_in_use(
    keys: dict[str, str], sent: int, site: SitePrograms, tmp_path: Path
) -> None:
    site.says("sacctmgr", ASSOCIATIONS)
    slurm = cluster(tmp_path, **keys)
    assert len(slurm.submit(waiting_trials(slurm.sweep, 8))) == sent
    assert slurm.waits_for is None or "MaxSubmitJobs" in slurm.waits_for


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"account": "other"}, "MaxSubmitJobs of account other is 0"),
        ({"qos": "closed"}, "MaxSubmitJobsPerUser of QOS closed is 0"),
    ],
)
def test_an_account_or_qos_that_may_send_nothing_is_an_answer(
    keys: dict[str, str], words: str, site: SitePrograms, tmp_path: Path
) -> None:
    site.says("sacctmgr", ASSOCIATIONS)
    slurm = cluster(tmp_path, **keys)
    with pytest.raises(SubmitRefused, match=words):
        slurm.submit(waiting_trials(slurm.sweep, 1))


def test_reasons_that_never_clear_are_those_of_the_job_alone() -> None:
    assert all(map(can_never_start, ("PartitionTimeLimit", "QOSMaxWallDurationPerJobLimit", "QOSMinGRES")))
    for passing in ("Priority", "QOSMaxCpuPerUserLimit", "AssocGrpCpuLimit", "PartitionDown", "AssocMaxSubmitJobLimit"):
        assert not can_never_start(passing)
