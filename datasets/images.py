"""Image files -> RGB pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

ImageArray = npt.NDArray[np.uint8]

START_OF_JPEG, START_OF_SCAN, END_OF_JPEG = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"


def read_image(path: Path) -> ImageArray | None:
    """image_HW3 in RGB, or None where the file cannot be decoded.

    The pixels are taken as stored: COCO's annotations know nothing of EXIF rotation. A JPEG that is cut short counts as
    unreadable, though the decoder would fill the rest with grey and say nothing.
    """
    try:
        content = path.read_bytes()
        if content.startswith(START_OF_JPEG) and content.rfind(END_OF_JPEG) < content.rfind(START_OF_SCAN):
            return None
        if not content:
            return None
        image_bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except (OSError, cv2.error):
        return None
    # OpenCV's stubs allow None nowhere, its decoder returns it.
    return None if image_bgr is None else np.ascontiguousarray(image_bgr[..., ::-1], dtype=np.uint8)
