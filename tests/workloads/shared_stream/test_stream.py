"""The shared stream between real processes: the same bits as separate loaders, whoever stops, stalls or starts late."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.workloads.shared_stream.asked import VARIABLE, digest_of
from heatmark.workloads.shared_stream.client import GONE, shared_batches
from heatmark.workloads.shared_stream.serving import serving
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.views import load_split, loader_of
from tests.made_up import made_spec, until
from tests.workloads.shared_stream.readers import ALONE, DEADLINE_S, Reader, digest, own_batches, reading

pytestmark = pytest.mark.timeout(1200)
STEPS = 10
METHODS = ("detection", "ipr", "bcir")
# MiB: room for two batches, so that every reader holds up the others as soon as it can.
LITTLE = 1
SERVER = "heatmark.workloads.shared_stream"
# A job that shares a stream and does nothing else: says where, and waits.
JOB = """
import sys, time
from heatmark.workloads.shared_stream.serving import serving
with serving(makers=2) as variables:
    print(*variables.values(), flush=True)
    time.sleep(1000)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "drawn"
    write_coco(folder, SyntheticCoco(people_train=8 * STEPS + 3, people_val=20, seed=1))
    return folder


@pytest.fixture
def spec_of(root: Path) -> Callable[[str], TrialSpec]:
    """The trial of a method; a batch is of 200 kB."""
    data, runtime = {"input_size": [96, 96]}, {"data_root": str(root)}
    return lambda method: made_spec(method, data=data, runtime=runtime)


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    until(lambda: not servers(), DEADLINE_S)


def servers() -> list[psutil.Process]:
    """Server and makers that this process, or a job of it, has started."""
    return [each for each in psutil.process_iter() if _is_server(each)]


def _is_server(process: psutil.Process) -> bool:
    try:
        command, started_here = process.cmdline(), process.environ().get("PYTEST_CURRENT_TEST", "")
    except psutil.Error:
        return False
    return SERVER in command and __name__.rsplit(".", maxsplit=1)[-1] in started_here


def open_files(process: psutil.Process) -> list[str]:
    """Where its descriptors and its memory lead."""
    descriptors = [str(each.readlink()) for each in Path(f"/proc/{process.pid}/fd").iterdir()]
    return descriptors + [str(each.path) for each in process.memory_maps()]


def server() -> psutil.Process:
    """The server itself: its makers are its children."""
    every = servers()
    (first,) = [each for each in every if each.ppid() not in {other.pid for other in every}]
    return first


@contextmanager
def three_readers(spec_of: Callable[[str], TrialSpec], memory_mib: int = 512) -> Iterator[list[Reader]]:
    """Of three methods."""
    with (
        serving(memory_mib=memory_mib) as variables,
        reading([Reader(spec_of(method), variables) for method in METHODS]) as readers,
    ):
        yield readers


def said(capfd: pytest.CaptureFixture[str]) -> str:
    """By server and trials."""
    return "".join(capfd.readouterr())


def counts(capfd: pytest.CaptureFixture[str]) -> tuple[int, int]:
    """Batches made and given, as the server says at its end."""
    text = said(capfd)
    found = re.search(r"shared stream: (\d+) batches made, (\d+) given", text)
    assert found is not None, text
    return int(found[1]), int(found[2])


def test_three_methods_read_what_each_would_make(
    spec_of: Callable[[str], TrialSpec], capfd: pytest.CaptureFixture[str]
) -> None:
    with three_readers(spec_of) as readers:
        for epoch in range(2):
            for each in readers:
                each.begin(epoch)
                each.ask(1000)
            expected = own_batches(spec_of("detection"), epoch)
            assert [each.answer() for each in readers] == [expected] * 3 and len(expected) == STEPS
    assert counts(capfd) == (2 * STEPS, 3 * 2 * STEPS)


def test_an_evaluation_is_cropped_once_for_all_trials_and_epochs(
    spec_of: Callable[[str], TrialSpec], capfd: pytest.CaptureFixture[str]
) -> None:
    expected = own_batches(spec_of("detection"), 0, training=False)
    with serving(makers=2) as variables:
        seeds = [spec_of(method).model_copy(update={"seed": seed}) for seed, method in enumerate(METHODS)]
        with reading([Reader(spec, variables, training=False) for spec in seeds]) as readers:
            for _ in range(2):
                for each in readers:
                    each.begin(0)
                assert [each.take() for each in readers] == [expected] * 3
    assert counts(capfd) == (len(expected), 6 * len(expected))


