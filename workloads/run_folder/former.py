"""Run folders of earlier versions: under which signature their numbers would be found today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heatmark.foundation.errors import InputError
from heatmark.foundation.files import read_json
from heatmark.workloads.run_folder.folder import RunFolder

if TYPE_CHECKING:
    from heatmark.workloads.spec import TrialSpec

# The methods whose own loss is another since, by the last science version (workloads/spec.py) before the change.
CHANGED: Final = {"dsnt": 2}


def is_of_earlier_science(folder: RunFolder) -> bool:
    """By a look at its spec: most folders of a store are of today's, and are not read whole."""
    from heatmark.workloads.spec import SCIENCE_VERSION

    try:
        content = read_json(folder.spec_file)
    except (InputError, OSError):
        return False
    return content is not None and content.get("science_version") != SCIENCE_VERSION


def signature_today(folder: RunFolder) -> str | None:
    """Of a trial whose weights would come out the same today; None where they would not, or nobody can tell.

    Since science version 3 a loss is the mean over the global batch: what was trained on one rank, or by a loss that is
    a mean over people, is what it would be now. In version 1 AP was another with a flip test.
    """
    from heatmark.workloads.spec import SCIENCE_VERSION

    try:
        spec, ranks = folder.spec(), {attempt.ranks for attempt in folder.attempts()}
    except (InputError, OSError):
        return None
    then = spec.science_version
    if then == SCIENCE_VERSION:
        return spec.signature
    measured_alike = then > 1 or not spec.train.flip_test
    trained_alike = then > CHANGED.get(spec.method.name, 0) and (ranks <= {1} or _is_over_people(spec))
    if not (measured_alike and trained_alike):
        return None
    return spec.model_copy(update={"science_version": SCIENCE_VERSION}).signature


def _is_over_people(spec: TrialSpec) -> bool:
    """Whether every term of the loss is a mean over people, of whom each rank has as many."""
    from heatmark.models.method import AbsoluteError, CoordinateRegression

    joints = isinstance(spec.method, AbsoluteError | CoordinateRegression)
    return not joints and getattr(spec.method, "l_de_reduction", "") == "half_mean"
