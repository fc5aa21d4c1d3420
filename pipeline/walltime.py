"""Time limits as SLURM writes them."""

from __future__ import annotations

import math
import re

# sbatch.1, --time: minutes, minutes:seconds, hours:minutes:seconds, days-hours[:minutes[:seconds]].
_FORMS = "minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes or days-hours:minutes:seconds"
_WITH_DAYS = re.compile(r"(\d+)-(\d+)(?::(\d+))?(?::(\d+))?")
_WITHOUT_DAYS = re.compile(r"(?:(\d+):)?(\d+):(\d+)|(\d+)")


def walltime_minutes(text: str) -> int:
    """`2-12:00:00` -> 3600: minutes, those begun counted whole as SLURM does. Raises ValueError naming the forms."""
    text = text.strip()
    if found := _WITH_DAYS.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    elif found := _WITHOUT_DAYS.fullmatch(text):
        days = 0
        hours, minutes, seconds = int(found[1] or 0), int(found[2] or found[4]), int(found[3] or 0)
    else:
        raise ValueError(f"no time limit as SLURM writes it; valid: {_FORMS}")
    return math.ceil(((days * 24 + hours) * 60 + minutes) + seconds / 60)
