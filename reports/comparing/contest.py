"""Which cells of a setting are compared, and on which images.

The best of many on the same people is partly the luckiest. Where there are few cells all are compared with each other,
and the correction for all pairs covers whichever is best. Where there are many, the best of each method is chosen on
one half of the images, and compared on the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heatmark.foundation.counted import counted, several
from heatmark.reports.comparing.cells import GridCell, best_of_each, measured
from heatmark.reports.comparing.nearest import PAPER_BETA, PAPER_METHODS, nearest_to_paper
from heatmark.reports.comparing.settings import Setting
from heatmark.reports.reading.digest import Digest

# With more cells than this in a setting the best of each method stands for its method, beside the paper's own.
MOST_CELLS = 8
FEWEST_IMAGES = 10

Images = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Contest:
    """cells: in grid order, of which each has records. image_I: ids, sorted, on which they are compared."""

    cells: list[GridCell]
    image_I: Images


def contest_of(setting: Setting, cells: Sequence[GridCell]) -> tuple[Contest, list[str]]:
    """cells: of the setting, with records. Also a line for each thing that is left out."""
    notes: list[str] = []
    digests = [digest for cell in cells for digest in cell.digests]
    image_I = common_images(digests)
    left_out = max((len(np.unique(digest.image_N)) for digest in digests), default=0) - len(image_I)
    if left_out and len(cells) > 1:
        notes.append(
            f"{setting.dataset}: {counted(left_out, 'image')} that not every trial evaluated alike "
            f"{several(left_out, 'is', 'are')} left out."
        )
    if len(cells) <= MOST_CELLS:
        return Contest(list(cells), image_I), notes
    chosen_on_I, compared_on_I = _halves(image_I)
    kept, added = _representatives(cells, setting, chosen_on_I)
    papers = f" and {', '.join(cell.label for cell in added)} for the paper's findings" if added else ""
    notes.append(
        f"{setting.dataset} with {setting.backbone}: of {len(cells)} cells the best of each method by "
        f"{setting.headline}, chosen on {counted(len(chosen_on_I), 'image')},{papers} are compared on the other "
        f"{len(compared_on_I)}, {len(kept)} in all."
    )
    return Contest(kept, compared_on_I), notes


def common_images(digests: Sequence[Digest]) -> Images:
    """Images on which every trial evaluated the same number of people."""
    if not digests:
        return np.zeros(0, np.int64)
    counts = [dict(zip(*np.unique(digest.image_N, return_counts=True), strict=True)) for digest in digests]
    first = counts[0]
    alike = [image for image, count in first.items() if all(each.get(image) == count for each in counts)]
    return np.array(sorted(alike), dtype=np.int64)


def _halves(image_I: Images) -> tuple[Images, Images]:
    """Drawn, and the same for whoever has these images."""
    drawn_I = np.random.default_rng([1, len(image_I)]).permutation(image_I)
    middle = len(image_I) // 2
    return np.sort(drawn_I[:middle]), np.sort(drawn_I[middle:])


def _representatives(
    cells: Sequence[GridCell], setting: Setting, image_I: Images
) -> tuple[list[GridCell], list[GridCell]]:
    """The best cell of each method and the paper's, in grid order; and those of the paper's that are not the best."""
    headline = setting.headline
    best = best_of_each(cells, lambda cell: (cell.spec.method.name,), lambda cell: _headline(cell, headline, image_I))
    papers = [
        cell for name in PAPER_METHODS if (cell := nearest_to_paper(cells, name)) and cell.beta in (None, PAPER_BETA)
    ]
    added = [cell for cell in papers if cell not in best]
    return [cell for cell in cells if cell in best or cell in added], added


def _headline(cell: GridCell, headline: str, image_I: Images) -> float | None:
    """On these images, the mean over seeds; on all where records do not tell."""
    found = measured([digest.compared.headline(image_I) for digest in cell.digests]) or cell.compared_final(headline)
    return found.value if found else None
