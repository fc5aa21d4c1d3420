"""What a sweep's trials are at, shown while it runs: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from heatmark.pipeline.status_view import status_row, status_table
from heatmark.pipeline.trial_status import StatusReader

PLAIN_INTERVAL_S = 2.0
# Of the time: looking at hundreds of trials must not keep the driver from bringing them forward.
MOST_SPENT_LOOKING = 0.05


@contextmanager
def live_progress(sweep: Path, console: Console) -> Iterator[Callable[[str], None]]:
    """Show progress until left; yields a function that prints a line. A table on a terminal, plain lines elsewhere."""

    def log(line: str) -> None:
        # Nobody may be reading any more (`heatmark sweep run ... | head`): the sweep goes on.
        with contextlib.suppress(OSError):
            console.print(line, soft_wrap=True)

    reader = StatusReader(sweep)
    if console.is_terminal:
        with Live(
            get_renderable=lambda: status_table(reader.read()),
            console=console,
            refresh_per_second=1,
        ):
            yield log
        return
    closing = threading.Event()
    printer = threading.Thread(target=_print_epochs, args=(reader, log, closing), daemon=True)
    printer.start()
    try:
        yield log
    finally:
        closing.set()
        printer.join()


def _print_epochs(reader: StatusReader, log: Callable[[str], None], closing: threading.Event) -> None:
    """One line whenever a trial has finished another epoch."""
    seen: dict[str, Any] = {status.signature: status.epoch for status in reader.read().trials}
    last_round, looked_s = False, 0.0
    while not last_round:
        last_round = closing.wait(max(PLAIN_INTERVAL_S, looked_s / MOST_SPENT_LOOKING))
        began = time.monotonic()
        for status in reader.read().trials:
            if status.epoch > seen.get(status.signature, 0):
                label, _, epoch, value, epe, speed, left = status_row(status, status.short_label)
                log(
                    f"{label}: epoch {epoch}  {status.metric} ({status.boxes}) {value or '-'}  EPE {epe or '-'} px  "
                    f"{speed} images/s  left {left or '-'}"
                )
                seen[status.signature] = status.epoch
        looked_s = time.monotonic() - began
