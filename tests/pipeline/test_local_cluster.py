"""Jobs on this machine are found again, whoever started them and by whatever path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.local_cluster import LocalCluster
from heatmark.workloads.launch import RUN_VARIABLE
from heatmark.workloads.run_folder.folder import RunFolder


def test_a_job_is_found_through_a_link_to_its_folder(tmp_path: Path) -> None:
    real, link = tmp_path / "scratch", tmp_path / "link"
    (real / "0123456789abcdef").mkdir(parents=True)
    link.symlink_to(real)
    cluster = LocalCluster(ClusterSection())
    for sent_as, asked_as in ((real, link), (link, real)):
        path = sent_as / "0123456789abcdef"
        command = [sys.executable, "-c", "import time; time.sleep(60)", "heatmark.workloads.job"]
        with subprocess.Popen(command, env={**os.environ, RUN_VARIABLE: str(path)}) as job:
            folder = RunFolder(asked_as / "0123456789abcdef")
            assert cluster.jobs([folder])[folder.signature].job_id == str(job.pid)
            cluster.cancel(folder)
            assert job.wait(timeout=10) != 0
