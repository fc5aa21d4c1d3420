"""What a failure of MLflow means for the person who reads of it: wait, or do something first."""

from __future__ import annotations

import json
import re
import time
from enum import Enum

# Each message once in this time.
AGAIN_S = 60.0
UNAUTHORIZED = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED"})
_STATUS = re.compile(r"failed with error code (\d{3})|too many (\d{3}) error")
_NOT_REACHED = re.compile(
    r"API request to \S+ failed with (timeout )?exception|TEMPORARILY_UNAVAILABLE|database is locked|"
    r"OperationalError.*(connect|timed out|gone away|closed)"
)
_NO_JSON = "Response body"
_CERTIFICATE = re.compile(r"SSLError|CERTIFICATE_VERIFY_FAILED")
# What a web server answers that has no such page, or not by this method. MLflow itself says it in JSON.
_NO_MLFLOW = frozenset({400, 404, 405, 410, 501})


class Outcome(Enum):
    """What came of a round."""

    COMPLETE = "complete"
    AWAY = "away"
    UNAUTHORIZED = "unauthorized"
    NO_MLFLOW = "no MLflow"
    OTHER = "other"


SENDS_THE_REST = "the same sweep, run again, sends the rest"
ADVICE = {
    Outcome.AWAY: f"it did not answer; {SENDS_THE_REST}",
    Outcome.UNAUTHORIZED: "it refuses this user: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
    f"MLFLOW_TRACKING_TOKEN, to an account that may write this experiment; then {SENDS_THE_REST}",
    Outcome.NO_MLFLOW: f"what answers there is no MLflow tracking server: correct tracking.uri; then {SENDS_THE_REST}",
    Outcome.OTHER: f"mend what this log says; then {SENDS_THE_REST}",
}


def meaning(error: BaseException) -> Outcome:
    """What a failed call to MLflow says of the server."""
    text = " ".join(str(error).split())
    found = _STATUS.search(text)
    status = int(found[1] or found[2]) if found else None
    if status in (401, 403) or getattr(error, "error_code", None) in UNAUTHORIZED:
        return Outcome.UNAUTHORIZED
    if isinstance(error, json.JSONDecodeError) or status in _NO_MLFLOW or (status is None and _NO_JSON in text):
        return Outcome.NO_MLFLOW
    if status == 429 or (status or 0) >= 500 or (_NOT_REACHED.search(text) and not _CERTIFICATE.search(text)):
        return Outcome.AWAY
    return Outcome.OTHER


class OnceAMinute:
    """Lines that come again and again, each said once in AGAIN_S."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}

    def __call__(self, line: str) -> str | None:
        """The line, short and in one piece, or None where it was said just now."""
        short = " ".join(line.split())[:600]
        key = re.sub(r"0x[0-9a-f]+", "", short)
        now = time.monotonic()
        if now - self._said.get(key, -AGAIN_S) < AGAIN_S:
            return None
        self._said[key] = now
        return short


def without_passwords(text: str) -> str:
    """What logs and terminals may show of a text with URIs in it."""
    return re.sub(r"(://[^/@:\s]*):[^/@\s]*@", r"\1:***@", text)
