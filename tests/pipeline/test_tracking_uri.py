"""Where MLflow keeps runs: what can never work is refused by the plan, and what a refusal means is told."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heatmark.foundation.errors import InputError
from heatmark.pipeline import mirror as mirror_module
from heatmark.pipeline.mirror import main
from heatmark.pipeline.tracking_uri import silence, tracking_uri
from tests.pipeline.test_mirror_shared import make_sweep


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("mlruns", "folder of files"),
        ("file:///data/mlruns", "folder of files"),
        ("node7:5000", "write http://node7:5000"),
        ("10.1.2.3:5000/mlflow", "write http://10.1.2.3:5000/mlflow"),
        ("htpp://node7", "unknown scheme 'htpp'"),
        ("postgres://node7/mlflow", "unknown scheme 'postgres'"),
        ("http://", "no host"),
        ("http://node 7:5000", "no host"),
        ("http://node7:five", "malformed"),
        ("http://node7:70000", "malformed"),
        ("sqlite:////nowhere/mlflow.db", "/nowhere: no such folder"),
        ("sqlite:////proc/mlflow.db", "/proc"),
        ("sqlite://mlflow.db", "malformed"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:////etc/passwd", "no SQLite database"),
        ("mysql+nodriver://node7/mlflow", "nodriver"),
        ("https://$NOT_SET_ANYWHERE:5000", "NOT_SET_ANYWHERE is not set"),
        ("", "empty"),
    ],
)
def test_an_address_that_can_never_work_is_refused_with_what_to_do(uri: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        tracking_uri(uri, "sweep.yaml: tracking.uri")
    line = str(refused.value)
    assert line.startswith("sweep.yaml: tracking.uri: ") and words in line and "\n" not in line


def test_an_address_that_may_work_is_taken_with_its_variables_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACKING_HOST", "node7")
    monkeypatch.setenv("FOLDER", str(tmp_path))
    for text, uri in {
        "http://$TRACKING_HOST:5000": "http://node7:5000",
        "https://me:pw@${TRACKING_HOST}/mlflow": "https://me:pw@node7/mlflow",
        "http://[::1]:5000": "http://[::1]:5000",
        "sqlite:///$FOLDER/mlflow.db": f"sqlite:///{tmp_path}/mlflow.db",
        "databricks": "databricks",
    }.items():
        assert tracking_uri(text, "tracking.uri") == uri
    assert not list(tmp_path.iterdir())  # it was only looked at


def test_a_password_is_not_shown() -> None:
    with pytest.raises(InputError) as refused:
        tracking_uri("mysql+nodriver://me:secret@node7/mlflow", "tracking.uri")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("command", ["plan", "run"])
def test_plan_and_run_refuse_in_one_line(command: str, tmp_path: Path) -> None:
    sweep = {
        "name": "refused",
        "grid": {"method": "detection", "backbone": "sbl-r18-w8", "dataset": "drawn"},
        "data": {"drawn": {"synthetic": {"people_train": 8, "people_val": 8}}},
        "tracking": {"uri": "./mlruns"},
    }
    (tmp_path / "sweep.yaml").write_text(json.dumps(sweep))
    done = subprocess.run(
        [sys.executable, "-m", "heatmark.pipeline.cli", "sweep", command, "sweep.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 2 and done.stderr.startswith("error: sweep.yaml: tracking.uri: './mlruns': ")
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "runs").exists()


@pytest.fixture
def web() -> Iterator[Callable[[int], str]]:
    """A web server that answers every request with one status and a page; its address."""
    servers = []

    def start(status: int) -> str:
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"<html>a page</html>")

            do_POST = do_GET

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "MLFLOW_TRACKING_USERNAME"),
        (403, "MLFLOW_TRACKING_USERNAME"),
        (404, "no MLflow tracking server"),
        (200, "no MLflow tracking server"),
        (503, "it did not answer; the same sweep, run again, sends the rest"),
    ],
)
def test_the_last_line_of_the_log_says_what_to_do(
    status: int,
    words: str,
    web: Callable[[int], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(mirror_module, "LAST_S", 0.0)
    sweep = make_sweep(tmp_path / "test")
    (sweep / "last_words").write_text("FINISHED\n")
    monkeypatch.setattr(mirror_module, "INTERVAL_S", 0.01)
    with (sweep / "last_words").open() as last_words:
        monkeypatch.setattr("sys.stdin", last_words)
        assert main(sweep, web(status)) == 1
    assert words in capfd.readouterr().err.splitlines()[-1]


def test_a_server_is_silent_only_where_nothing_answers(web: Callable[[int], str], tmp_path: Path) -> None:
    assert silence(web(200)) is silence(web(404)) is silence(f"sqlite:///{tmp_path}/mlflow.db") is None
    assert "503" in (silence(web(503)) or "")
    assert "refused" in (silence("http://127.0.0.1:9") or "")
