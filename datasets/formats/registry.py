"""The formats by the names that a sweep file calls them by, and what is done with one by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Protocol, TypeVar

from pydantic import AfterValidator

from heatmark.datasets.format import Format
from heatmark.datasets.keypoint_settings import KeypointSettings
from heatmark.datasets.people import PoseDataset, Split
from heatmark.datasets.rhd import DELTA_MM
from heatmark.datasets.synthetic.recipe import Recipe
from heatmark.foundation.errors import InputError
from heatmark.foundation.known_names import KnownNames
from heatmark.foundation.registry import Registry

FormatT = TypeVar("FormatT", bound=Format)

FORMATS: Registry[Format] = Registry("format", "heatmark.datasets.formats", "heatmark.formats")
# That of a data set whose sweep file does not say.
USUAL_FORMAT: Final = "coco"


def register(kind: type[FormatT]) -> type[FormatT]:
    """Decorator of a format's class: data sets of it are read, measured and scored from then on.

    Raises TypeError for a class that lacks a name or something else that a format must have.
    """
    found = kind()
    for need in ("name", "signs", "scored_files", "headline"):
        if not hasattr(found, need):
            raise TypeError(f'{kind.__qualname__} has no {need}; write `{need} = "..."` into the class')
    FORMATS.add(kind.name, found, kind.order)
    return kind


def _known(name: str) -> str:
    FORMATS.named(name)
    return name


# A format's name as a field of pydantic's.
FormatName = Annotated[str, AfterValidator(_known), KnownNames(lambda: FORMATS)]


class HasFormat(Protocol):
    """What a sweep file or a spec says of a data set."""

    @property
    def format(self) -> str:
        """Its name."""
        ...

    @property
    def keypoints(self) -> KeypointSettings | None:
        """Of one whose files and skeleton are chosen."""
        ...


def format_of(data: HasFormat) -> Format:
    """The format of one data set."""
    return FORMATS[data.format].of(data.keypoints)


def measured_by(name: str) -> Format:
    """The format of Format.measures; the usual one where the name is of none that is known here."""
    plain, _, headline = name.partition("/")
    found = FORMATS.get(plain, FORMATS[USUAL_FORMAT])
    return found.of(KeypointSettings(headline=headline)) if headline else found


def load_split(
    name: str,
    root: Path,
    split: Split,
    strict: bool,
    detections: Path | None = None,
    bbox_source: str = "gt",
    delta_mm: float = DELTA_MM,
) -> PoseDataset:
    """The people of one split; with a detection file those of the validation split are in a detector's boxes.

    delta_mm: of Eq. 27, for the formats whose visibility is cut there.
    """
    return FORMATS[name].people(root, split, strict, detections, bbox_source, delta_mm)


def score(
    name: str,
    truth_file: Path,
    predictions_file: Path,
    *,
    zero_based: bool = False,
    settings: KeypointSettings | None = None,
) -> dict[str, Any]:
    """`heatmark score`: the metrics of a format's usual prediction file. settings: for `keypoints` alone."""
    if name not in FORMATS:
        raise InputError(f"score {name}: unknown format; valid: {', '.join(FORMATS)}")
    return chosen_format(name, settings, f"score {name}").score_file(truth_file, predictions_file, zero_based)


def chosen_format(name: str, settings: KeypointSettings | None, where: str) -> Format:
    """The format with what a command line chooses. Raises InputError for a choice that it has not."""
    if settings is not None and FORMATS[name].of(settings) is FORMATS[name]:
        raise InputError(f"{where}: a skeleton, category or file is chosen for keypoints alone; leave it out")
    return FORMATS[name].of(settings)


def drawn_formats() -> list[str]:
    """The formats that data sets can be drawn in."""
    return [name for name, each in FORMATS.items() if each.recipe is not None]


def make_recipe(
    name: str, people_train: int, people_val: int, seed: int, settings: KeypointSettings | None = None
) -> Recipe:
    """The recipe of a drawn data set; InputError for a format that nothing is drawn in. settings: for `keypoints`."""
    found = chosen_format(name, settings, f"synthetic {name}") if name in FORMATS else None
    recipe = found.drawn(people_train, people_val, seed) if found else None
    if recipe is None:
        raise InputError(f"synthetic {name}: nothing is drawn in this format; valid: {', '.join(drawn_formats())}")
    return recipe
