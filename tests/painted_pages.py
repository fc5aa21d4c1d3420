"""Pages that fetch and paint what they show: it is waited for, and looked at as pixels."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.browser_session import Session
from tests.made_up import until

# How far a colour's channels lie apart that is no grey: lines of a scale have colours, axes and text have none.
COLOURED = 48
# How far from white in a channel what is drawn in a chart lies, in any colour that a run can have; its grid is lighter.
DRAWN = 64

Pixels = npt.NDArray[np.uint8]


class Page:
    """The one open page of a browser."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def open(self, address: str) -> None:
        """From anew: two addresses that differ behind # are one page to a browser."""
        self.session.send("Page.navigate", url="about:blank")
        self.session.send("Page.navigate", url=address)

    def value(self, script: str) -> Any:
        """Of an expression in the page; None where it fails, as while the page loads."""
        found = self.session.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return found["result"].get("value")

    def text(self) -> str:
        return str(self.value("document.body ? document.body.innerText : ''"))

    def wait(self, script: str, what: str, timeout_s: float = 300.0) -> None:
        """Until an expression is true in the page."""
        until(lambda: self.value(script), timeout_s, lambda: f"{what}; the page has: {self.text()[:3000]}", every_s=0.3)

    def picture(self, file: Path | None = None) -> Pixels:
        """What is painted now, rows x columns x RGB. file: where it is kept as PNG."""
        content = self.session.picture()
        if file is not None:
            file.write_bytes(content)
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))

    def coloured_pixels(self, selector: str, picture: Pixels) -> list[int]:
        """How many pixels are no grey in each element of a selector that is in the picture as a whole."""
        return [int((part.max(-1) - part.min(-1) > COLOURED).sum()) for part in self._parts(selector, picture)]

    def drawn_pixels(self, selector: str, picture: Pixels) -> list[int]:
        """How many pixels are neither white nor nearly so, in each such element; grey counts, as some runs are grey."""
        return [int((255 - part.min(-1) > DRAWN).sum()) for part in self._parts(selector, picture)]

    def hide(self, selector: str) -> None:
        """What stands before that which is looked at, also where it is made later."""
        rule = f"{selector} {{ display: none !important; }}"
        self.value(f"document.head.append(Object.assign(document.createElement('style'), {{textContent: {rule!r}}}))")

    def _parts(self, selector: str, picture: Pixels) -> list[npt.NDArray[np.int_]]:
        boxes = self.value(
            f"[...document.querySelectorAll({selector!r})].map(each => each.getBoundingClientRect())"
            ".map(box => [box.left, box.top, box.right, box.bottom].map(Math.round))"
        )
        found = []
        for left, top, right, bottom in boxes or []:
            if 0 <= left < right <= picture.shape[1] and 0 <= top < bottom <= picture.shape[0]:
                found.append(picture[top:bottom, left:right].astype(int))
        return found


@contextmanager
def browser(folder: Path, size: tuple[int, int] = (1600, 1400)) -> Iterator[Page]:
    """A new Chromium with an empty profile. folder: for that. size: width and height of the window in pixels."""
    with Session(folder, *size) as session:
        yield Page(session)
