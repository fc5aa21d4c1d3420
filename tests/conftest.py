"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# Before torch is imported. Two processes of tests with two threads each on two cores spin for each other: up to 12
# times slower than with one each, and alone one thread is no slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture
def real() -> Callable[[str], Path]:
    """A folder or file of the real samples, which are not part of the repository; skips the test where it is absent."""
    root = Path(os.environ.get("HEATMARK_REALDATA", REPOSITORY.parent / "shared" / "realdata"))

    def path(part: str) -> Path:
        if not (root / part).exists():
            pytest.skip(f"no real data at {root / part}: set HEATMARK_REALDATA")
        return root / part

    return path


@pytest.fixture
def plug_ins_stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What plug-ins add in this process is gone after the test: others go over all methods that there are."""
    from heatmark.datasets.formats import FORMATS
    from heatmark.models.backbones import FAMILIES
    from heatmark.models.methods import METHODS

    for registry in (METHODS, FAMILIES, FORMATS):
        assert len(registry)  # those of heatmark's own are there by now
        monkeypatch.setattr(registry, "_items", dict(registry._items))
