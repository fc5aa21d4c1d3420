"""MLflow's own server, as an app that `mlflow server --app-name heatmark` finds by its name, with two things settled.

On a page of this machine MLflow 3.17 opens a panel for questions to a language model, over a quarter of the window, and
it begins in its mode for language models; it has no setting against either. Both it remembers for each browser: here it
remembers before it begins. A button still opens the panel, a switch the other mode.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from importlib.metadata import entry_points
from typing import Any, Final

NAME: Final = "heatmark"
GROUP: Final = "mlflow.app"
# What the front end keeps in a browser: that the panel was opened once, and the mode.
REMEMBERED: Final = {
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    "mlflow.workflowType_v1": '"machine_learning"',
}
SCRIPT: Final = (
    f"<script>try {{ for (const [key, value] of Object.entries({json.dumps(REMEMBERED)}))"
    " if (localStorage.getItem(key) === null) localStorage.setItem(key, value) } catch {}</script>"
).encode()

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


def is_installed() -> bool:
    """Whether MLflow finds this app: not in an installation from before there was one."""
    return any(each.name == NAME for each in entry_points(group=GROUP))


class Pages:
    """An ASGI app: MLflow's, with SCRIPT at the beginning of its one HTML page."""

    def __init__(self) -> None:
        from mlflow.server.fastapi_app import app

        self._app: Any = app

    async def __call__(self, scope: Message, receive: Any, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["path"] == "/"
        await self._app(scope, receive, _Rewriter(send) if is_page else send)


class _Rewriter:
    """Holds back a page's head until its body is there: its length changes."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = self._body.replace(b"<head>", b"<head>" + SCRIPT, 1)
        dropped = (b"content-length", b"etag")
        headers = [(name, value) for name, value in self._start["headers"] if name.lower() not in dropped]
        await self._send({**self._start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await self._send({"type": "http.response.body", "body": body})


def __getattr__(name: str) -> Any:
    """`app`, made when a server asks for it: to be asked whether it is installed needs no MLflow."""
    if name == "app":
        return Pages()
    raise AttributeError(name)