def test_the_ranks_of_two_trials_share_by_rank(
    spec_of: Callable[[str], TrialSpec], capfd: pytest.CaptureFixture[str]
) -> None:
    ranks = [replace(ALONE, rank=rank, world_size=2) for rank in range(2)]
    expected = [own_batches(spec_of("ipr"), 1, ranks=each) for each in ranks]
    with serving() as variables:
        every = [Reader(spec_of(method), variables, ranks=each) for method in ("detection", "ipr") for each in ranks]
        with reading(every) as readers:
            for reader in readers:
                reader.begin(1)
            assert [reader.take() for reader in readers] == expected * 2
    assert counts(capfd) == (2 * STEPS, 4 * STEPS)


def test_one_that_is_killed_holds_up_nobody(
    spec_of: Callable[[str], TrialSpec], capfd: pytest.CaptureFixture[str]
) -> None:
    expected = own_batches(spec_of("detection"), 0)
    with three_readers(spec_of, LITTLE) as (first, *others):
        for each in (first, *others):
            each.begin(0)
        assert first.take(1) == expected[:1]
        for each in others:
            each.ask(1000)
        first.send_signal(signal.SIGKILL)
        assert [each.answer() for each in others] == [expected] * 2
    out = said(capfd)
    assert "own" not in out and "lags" not in out


def test_one_that_stands_still_is_not_waited_for_and_loses_nothing(
    spec_of: Callable[[str], TrialSpec], capfd: pytest.CaptureFixture[str]
) -> None:
    expected = own_batches(spec_of("detection"), 0)
    with three_readers(spec_of, LITTLE) as (first, *others):
        for each in (first, *others):
            each.begin(0)
        assert first.take(2) == expected[:2]
        first.send_signal(signal.SIGSTOP)
        for each in others:
            each.ask(1000)
        assert [each.answer() for each in others] == [expected] * 2
        first.send_signal(signal.SIGCONT)
        assert first.take() == expected[2:]
        # In the next epoch it is one of them again.
        for each in (first, *others):
            each.begin(1)
            each.ask(1000)
        assert [each.answer() for each in (first, *others)] == [own_batches(spec_of("ipr"), 1)] * 3
    out = said(capfd)
    assert "not waited for" in out and "own" not in out


def test_who_starts_late_or_elsewhere_reads_its_own_place(spec_of: Callable[[str], TrialSpec]) -> None:
    epochs = [own_batches(spec_of("detection"), epoch) for epoch in range(3)]
    with three_readers(spec_of, LITTLE) as (first, late, elsewhere):
        first.begin(1)
        assert first.take(8) == epochs[1][:8]
        late.begin(1)
        elsewhere.begin(2, 7)
        assert late.take(5) == epochs[1][:5]
        assert elsewhere.take() == epochs[2][7:]
        assert first.take() == epochs[1][8:]
        assert late.take() == epochs[1][5:]
        first.begin(0, 4)
        assert first.take(2) == epochs[0][4:6]
        first.begin(0, 1)  # without having read the rest
        assert first.take() == epochs[0][1:]


def test_a_server_that_is_killed_costs_no_batch(
    spec_of: Callable[[str], TrialSpec], capfd: pytest.CaptureFixture[str]
) -> None:
    expected = own_batches(spec_of("detection"), 0)
    with three_readers(spec_of) as readers:
        for each in readers:
            each.begin(0)
        assert [each.take(2) for each in readers] == [expected[:2]] * 3
        server().kill()
        assert [each.take() for each in readers] == [expected[2:]] * 3
        for each in readers:
            each.begin(1)
            each.ask(1000)
        assert [each.answer() for each in readers] == [own_batches(spec_of("ipr"), 1)] * 3
    assert said(capfd).count(f"no shared stream ({GONE}); this trial makes its own") == 3


