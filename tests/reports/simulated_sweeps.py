"""Sweeps whose methods are equal, or differ by a known gap, from run folders to the verdict: how often it is wrong.

python -m tests.reports.simulated_sweeps [DRAWS]     every setting in a table, some hours for 200 draws
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heatmark.models.methods import METHODS
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import collect
from heatmark.workloads.run_folder.folder import RunFolder
from tests.made_up import finish, made_spec, planned, planned_sweep
from tests.reports.recorded import Arrays, made_up_people, with_errors, write_records

ORDER = ("detection", "ipr", "bcir", "dark", "udp", "dsnt")


@dataclass(frozen=True)
class Told:
    """Of one sweep. apart: shares of pairs in EPE with p below 0.05, uncorrected. clear: whether any comparison of any
    metric is called clear. decided: whether any claim of the paper is.
    """

    apart: float
    clear: bool
    decided: bool


@dataclass(frozen=True)
class Simulated:
    """images: two people on each. spread: the standard deviation of EPE over seeds, as a share of it. gap: by how much
    each method errs more than the one before. data_format: whose headline metric is judged.
    """

    images: int
    seeds: int
    methods: int
    spread: float = 0.02
    gap: float = 0.0
    data_format: str = "coco"

    def tell(self, draws: int) -> Iterator[Told]:
        """The verdicts on so many sweeps of their own."""
        draw = np.random.default_rng([self.images, self.seeds, self.methods, int(1000 * self.gap)])
        people = made_up_people(2 * self.images, self.data_format)
        for _ in range(draws):
            with tempfile.TemporaryDirectory() as name:
                self._write(Path(name), people, draw)
                study = Study(collect(Path(name)))
                everyone = [pair for pair in study.comparisons.pairs if (pair.metric, pair.subset) == ("EPE", "all")]
                yield Told(
                    apart=float(np.mean([pair.p is not None and pair.p < 0.05 for pair in everyone])),
                    clear=any(pair.clear for pair in study.comparisons.pairs),
                    decided=any(finding.outcome.decided for finding in study.verdict.findings),
                )

    def _write(self, sweep: Path, people: Arrays, draw: np.random.Generator) -> None:
        base = with_errors(people, 4.0, seed=int(draw.integers(1 << 30)))
        specs = []
        for place, name in enumerate(ORDER[: self.methods]):
            # What a method finds hard, whoever trains it.
            liked_I = draw.lognormal(0, 0.2, self.images)
            for seed in range(self.seeds):
                luck_I = draw.lognormal(0, 0.3, self.images)
                level = (1 + self.gap * place) * (1 + self.spread * draw.normal())
                spec = made_spec({"name": name}, seed, data={"format": self.data_format})
                specs.append(spec)
                run = planned(sweep / spec.signature, spec)
                factor_N1 = np.repeat(level * liked_I * luck_I, 2)[:, None]
                _record(run, base, factor_N1, self.data_format)
        planned_sweep(sweep, specs, "simulated")


def _record(run: RunFolder, base: Arrays, factor_N1: Any, data_format: str) -> None:
    error_NK = (base["error"] * factor_N1).astype(np.float32)
    with np.errstate(invalid="ignore"):
        similarity_NK = np.exp(-(error_NK**2) / (2 * (0.15 * base["root_of_area"][:, None]) ** 2))
    oks_N = np.nanmean(similarity_NK, axis=1).astype(np.float32)
    # As written by a method that knows nothing of localisation, so that H5 has equals to tell apart too.
    shaped = {name: base[name] * (factor_N1**-0.1) for name in ("activation_sum",)}
    activation = {name: values.astype(np.float32) for name, values in shaped.items()}
    columns = {**base, **activation, "error": error_NK, "oks": oks_N, "score": oks_N}
    write_records(run.path, columns, data_format=data_format)
    finish(run, {"gtbox/EPE": float(np.nanmean(error_NK))})


def main(draws: int) -> None:
    """False alarms, then power, a line for each setting."""
    assert set(ORDER) <= set(METHODS)
    print("images seeds methods gap format | pairs apart | any clear | any claim decided")
    settings = [
        *itertools.product((10, 20, 50, 200), (3, 5, 10), (2, 3, 6), (0.0,), ("coco",)),
        *itertools.product((1000, 2600), (3, 5, 10), (2, 6), (0.0,), ("mpii",)),
        *itertools.product((200, 2600), (3, 5, 10), (2, 3), (0.04,), ("mpii",)),
    ]
    for images, seeds, methods, gap, data_format in settings:
        found = list(Simulated(images, seeds, methods, gap=gap, data_format=data_format).tell(draws))
        shares = (np.mean([getattr(each, name) for each in found]) for name in ("apart", "clear", "decided"))
        line = " | ".join(f"{share:.3f}" for share in shares)
        print(f"{images} {seeds} {methods} {gap} {data_format} | {line}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
