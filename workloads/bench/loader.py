"""The loader: what a crop costs in HRNet's way, and in ours with and without each of its means."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch

from heatmark.datasets.coco import load_coco
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.loader import CropLoader, make_loader
from heatmark.datasets.people import PoseDataset
from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.workloads.bench.hrnet_items import hrnet_item
from heatmark.workloads.bench.race import Entrant, Heat, Limit

TITLE, UNIT = "crops of 192 x 256 out of drawn people, batches of 32, one process", "crops"
PEOPLE, BATCH = 320, 32
HRNET, TRAINING = "HRNet's dataset", "training"


@contextmanager
def heats() -> Iterator[list[Heat]]:
    """HRNet's items as its workers make them; ours as uint8, normalised and given targets on the device."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a worker of torch's loader, which is where such items are made
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "drawn"
        write_coco(root, SyntheticCoco(people_train=PEOPLE, people_val=1, seed=0))
        people = load_coco(root, "train")
        settings = CropSettings()
        scaled = settings.model_copy(update={"scaled_decoding": True})
        loader = partial(make_loader, people, batch_size=BATCH)
        loaders = {
            TRAINING: loader(settings, training=True),
            "training, decoded images cached": loader(settings, training=True, cache=Path(folder) / "cache"),
            "training, scaled decoding": loader(scaled, training=True),
            "training, 2 workers": loader(settings, training=True, workers=2),
            "evaluation (an image is decoded once for all its people)": loader(settings, training=False),
        }
        entrants = [
            Entrant(HRNET, partial(_hrnet_epoch, people, whole=True)),
            Entrant(f"{HRNET}, its crop alone", partial(_hrnet_epoch, people, whole=False)),
            *(Entrant(name, partial(_epoch, each)) for name, each in loaders.items()),
        ]
        try:
            yield [Heat("crops", entrants, (Limit(TRAINING, 1 / 1.3, HRNET),))]
        finally:
            torch.set_num_threads(threads)
            for each in loaders.values():
                each.close()


def _epoch(loader: CropLoader) -> int:
    loader.set_epoch(0)
    return sum(len(batch["person_B"]) for batch in loader)


def _hrnet_epoch(dataset: PoseDataset, *, whole: bool) -> int:
    settings = CropSettings()
    for person in dataset.people:
        hrnet_item(person, settings, dataset.skeleton, whole=whole)
    return len(dataset.people)
