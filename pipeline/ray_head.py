"""The driver's own Ray: one head on this machine, none where trials run."""

from __future__ import annotations

import logging
import os
import secrets
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from heatmark.foundation.errors import InputError
from heatmark.pipeline.ray_page import ADDRESS_FILE, TOKEN_FILE

# How often Ray is started before it is given up.
TRIES = 3


@contextmanager
def ray_head(folder: Path, dashboard: bool) -> Iterator[str | None]:
    """A Ray head for this driver alone, on loopback and behind a token. Yields the dashboard's address.

    The token is in <sweep>/ray_token, readable by its owner only, the address in <sweep>/ray_dashboard. Ray's own
    folder has a short name of this user, because its sockets' paths may have 107 characters at most.
    """
    token_file = folder / TOKEN_FILE
    if not token_file.exists():
        descriptor = os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
    os.environ.update(
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN_PATH=str(token_file),
        RAY_AIR_NEW_OUTPUT="0",
        RAY_TRAIN_V2_ENABLED="1",
        RAY_DEDUP_LOGS="0",
        TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
        # In the main thread (heatmark bench) Tune would take Ctrl-C for the end of one experiment.
        TUNE_DISABLE_SIGINT_HANDLER="1",
        # An epoch that was not evaluated (train.eval_every) has no metric: ASHA passes over it.
        TUNE_DISABLE_STRICT_METRIC_CHECKING="1",
        RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
        # Ray's would abort the driver on SIGTERM, and leave nothing in its place once Ray is shut down.
        RAY_DISABLE_FAILURE_SIGNAL_HANDLER="1",
        # On a full machine Ray would kill the relays, which hold nothing, and give up the whole sweep with them.
        RAY_memory_monitor_refresh_ms="0",
        # More relays than cores are meant. Ray warns of them all the time, except of as many as these, which it would
        # start to spill objects.
        RAY_max_io_workers="1000",
    )
    # Ray reads its authentication mode once, at its first import.
    import ray

    warnings.filterwarnings("ignore", module="ray")
    # A trial that failed is told in one line by the broker, not by the stack trace of its relay.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    context = _start(dashboard)
    url = f"http://{context.dashboard_url}" if dashboard and context.dashboard_url else None
    if url:
        (folder / ADDRESS_FILE).write_text(f"{url}\n")
    try:
        yield url
    finally:
        (folder / ADDRESS_FILE).unlink(missing_ok=True)
        ray.shutdown()


def _start(dashboard: bool) -> Any:
    """ray.init, tried again where its processes did not come up in the time that Ray fixes for it.

    Raises InputError.
    """
    import ray

    why = ""
    for _ in range(TRIES):
        try:
            return ray.init(
                address="local",
                include_dashboard=dashboard,
                dashboard_host="127.0.0.1",
                log_to_driver=False,
                logging_level=logging.ERROR,
                _node_ip_address="127.0.0.1",
                _temp_dir=f"/tmp/heatmark-ray-{os.getuid()}",
            )
        except Exception as error:  # Ray raises what it has no class for as Exception itself
            why = " ".join(str(error).split())
            ray.shutdown()
    raise InputError(
        f"Ray did not start on this machine, tried {TRIES} times: {why[:300]}; it is too busy or full: "
        f"run the same command again, jobs that run are adopted"
    )
