"""Image files -> RGB pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from heatmark.datasets.geometry import Reduction

ImageArray = npt.NDArray[np.uint8]
# A file, and how far it is reduced -> read_image's answer.
ReadImage = Callable[[Path, Reduction], ImageArray | None]

# Decoders write either order of colours; turning a whole picture afterwards costs as much as decoding it.
IN_RGB = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
REDUCED: dict[Reduction, int] = {
    1: 0,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}

EXIF_ORIENTATION = 0x0112
EXIF_REMARK = "has EXIF orientation"
# Orientations that exchange width and height, and what shows such a picture upright.
ON_ITS_SIDE: dict[int, Callable[[ImageArray], ImageArray]] = {
    5: lambda image_HW3: image_HW3.transpose(1, 0, 2),
    6: lambda image_HW3: np.rot90(image_HW3, -1),
    7: lambda image_HW3: np.rot90(image_HW3, 2).transpose(1, 0, 2),
    8: lambda image_HW3: np.rot90(image_HW3, 1),
}
START_OF_JPEG, END_OF_JPEG = b"\xff\xd8", b"\xff\xd9"
MARKER, START_OF_SCAN = 0xFF, 0xDA


def read_image(path: Path, reduced: Reduction = 1) -> ImageArray | None:
    """image_HW3 in RGB, or None where the file cannot be decoded. reduced: see decode_image."""
    content = image_content(path)
    return None if content is None else decode_image(content, reduced)


def as_labelled(image_HW3: ImageArray, path: Path, size: tuple[int, int] | None, reduced: Reduction = 1) -> ImageArray:
    """The picture turned as its EXIF orientation says, where that alone gives it the size that its labels tell of.

    size: width and height of the picture that was labelled; None where nobody tells. reduced: as it was decoded.
    """
    if size is None:
        return image_HW3
    wide, high = (-(-side // reduced) for side in size)
    found_2 = np.array(image_HW3.shape[:2])
    upright, on_side = (int(np.abs(found_2 - sides).max()) for sides in ((high, wide), (wide, high)))
    if on_side > (0 if reduced == 1 else 1) or upright <= on_side:
        return image_HW3
    turn = ON_ITS_SIDE.get(inspect_image(path, decode=False).orientation)
    return image_HW3 if turn is None else np.ascontiguousarray(turn(image_HW3))


def read_labelled(path: Path, size: tuple[int, int] | None) -> ImageArray | None:
    """read_image, as_labelled."""
    image = read_image(path)
    return None if image is None else as_labelled(image, path, size)


def image_content(path: Path) -> bytes | None:
    """The bytes of a file, None where it cannot be read or is empty."""
    try:
        return path.read_bytes() or None
    except OSError:
        return None


def decode_image(content: bytes, reduced: Reduction = 1) -> ImageArray | None:
    """image_HW3 in RGB, or None where the bytes cannot be decoded.

    reduced: a pixel stands for so many squared; a JPEG is then decoded from a part of its frequencies.
    The pixels are taken as stored: COCO's annotations know nothing of EXIF rotation (as_labelled). A JPEG that is cut
    short counts as unreadable, though the decoder would fill the rest with grey and say nothing.
    """
    if content.startswith(START_OF_JPEG) and not _has_its_end(content):
        return None
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), IN_RGB | REDUCED[reduced])
    except cv2.error:
        return None
    # OpenCV's stubs allow None nowhere, its decoder returns it.
    return None if image is None else image.astype(np.uint8, copy=False)


@dataclass(frozen=True)
class Inspection:
    """size: width, height. problem: why the image cannot be used. remarks: what is unusual but does no harm.
    orientation: EXIF's, 1 where there is none.
    """

    size: tuple[int, int] = (0, 0)
    problem: str | None = None
    remarks: tuple[str, ...] = ()
    orientation: int = 1

    def as_labelled(self, size: tuple[int, int] | None) -> Inspection:
        """Of the picture that is read, where its labels tell of that size: as_labelled."""
        if size != self.size[::-1] or size == self.size or self.orientation not in ON_ITS_SIDE:
            return self
        told = f"is turned as its EXIF orientation {self.orientation} says: the annotations are of that size"
        remarks = (*(each for each in self.remarks if not each.startswith(EXIF_REMARK)), told)
        return replace(self, size=self.size[::-1], remarks=remarks)


def inspect_image(path: Path, *, decode: bool = True) -> Inspection:
    """What an image file is, from its header and, if wanted, by decoding it."""
    try:
        with Image.open(path) as image:
            size, mode, orientation = image.size, image.mode, image.getexif().get(EXIF_ORIENTATION, 1)
    # The bomb is an error of its own kind; broken headers raise SyntaxError and ValueError as well as OSError.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "empty, cut short or of no known kind" if unknown else " ".join(str(error).split())
        return Inspection(problem=f"no image that can be read ({reason:.120}); replace the file")
    if decode and read_image(path) is None:
        return Inspection(size, "cannot decode this image; replace the file")
    remarks = []
    if mode == "CMYK":
        remarks.append("is CMYK, read as RGB")
    if mode.startswith("I"):
        remarks.append("has 16 bits a channel, read as 8")
    if orientation != 1:
        remarks.append(f"{EXIF_REMARK} {orientation}, which is ignored: annotations are taken for pixels as stored")
    return Inspection(size, None, tuple(remarks), orientation)


def _has_its_end(content: bytes) -> bool:
    """Whether a JPEG is there up to its own end, whatever stands behind it (a phone's film, say).

    Segments tell how long they are, and so lead past a thumbnail, which is a JPEG within this one, to the first scan;
    in what follows a scan the two bytes of the end stand for nothing else (ITU T.81, B.1.1.5).
    """
    place = len(START_OF_JPEG)
    while place + 4 <= len(content) and content[place] == MARKER:
        if content[place + 1] == MARKER:  # may be filled up with them
            place += 1
        elif content[place + 1] == START_OF_SCAN:
            return content.find(END_OF_JPEG, place) >= 0
        else:
            place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return False
