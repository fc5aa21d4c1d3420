"""Data on a node's own disk: one copy for all ranks, whole or not there, gone with the last."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from heatmark.foundation.errors import InputError
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.stage import staged
from tests.made_up import made_spec


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "shared" / "coco"
    (root / "train2017").mkdir(parents=True)
    (root / "train2017" / "1.jpg").write_bytes(b"picture" * 1000)
    (root / "annotations.json").write_text("{}")
    return root


def trial(source: Path, **runtime: str) -> TrialSpec:
    return made_spec(runtime={"data_root": str(source), **runtime})


def copies(disk: Path) -> list[str]:
    return sorted(path.suffix or "data" for path in disk.iterdir())


@pytest.mark.parametrize("inside", ["", "coco"])
def test_a_folder_or_an_archive_is_used_from_the_nodes_disk_and_gone_afterwards(
    inside: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_DISK", str(tmp_path / "disk"))
    archive = tmp_path / "coco.tar"
    with tarfile.open(archive, "w") as file:
        file.add(source, inside or ".")
    for name, more in (("folder", {}), ("archive", {"stage_tar": str(archive)})):
        said: list[str] = []
        spec = trial(source, stage=f"$NODE_DISK/{name}", **more)
        with staged(spec, said.append) as local, staged(spec, said.append) as second:
            root = Path(local.runtime.data_root)
            assert root.parent == tmp_path / "disk" / name and second.runtime.data_root == str(root)
            assert (root / "train2017" / "1.jpg").read_bytes() == b"picture" * 1000
            assert (root / "annotations.json").read_text() == "{}"
            assert local.signature == spec.signature
        assert copies(tmp_path / "disk" / name) == [".lock"]
        assert len(said) == 2, "copied more than once"


HOLD = """
import sys, time
from pathlib import Path
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.stage import staged
with staged(TrialSpec.model_validate_json(Path(sys.argv[1]).read_text()), print) as spec:
    print("holds", flush=True)
    sys.stdin.readline()
"""


def test_processes_share_a_copy_and_one_that_was_killed_leaves_no_half(source: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    spec = trial(source, stage=str(disk))
    (tmp_path / "spec.json").write_text(spec.model_dump_json())
    with staged(spec, lambda _line: None) as local:
        partial = Path(local.runtime.data_root).with_suffix(".partial")
    partial.mkdir()
    (partial / "half").write_text("of a process that was killed while it copied")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / "spec.json")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = []
    for process in processes:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "holds":
            lines.append(process.stdout.readline().strip())
        outputs += lines
    assert sum(line.startswith("copying") for line in outputs) == 1
    assert copies(disk) == [".lock", "data"]
    processes[0].kill()
    processes[0].wait()
    assert copies(disk) == [".lock", "data"], "gone though another process reads it"
    processes[1].communicate("\n", timeout=60)
    assert copies(disk) == [".lock"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk, for which one must be root")
def test_a_disk_without_room_is_one_line(source: Path, tmp_path: Path) -> None:
    (source / "large").write_bytes(os.urandom(3 << 20))
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no mounts here")
    try:
        with pytest.raises(InputError, match=r"cluster\.stage: cannot copy .*No space left") as refused:
            staged(trial(source, stage=str(disk)), lambda _line: None).__enter__()
        assert "\n" not in str(refused.value) and copies(disk) == [".lock"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_cannot_be_staged_is_one_line(source: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.tar").write_bytes(b"no archive")
    for runtime, words in (
        ({"stage": "$NO_SUCH_DISK/x"}, "the variable NO_SUCH_DISK is not set"),
        ({"stage": "/proc/none"}, r"cluster\.stage: /proc/none: "),
        ({"stage": str(tmp_path / "disk"), "stage_tar": str(tmp_path / "broken.tar")}, "cannot copy .*broken.tar"),
    ):
        with pytest.raises(InputError, match=words):
            staged(trial(source, **runtime), lambda _line: None).__enter__()
