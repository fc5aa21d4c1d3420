"""A headless Chromium that stays open: load a page, press keys, ask it, take its picture."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import time
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import aiohttp

from tests.browser import chromium

START_S, ANSWER_S = 120.0, 120.0
# Virtual key codes, which Chromium needs beside the names.
KEYS = {"Tab": 9, "Enter": 13, "Space": 32}
Answer = TypeVar("Answer")


class Session:
    """with Session(folder) as session: ... folder: for the browser's profile."""

    def __init__(self, folder: Path, width: int = 1200, height: int = 900) -> None:
        self.profile, self.size = folder / "session", f"--window-size={width},{height}"
        self._loop = asyncio.new_event_loop()
        self._number = 0

    def __enter__(self) -> Session:
        self.profile.mkdir(parents=True, exist_ok=True)
        flags = ["--headless", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", self.size]
        flags += ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [chromium(), *flags, f"--user-data-dir={self.profile}", "--remote-debugging-port=0", "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._await(self._connect())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._await(self._client.close())
        finally:
            self._end()

    def open(self, address: str) -> None:
        """Until the page's load event is over."""
        self.send("Page.navigate", url=address)
        self.evaluate(
            "new Promise((done) => { const look = () => performance.timing.loadEventEnd > 0 && location.href !== "
            "'about:blank' ? done(true) : setTimeout(look, 20); look(); })"
        )

    def evaluate(self, script: str) -> Any:
        """The value of an expression, awaited where it is a promise."""
        found = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str, shift: bool = False) -> None:
        """A key of the keyboard, down and up."""
        name = " " if key == "Space" else key
        text = {"Space": " ", "Enter": "\r"}.get(key)
        about = {"key": name, "code": key, "windowsVirtualKeyCode": KEYS[key], "modifiers": 8 * shift}
        self.send("Input.dispatchKeyEvent", type="keyDown", **about, **({"text": text} if text else {}))
        self.send("Input.dispatchKeyEvent", type="keyUp", **about)

    def picture(self) -> bytes:
        """Of what is in the window, as PNG."""
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])

    def printed(self) -> bytes:
        """The page as PDF, in its print style."""
        return base64.b64decode(self.send("Page.printToPDF", printBackground=True)["data"])

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the DevTools protocol, and its result."""
        return self._await(self._sent(method, parameters))

    async def _sent(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            answer = await self._socket.receive_json()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer}"
                result: dict[str, Any] = answer["result"]
                return result

    async def _connect(self) -> None:
        port = await self._port()
        self._client = aiohttp.ClientSession()
        async with self._client.get(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [each for each in await answer.json() if each["type"] == "page"]
        self._socket = await self._client.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0)

    async def _port(self) -> str:
        """Chromium writes it into its profile when it listens."""
        file, deadline = self.profile / "DevToolsActivePort", time.monotonic() + START_S
        while not (file.is_file() and "\n" in file.read_text()):
            assert self._process.poll() is None, "Chromium ended at once"
            assert time.monotonic() < deadline, "Chromium does not listen"
            await asyncio.sleep(0.1)
        return file.read_text().splitlines()[0]

    def _await(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return self._loop.run_until_complete(asyncio.wait_for(work, ANSWER_S))

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)
        self._loop.close()
