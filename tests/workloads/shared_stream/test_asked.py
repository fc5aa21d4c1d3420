"""Which trials share batches: those of equal people, crops, seed and share, whatever is learned from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatmark.datasets.people import PoseDataset
from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.shared_stream.asked import VARIABLE, StreamAsked, digest_of
from heatmark.workloads.shared_stream.client import shared_batches
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.views import load_split
from tests.made_up import made_spec
from tests.workloads.shared_stream.readers import ALONE


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "drawn"
    write_coco(folder, SyntheticCoco(people_train=6, people_val=3, seed=1))
    return folder


@pytest.fixture
def people(root: Path) -> PoseDataset:
    return load_split(made_spec(runtime={"data_root": str(root)}), "train")


def asked(spec: TrialSpec, people: PoseDataset, ranks: Ranks = ALONE, *, training: bool = True) -> StreamAsked:
    reader = shared_batches(spec, people, ranks, 8, training=training)
    assert reader is not None
    return reader.asked


@pytest.fixture(autouse=True)
def _in_a_job_with_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "somewhere")


def test_method_backbone_and_loss_share(people: PoseDataset) -> None:
    key = asked(made_spec(), people).key
    others = [made_spec("ipr"), made_spec({"name": "bcir", "beta": 3}), made_spec(backbone="sbl-r18-w16")]
    others += [made_spec(train={"lr": 0.1, "flip_test": False}), made_spec(runtime={"workers": 3, "threads": 2})]
    assert {asked(spec, people).key for spec in others} == {key}


@pytest.mark.parametrize("data", [{"input_size": [64, 96]}, {"rotation": 10.0}, {"flip": 0.0}, {"geometry": "udp"}])
def test_other_crops_are_another_stream(people: PoseDataset, data: Any) -> None:
    assert asked(made_spec(data=data), people).key != asked(made_spec(), people).key


def test_seed_and_ranks_are_another_stream_where_they_matter(people: PoseDataset) -> None:
    one, other = made_spec(seed=0), made_spec(seed=1)
    assert asked(one, people).key != asked(other, people).key
    assert asked(one, people, training=False).key == asked(other, people, training=False).key
    assert asked(one, people, training=False).key != asked(one, people).key
    assert asked(one, people, Ranks(1, 2, ALONE.device)).key != asked(one, people, Ranks(0, 2, ALONE.device)).key


def test_any_change_of_the_people_is_other_people(people: PoseDataset) -> None:
    first = people.people[0]
    moved, hidden = np.array(first.joints_K2), np.array(first.visibility_K)
    moved[3, 1] += 1e-9
    hidden[2] = 1 - hidden[2]
    changes = [
        replace(first, joints_K2=moved),
        replace(first, visibility_K=hidden),
        replace(first, box_xywh=(0.0, *first.box_xywh[1:])),
        replace(first, image_path=first.image_path.with_name("other.jpg")),
    ]
    changed = [replace(people, people=[each, *people.people[1:]]) for each in changes]
    changed += [replace(people, people=people.people[:-1]), replace(people, people=people.people[::-1])]
    changed.append(replace(people, skeleton=replace(people.skeleton, swaps=())))
    assert len({digest_of(people), *map(digest_of, changed)}) == 1 + len(changed)


def test_a_job_without_a_stream_asks_for_none(people: PoseDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    assert shared_batches(made_spec(), people, ALONE, 8, training=True) is None
