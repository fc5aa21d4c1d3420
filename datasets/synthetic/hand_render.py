"""Solids before a camera to colour, part numbers and depth of every pixel, the nearest surface in front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from heatmark.datasets.people import FloatArray
from heatmark.datasets.synthetic.drawing import ByteArray
from heatmark.datasets.synthetic.hand_look import Piece
from heatmark.datasets.synthetic.solids import Solid

# Nothing is drawn nearer than this, metres.
NEAREST = 0.05


@dataclass(frozen=True)
class Light:
    """toward_3: unit vector to a far lamp. ambient: the share of light that comes from everywhere."""

    toward_3: FloatArray
    ambient: float


@dataclass(frozen=True)
class View:
    """What the camera sees so far: image_HW3 (blue, green, red, 0 to 255), label_HW, depth_HW in metres."""

    camera_33: FloatArray
    image_HW3: FloatArray
    label_HW: ByteArray
    depth_HW: FloatArray

    def draw(self, pieces: Sequence[Piece], light: Light) -> None:
        for piece in pieces:
            columns, rows = self._window(piece.solid)
            if columns.size and rows.size:
                self._draw(piece, light, columns, rows)

    def shade_steps(self) -> None:
        """Darken what lies a little behind its neighbours: without it bent fingers would melt together."""
        nearest_HW = cv2.erode(self.depth_HW, np.ones((5, 5), np.uint8))
        behind_HW = np.clip((self.depth_HW - nearest_HW - 0.004) / 0.02, 0.0, 1.0)
        self.image_HW3[:] *= 1 - 0.3 * (behind_HW * (self.label_HW > 0))[..., None]

    def _draw(self, piece: Piece, light: Light, columns: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> None:
        u_N, v_N = (grid.ravel() for grid in np.meshgrid(columns, rows))
        pixel_N3 = np.stack([u_N, v_N, np.ones(len(u_N))], axis=1).astype(np.float64)
        ray_N3: FloatArray = pixel_N3 @ np.linalg.inv(self.camera_33).T
        hit = piece.solid.hit(ray_N3)
        seen_N = (hit.depth_N < self.depth_HW[v_N, u_N]) & (hit.depth_N > NEAREST)
        u_N, v_N = u_N[seen_N], v_N[seen_N]
        seen = type(hit)(hit.depth_N[seen_N], hit.along_N[seen_N], hit.normal_N3[seen_N])
        colour_N3 = piece.paint(seen, seen.depth_N[:, None] * ray_N3[seen_N])
        lit_N = light.ambient + (1 - light.ambient) * np.clip(seen.normal_N3 @ light.toward_3, 0.0, 1.0)
        self.image_HW3[v_N, u_N] = colour_N3 * lit_N[:, None]
        self.label_HW[v_N, u_N] = piece.label
        self.depth_HW[v_N, u_N] = seen.depth_N

    def _window(self, solid: Solid) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The columns and rows that a solid may cover."""
        corners: list[FloatArray] = []
        for centre_3, radius in solid.balls:
            for depth in (centre_3[2] - radius, centre_3[2] + radius):
                for side in (-radius, radius):
                    # A part of it beside the camera may be anywhere; the nearest depth keeps the window finite.
                    place_3 = np.array([centre_3[0] + side, centre_3[1] + side, max(depth, NEAREST)])
                    corners.append((self.camera_33 @ place_3)[:2] / place_3[2])
        low_2, high_2 = np.min(corners, axis=0), np.max(corners, axis=0)
        size_2 = np.array(self.label_HW.shape[::-1])
        first_2 = np.clip(np.floor(low_2), 0, size_2).astype(np.int64)
        last_2 = np.clip(np.ceil(high_2) + 1, 0, size_2).astype(np.int64)
        return np.arange(first_2[0], last_2[0]), np.arange(first_2[1], last_2[1])
