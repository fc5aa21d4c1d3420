"""A headless Chromium that stays open: what pages fetch and paint is waited for, and looked at as pixels."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.browser import chromium
from tests.made_up import until

START_S, ANSWER_S = 90.0, 120.0
# Of the longest answer: a picture of a page.
LONGEST_BYTES = 2**28
# How far a colour's channels lie apart that is no grey: runs have colours, axes and text have none.
COLOURED = 48

Pixels = npt.NDArray[np.uint8]


class Page:
    """The one open page of a browser."""

    def __init__(self, loop: asyncio.AbstractEventLoop, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._loop, self._socket, self._number = loop, socket, 0

    def say(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of Chromium's DevTools protocol, and its answer."""
        return self._loop.run_until_complete(asyncio.wait_for(self._say(method, parameters), ANSWER_S))

    async def _say(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            answer = await self._socket.receive_json()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])

    def open(self, address: str) -> None:
        """From anew: two addresses that differ behind # are one page to a browser."""
        self.say("Page.navigate", url="about:blank")
        self.say("Page.navigate", url=address)

    def value(self, script: str) -> Any:
        """Of an expression in the page; None where it fails, as while the page loads."""
        found = self.say("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return found["result"].get("value")

    def text(self) -> str:
        return str(self.value("document.body ? document.body.innerText : ''"))

    def wait(self, script: str, what: str, timeout_s: float = 120.0) -> None:
        """Until an expression is true in the page."""
        until(lambda: self.value(script), timeout_s, lambda: f"{what}; the page has: {self.text()[:3000]}", every_s=0.3)

    def picture(self, file: Path | None = None) -> Pixels:
        """What is painted now, rows x columns x RGB. file: where it is kept as PNG."""
        content = base64.b64decode(self.say("Page.captureScreenshot", format="png")["data"])
        if file is not None:
            file.write_bytes(content)
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))

    def coloured_pixels(self, selector: str, picture: Pixels) -> list[int]:
        """How many pixels are no grey in each element of a selector that is in the picture as a whole."""
        boxes = self.value(
            f"[...document.querySelectorAll({selector!r})].map(each => each.getBoundingClientRect())"
            ".map(box => [box.left, box.top, box.right, box.bottom].map(Math.round))"
        )
        found = []
        for left, top, right, bottom in boxes or []:
            if 0 <= left < right <= picture.shape[1] and 0 <= top < bottom <= picture.shape[0]:
                part = picture[top:bottom, left:right].astype(int)
                found.append(int((part.max(-1) - part.min(-1) > COLOURED).sum()))
        return found


@contextmanager
def browser(folder: Path, size: tuple[int, int] = (1600, 1400)) -> Iterator[Page]:
    """A new Chromium with an empty profile. folder: for that. size: width and height of the window in pixels."""
    profile = folder / "profile"
    command = [chromium(), "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    # Chromium's sandbox refuses to start as root.
    command += ["--no-sandbox"] if os.geteuid() == 0 else []
    command += [
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        f"--window-size={size[0]},{size[1]}",
        "about:blank",
    ]
    folder.mkdir(parents=True, exist_ok=True)
    loop = asyncio.new_event_loop()
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    session: aiohttp.ClientSession | None = None
    try:
        address = profile / "DevToolsActivePort"
        until(lambda: address.exists() and "\n" in address.read_text(), START_S, "no Chromium", every_s=0.1)
        session, socket = loop.run_until_complete(_connect(int(address.read_text().split()[0])))
        yield Page(loop, socket)
    finally:
        if session is not None:
            loop.run_until_complete(session.close())
        process.terminate()
        process.wait(timeout=60)
        loop.close()


async def _connect(port: int) -> tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
    session = aiohttp.ClientSession()
    async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
        pages = await answer.json()
    address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
    return session, await session.ws_connect(address, max_msg_size=LONGEST_BYTES)
