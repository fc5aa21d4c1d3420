"""The loader: what a crop costs with and without each of its means."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from heatmark.datasets.coco import load_coco
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.loader import CropLoader, make_loader
from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.workloads.bench.race import Entrant

TITLE, UNIT = "crops of 192 x 256 out of drawn people, batches of 32", "crops"
PEOPLE, BATCH = 320, 32


@contextmanager
def entrants() -> Iterator[list[Entrant]]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "drawn"
        write_coco(root, SyntheticCoco(people_train=PEOPLE, people_val=1, seed=0))
        people = load_coco(root, "train")
        settings = CropSettings()
        loader = partial(make_loader, people, settings, batch_size=BATCH)
        loaders = {
            "training": loader(training=True),
            "training, decoded images cached": loader(training=True, cache=Path(folder) / "cache"),
            "training, 2 workers": loader(training=True, workers=2),
            "evaluation (an image is decoded once for all its people)": loader(training=False),
        }
        try:
            yield [Entrant(name, partial(_epoch, each)) for name, each in loaders.items()]
        finally:
            for each in loaders.values():
                each.close()


def _epoch(loader: CropLoader) -> int:
    loader.set_epoch(0)
    return sum(len(batch["person_B"]) for batch in loader)
