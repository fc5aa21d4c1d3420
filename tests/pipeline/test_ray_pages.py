"""Ray's dashboard while a sweep runs, in a real browser, and what its metrics say of every trial."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from heatmark.pipeline.ray_page import ADDRESS_FILE, TOKEN_FILE
from heatmark.pipeline.ray_relay import ABOUT, EPE, EPOCH, HEADLINE, SPEED
from heatmark.workloads.run_folder.folder import run_folders
from tests.browser import chromium
from tests.made_up import until
from tests.painted_pages import browser
from tests.pipeline.test_sweep_run import NO_REPORT, run, start, until_seen, write_sweep

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
LABELS = ("Detection sbl-r18-w8 drawn seed 0", "BCIR β 10 sbl-r18-w8 drawn seed 0")
MONITORING = Path(__file__).resolve().parents[2] / "slurm" / "monitoring"


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Path]:
    """Of two trials that have ended an epoch and go on."""
    chromium()
    path = write_sweep(tmp_path, train={"epochs": 2000}, tune={"dashboard": True}, report=NO_REPORT)
    folder = tmp_path / "runs" / "small"
    driver = start("run", path, cwd=tmp_path)
    try:
        until_seen(lambda: sum(bool(each.epochs()) for each in run_folders(folder)) == 2, driver)
        until_seen((folder / ADDRESS_FILE).exists, driver)  # trials are sent before Ray has started
        yield folder
    finally:
        run("cancel", folder, cwd=tmp_path)
        driver.communicate(timeout=420)


def asked(sweep: Path, path: str) -> Any:
    """An answer of the dashboard's, in JSON, as Prometheus asks for it."""
    address, token = ((sweep / name).read_text().strip() for name in (ADDRESS_FILE, TOKEN_FILE))
    request = urllib.request.Request(f"{address}{path}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def metrics(sweep: Path) -> str:
    """All that Prometheus would collect."""
    (found,) = asked(sweep, "/api/prometheus/sd")
    texts = []
    for target in found["targets"]:
        try:
            with urllib.request.urlopen(f"http://{target}/metrics", timeout=30) as answer:
                texts.append(answer.read().decode())
        except OSError:  # of those that Ray itself names, some have no metrics
            continue
    return "\n".join(texts)


def test_the_dashboard_opens_with_its_token_and_knows_every_trial(sweep: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "ui", str(sweep), "--ray"]
    environment = {**os.environ, "BROWSER": "true"}  # it is opened below
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        printed = process.stdout.readline() + process.stdout.readline()
        address = (sweep / ADDRESS_FILE).read_text().strip()
        assert address in printed and str(sweep / TOKEN_FILE) in printed
        found = re.search(r"once: (http://\S+)", printed)
        assert found is not None, printed
        with browser(tmp_path / "chromium") as page:
            page.open(f"{address}/#/actors")
            page.wait("document.body.innerText.includes('Token authentication is enabled')", "no box for a token")
            page.open(found[1])
            page.wait(f"location.href.startsWith({json.dumps(address)})", "not led on to the dashboard")
            page.open(f"{address}/#/actors")
            for label in LABELS:
                words = json.dumps("".join(label.split()))
                page.wait(f"document.body.innerText.replace(/\\s+/g, '').includes({words})", f"no actor {label}")
        assert process.wait(timeout=60) == 0

    def told() -> bool:
        text = metrics(sweep)
        return all(
            len(re.findall(rf"^ray_{name}\{{", text, re.MULTILINE)) >= 2 for name in (EPOCH, HEADLINE, EPE, SPEED)
        )

    until(told, 240, lambda: f"no metrics of both trials: {re.findall('^ray_heatmark.*', metrics(sweep), re.M)}", 2.0)
    (line, *_) = re.findall(rf"^ray_{HEADLINE}\{{.*bcir.*", metrics(sweep), re.MULTILINE)
    for about in ('sweep="small"', 'trial="BCIR beta 10 sbl-r18-w8 drawn seed 0"', 'metric="AP"', 'dataset="drawn"'):
        assert about in line


def test_the_files_for_prometheus_and_grafana_ask_for_what_is_told() -> None:
    (scrape,) = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"]
    (discovery,) = scrape["http_sd_configs"]
    assert discovery["url"].endswith("/api/prometheus/sd")
    assert discovery["authorization"] == {"type": "Bearer", "credentials_file": f"runs/demo/{TOKEN_FILE}"}
    board = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    asked_for = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert {name for each in asked_for for name in re.findall(r"ray_(heatmark_\w+)", each)} == {
        EPOCH,
        HEADLINE,
        EPE,
        SPEED,
    }
    used = {name for each in asked_for for name in re.findall(r"(\w+)=~", each)}
    assert used <= set(ABOUT) and used <= {variable["name"] for variable in board["templating"]["list"]}
