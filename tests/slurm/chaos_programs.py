"""sbatch, squeue and sacct first on the driver's PATH: SLURM's own until a file beside them says what to do instead.

Every answer of the real sbatch is written down, whatever the caller is told.
"""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

NAMES = ("sbatch", "squeue", "sacct")
# `real` is for a switch to call; a switch that does not exit leaves the answer to the real program.
PROGRAM = """#!/bin/bash
real={real}
[ -e {switch} ] && . {switch}
exec "$real" "$@"
"""
SBATCH = """#!/bin/bash
real() {{
  local said code
  said=$({real} "$@"); code=$?
  echo "$code|${{@: -1}}|$said" >> {calls}
  [ -z "$said" ] || echo "$said"
  return $code
}}
[ -e {switch} ] && . {switch}
real "$@"
"""


class Programs:
    """The folder that stands first on PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls = folder, folder / "sbatch.calls"
        folder.mkdir(parents=True, exist_ok=True)
        self.calls.touch()
        for name in NAMES:
            real, switch = shutil.which(name), folder / f"{name}.switch"
            assert real is not None, f"no {name} on this machine"
            text = SBATCH if name == "sbatch" else PROGRAM
            (folder / name).write_text(text.format(real=real, switch=switch, calls=self.calls))
            (folder / name).chmod(stat.S_IRWXU)

    def switch(self, name: str, script: str) -> None:
        """From now on a program runs this first, with its own arguments; `exit` ends it there."""
        new = self.folder / f"{name}.new"
        new.write_text(script + "\n")
        new.replace(self.folder / f"{name}.switch")

    def restore(self, name: str) -> None:
        (self.folder / f"{name}.switch").unlink(missing_ok=True)

    def accepted(self) -> dict[str, str]:
        """Every array that sbatch accepted: name -> id. The name is that of its script."""
        found = {}
        for line in self.calls.read_text().splitlines():
            code, _, rest = line.partition("|")
            script, _, said = rest.partition("|")
            if code == "0" and said.split():
                found[Path(script).stem] = said.split()[3]
        return found


def refusal(words: str, before: str = "") -> str:
    """A switch: sbatch sends nothing and says this."""
    lines = [*([f"sbatch: error: {before}"] if before else []), f"sbatch: error: Batch job submission failed: {words}"]
    return "\n".join([*(f'echo "{line}" >&2' for line in lines), "exit 1"])


# The jobs are accepted, and the answer is lost on its way.
UNHEARD = """real "$@" > /dev/null
echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2
exit 1"""
# A question about all jobs sees none, and one about a single job sees none either.
BLIND = "exit 0"
FAILS = """echo "slurm_load_jobs error: Unable to contact slurm controller (connect failure)" >&2
exit 1"""
GARBAGE = """echo "slurm_load_jobs error: Unable to"
echo "<html>503|Service|Unavailable</html>"
exit 0"""
# Cut off in the middle of an answer, with exit code 0.
HALF = """text=$("$real" "$@")
printf '%s' "${text:0:$(( ${#text} / 2 ))}"
exit 0"""
