"""A method, a backbone, a format and a cluster of somebody else's: one file each, in a package that is installed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np

METHOD = '''
from typing import ClassVar, Literal
from pydantic import Field
from heatmark.models.method import HeatmapRegression
from heatmark.models.methods import register


@register
class Sharp(HeatmapRegression):
    """A narrow Gaussian, read at its maximum. reach: a field that no other method has."""

    label: ClassVar[str] = "Sharp"
    name: Literal["sharp"] = "sharp"
    sigma: float = Field(1.0, gt=0)
    reach: float = Field(1.0, gt=0)

    def decode(self, heatmap_BKHW):
        from heatmark.models import decoding

        return decoding.argmax(heatmap_BKHW)
'''
BACKBONE = """
from dataclasses import dataclass
from heatmark.models.backbones import Family, register


@dataclass(frozen=True)
class PlainName:
    width: int

    def build(self, joints):
        from torch import nn

        layers = [nn.Conv2d(3, self.width, 3, 2, 1), nn.ReLU(), nn.Conv2d(self.width, self.width, 3, 2, 1), nn.ReLU()]
        return nn.Sequential(*layers, nn.Conv2d(self.width, joints, 1))


@register
class Plain(Family):
    name = "plain"
    smallest = "plain-w4"
    others = "plain nets as in plain-w4"

    def parse(self, name):
        width = name.removeprefix("plain-w")
        return PlainName(int(width)) if name.startswith("plain-w") and width.isdecimal() and int(width) else None
"""
FORMAT = '''
import json
from heatmark.datasets.format import Format, existing
from heatmark.datasets.formats import register
from heatmark.datasets.metrics.epe import end_point_error
from heatmark.datasets.people import Person, PoseDataset, Skeleton
from heatmark.datasets.predictions import truth_of
from heatmark.foundation.errors import InputError
from heatmark.foundation.hashes import file_sha256
import numpy as np

TRIANGLE = Skeleton("triangle", ("top", "left", "right"), swaps=((1, 2),), bones=((0, 1), (0, 2)))


def hits(found, true):
    return float(np.mean(np.linalg.norm(np.asarray(found) - np.asarray(true), axis=-1) < 5))


@register
class Dots(Format):
    """dots.json: a list of people, each with a split, an image and three joints. Nothing is drawn in it."""

    name = "dots"
    signs = "dots.json"
    scored_files = "dots.json and a json list of three joints a person"
    headline = "Hits"
    input_size = (64, 64)

    def load(self, root, split, strict):
        path = root / "dots.json"
        if not path.is_file():
            raise InputError(f"{path}: no such file; give the folder that holds dots.json")
        listed = [each for each in json.loads(path.read_text()) if each["split"] == split]
        people = [
            Person(number, number, root / each["image"], (0.0, 0.0, 63.0, 63.0), np.array(each["joints"], float),
                   np.full(3, 2.0), 64.0 * 64.0)
            for number, each in enumerate(listed, start=1)
        ]
        return PoseDataset("dots", split, TRIANGLE, people, path, (), len(people))

    def fingerprint(self, root):
        return f"sha256:{file_sha256(root / 'dots.json')}"

    def annotations(self, root, split):
        return existing(root / "dots.json")

    def measure(self, people, predictions):
        true, labelled = truth_of(predictions.people(people))
        found = predictions.joints_NK3[..., :2]
        share = hits(found, true)
        return {"Hits": share, "Hits/top": hits(found[:, 0], true[:, 0]), "Twice": share / 2,
                "EPE": end_point_error(found, true, labelled)}

    def score(self, truth_file, predictions_file, *, zero_based=False):
        people = self.load(truth_file.parent, "val", False).people
        return {"Hits": hits(json.loads(predictions_file.read_text()), [each.joints_K2 for each in people])}
'''
CLUSTER = '''
import shlex
import subprocess
from heatmark.pipeline.clusters import ClusterKind, register
from heatmark.pipeline.submit import job_command


class Pretending:
    """A cluster whose jobs have done their work as they are sent."""

    name = "pretend"
    gather_s = 0.01

    def __init__(self):
        self.waits_for, self.notes = None, []

    def submit(self, folders):
        for folder in folders:
            subprocess.run(shlex.split(job_command(folder.spec_file)), check=True)
        return {folder.signature: "pretended" for folder in folders}

    def jobs(self, folders):
        return {}

    def log_of(self, folder, job_id):
        return folder.log / "none"

    def cancel(self, folder):
        pass


@register
class Pretend(ClusterKind):
    name = "pretend"
    sender = "nobody"

    def make(self, settings, sweep):
        return Pretending()

    def preview(self, settings, sweep, trials):
        return f"{trials} trials are pretended"
'''
FILES = {"methods": METHOD, "backbones": BACKBONE, "formats": FORMAT, "clusters": CLUSTER}


def install(folder: Path, *kinds: str) -> dict[str, str]:
    """The file of each kind beside the metadata that pip writes for a package. Returns a process's environment with it.

    kinds: of FILES, the ends of the entry points' groups.
    """
    metadata = folder / "theirs-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    for kind in kinds:
        (folder / f"their_{kind}.py").write_text(FILES[kind])
    points = "".join(f"[heatmark.{kind}]\ntheirs = their_{kind}\n" for kind in kinds)
    (metadata / "entry_points.txt").write_text(points)
    known = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *([known] if known else [])])}


def write_dots(root: Path, train: int = 12, val: int = 4) -> Path:
    """A data set of FORMAT's: bright dots on dark images. Returns its annotation file."""
    random = np.random.default_rng(0)
    people = []
    for number in range(train + val):
        joints_K2 = random.uniform(12, 52, (3, 2))
        image_HW3 = random.integers(0, 40, (64, 64, 3)).astype(np.uint8)
        for joint, (x, y) in enumerate(joints_K2.tolist()):
            cv2.circle(image_HW3, (round(x), round(y)), 4, [255 * (joint == channel) for channel in range(3)], -1)
        root.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / f"{number}.png"), image_HW3)
        split = "train" if number < train else "val"
        people.append({"split": split, "image": f"{number}.png", "joints": joints_K2.tolist()})
    (root / "dots.json").write_text(json.dumps(people))
    return root / "dots.json"
