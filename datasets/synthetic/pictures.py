"""The pictures of a split, each with a random generator of its own, and their files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from heatmark.datasets.people import SPLITS, Split
from heatmark.datasets.synthetic.drawing import ByteArray
from heatmark.datasets.synthetic.scene import MOST_PEOPLE, Scene, compose

JPEG_QUALITY = 90


def picture_stream(seed: int, split: Split, index: int) -> np.random.Generator:
    """What picture `index` of a split is drawn from: it does not depend on how many pictures are asked for."""
    return np.random.default_rng([seed, SPLITS.index(split), index])


def scenes(seed: int, split: Split, people: int, progress: Callable[[int], None]) -> Iterator[Scene]:
    """Pictures until exactly `people` have been drawn; progress is called with how many were, after each picture."""
    done = index = 0
    while done < people:
        # Of the last picture fewer people may be wanted than would be drawn.
        scene = compose(picture_stream(seed, split, index), min(MOST_PEOPLE, people - done))
        yield scene
        done, index = done + len(scene.people), index + 1
        progress(done)


def write_jpeg(path: Path, image_HW3: ByteArray) -> None:
    """image_HW3: as OpenCV orders colours, blue first."""
    encoded, content = cv2.imencode(".jpg", image_HW3, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert encoded, "an array of bytes can be encoded"
    path.write_bytes(content.tobytes())
