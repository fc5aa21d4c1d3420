"""`heatmark ui --ray`: Ray's dashboard of a sweep that runs on this machine, opened with its token.

Ray's pages take a token from their own box or from a cookie, and by no address. A browser sends a cookie to every port
of one host: a page of ours, served once under a name that cannot be guessed, sets it and leads on to Ray's.
"""

from __future__ import annotations

import http.server
import secrets
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path
from typing import Final

from heatmark.foundation.errors import InputError

TOKEN_FILE, ADDRESS_FILE = "ray_token", "ray_dashboard"
COOKIE: Final = "ray-authentication-token"
# How long the page that signs in waits for its one visitor.
WAIT_S: Final = 600.0


def how_to_sign_in(sweep: Path) -> str:
    """What the box on Ray's pages wants, in one line."""
    return f"it asks for a token: paste what is in {sweep / TOKEN_FILE}, or open it with: heatmark ui {sweep} --ray"


def show_ray(sweep: Path) -> None:
    """Print an address that signs in, open it in a browser, and end once it was visited.

    Raises InputError where no dashboard of this sweep answers here.
    """
    dashboard, token = _running(sweep)
    page = _SignIn(dashboard, token)
    print(f"Ray dashboard: {dashboard}  (or paste the token in {sweep / TOKEN_FILE} there)")
    print(f"signs you in, once: {page.address}", flush=True)
    webbrowser.open(page.address)
    if not page.serve(WAIT_S):
        raise InputError(f"nobody opened {page.address} within {WAIT_S / 60:g} minutes; run the same command again")


def _running(sweep: Path) -> tuple[str, str]:
    try:
        dashboard = (sweep / ADDRESS_FILE).read_text().strip()
        token = (sweep / TOKEN_FILE).read_text().strip()
        with urllib.request.urlopen(f"{dashboard}/api/authentication_mode", timeout=10):
            return dashboard, token
    except (OSError, urllib.error.URLError) as error:
        raise InputError(
            f"{sweep}: no Ray dashboard answers here; it is there while `heatmark sweep run` runs on this machine, "
            f"with tune.dashboard"
        ) from error


class _SignIn:
    """A server of one page for one visit, on loopback."""

    def __init__(self, dashboard: str, token: str) -> None:
        name = secrets.token_urlsafe(24)
        self._visited = visited = [False]

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != f"/{name}" or visited[0]:
                    self.send_error(404)
                    return
                visited[0] = True
                self.send_response(303)
                self.send_header("Set-Cookie", f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict")
                self.send_header("Cache-Control", "no-store")
                self.send_header("Location", f"{dashboard}/")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing: the name would stand in it."""

        self._server = http.server.HTTPServer(("127.0.0.1", 0), Page)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/{name}"

    def serve(self, wait_s: float) -> bool:
        """Whether somebody came."""
        deadline = time.monotonic() + wait_s
        with self._server:
            while not self._visited[0] and time.monotonic() < deadline:
                self._server.timeout = max(0.1, deadline - time.monotonic())
                self._server.handle_request()
        return self._visited[0]
