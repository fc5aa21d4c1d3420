"""A real headless Chromium for tests: load a page, run it for a while, hand back its document."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL = "no Chromium on this machine; install it with: sudo apt-get install chromium"
# Of the page's own clock, which runs as fast as nothing is waited for.
BUDGET_MS = 20_000
FOUND = re.compile(r'<pre id="found">(.*?)</pre>', re.DOTALL)


def chromium() -> str:
    """Its path; the test is skipped where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(INSTALL)
    return found


def loaded(address: str, folder: Path) -> str:
    """The document at an address after its scripts have run. folder: for the browser's profile."""
    command = [chromium(), "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1400,1600"]
    # Chromium's sandbox refuses to start as root.
    command += ["--no-sandbox"] if os.geteuid() == 0 else []
    command += [f"--user-data-dir={folder / 'profile'}", f"--virtual-time-budget={BUDGET_MS}", "--dump-dom", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def evaluated(page: Path, script: str, folder: Path) -> Any:
    """What a script finds in a page opened from disk: the JSON value of its `found`."""
    folder.mkdir(exist_ok=True)
    copy = folder / "page.html"
    teller = "<script>const told = document.createElement('pre'); told.id = 'found'; let answer; try {"
    teller += f"{script}\nanswer = found; }} catch (error) {{ answer = String(error.stack); }}"
    teller += "told.textContent = JSON.stringify(answer); document.body.append(told);</script></body>"
    copy.write_text(page.read_text().replace("</body>", teller))
    match = FOUND.search(loaded(copy.as_uri(), folder))
    assert match is not None, "the script did not come to its end"
    return json.loads(unescape(match[1]))