def test_a_maker_that_is_killed_costs_no_batch(
    spec_of: Callable[[str], TrialSpec], capfd: pytest.CaptureFixture[str]
) -> None:
    expected = own_batches(spec_of("detection"), 0)
    with three_readers(spec_of) as readers:
        readers[0].begin(0)
        assert readers[0].take(1) == expected[:1]
        (maker,) = server().children()
        maker.kill()
        assert readers[0].take() == expected[1:]
        readers[1].begin(0)
        assert readers[1].take() == expected
    assert "no batches are shared of one split" in said(capfd)


def test_a_server_that_stands_still_is_waited_for_so_long(
    spec_of: Callable[[str], TrialSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of("detection")
    people = load_split(spec, "train")
    expected = own_batches(spec, 0)
    with serving() as variables:
        monkeypatch.setenv(VARIABLE, variables[VARIABLE])
        shared = loader_of(spec, people, ALONE, training=True)
        batches = iter(shared)
        assert digest(next(batches)) == expected[0]
        elsewhere = shared_batches(spec, people, ALONE, 8, training=True)
        assert elsewhere is not None
        stopped = server()
        stopped.suspend()
        said: list[str] = []
        impatient = replace(elsewhere, patience_s=0.5, say=said.append)
        assert list(impatient(0, 0, [[1, 2]])) == []
        assert said == [
            "batch 1 of epoch 1: no shared stream (its server gave nothing for 0.5 s); this trial makes its own"
        ]
        stopped.resume()
        assert [digest(batch) for batch in batches] == expected[1:]


def test_people_who_have_changed_are_not_shared(
    spec_of: Callable[[str], TrialSpec], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = spec_of("detection")
    people = load_split(spec, "train")
    fewer = replace(people, people=people.people[:24])
    assert digest_of(fewer) != digest_of(people)
    own = [digest(batch) for batch in loader_of(spec, fewer, ALONE, training=True)]
    with serving() as variables:
        monkeypatch.setenv(VARIABLE, variables[VARIABLE])
        assert [digest(batch) for batch in loader_of(spec, fewer, ALONE, training=True)] == own
    assert "its people are not those of the files any more); this trial makes its own" in said(capfd)


def test_files_that_are_gone_are_told_by_the_trial_itself(
    spec_of: Callable[[str], TrialSpec],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    spec = spec_of("detection")
    expected, people = own_batches(spec, 0), load_split(spec, "train")
    moved = made_spec(data={"input_size": [96, 96]}, runtime={"data_root": str(tmp_path / "gone")})
    with serving() as variables:
        monkeypatch.setenv(VARIABLE, variables[VARIABLE])
        assert [digest(batch) for batch in loader_of(moved, people, ALONE, training=True)] == expected
    assert "InputError" in said(capfd)


def test_a_job_that_is_killed_leaves_nothing(spec_of: Callable[[str], TrialSpec]) -> None:
    job = subprocess.Popen([sys.executable, "-c", JOB], stdout=subprocess.PIPE, text=True)
    assert job.stdout is not None
    try:
        address = job.stdout.readline().strip()
        with reading([Reader(spec_of("ipr"), {VARIABLE: address})]) as (reader,):
            reader.begin(0)
            expected = own_batches(spec_of("ipr"), 0)
            assert reader.take(3) == expected[:3]
            assert len(servers()) == 3
            names = [name for process in servers() for name in open_files(process)]
            # What has no name cannot be left behind.
            assert sum("memfd:heatmark-batch" in name for name in names) >= 3
            assert not [name for name in names if name.startswith("/dev/shm")]
            job.kill()
            job.wait()
            assert reader.take() == expected[3:]
            until(lambda: not servers(), DEADLINE_S)
    finally:
        job.kill()
        job.wait()


def test_signals_to_the_whole_job_leave_it_time_to_save(spec_of: Callable[[str], TrialSpec]) -> None:
    with three_readers(spec_of) as (reader, *_):
        reader.begin(0)
        expected = own_batches(spec_of("detection"), 0)
        assert reader.take(1) == expected[:1]
        for process in servers():
            for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGTERM):
                process.send_signal(number)
        time.sleep(0.5)
        assert len(servers()) == 2
        assert reader.take() == expected[1:]
