"""Rounded solids before a pinhole camera: where each ray meets them, in closed form.

The camera's frame: x to the right, y down, z ahead, metres. A ray is (x, y, 1), so that its parameter is the depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heatmark.datasets.people import FloatArray


@dataclass(frozen=True)
class Hit:
    """Of each ray: depth_N (infinite where it misses), along_N (0 at a limb's first end, 1 at its last), normal_N3."""

    depth_N: FloatArray
    along_N: FloatArray
    normal_N3: FloatArray


@dataclass(frozen=True)
class Limb:
    """All balls whose centres lie between two points, their radii changing evenly: a tapered capsule."""

    first_3: FloatArray
    last_3: FloatArray
    first_radius: float
    last_radius: float

    @property
    def balls(self) -> tuple[tuple[FloatArray, float], ...]:
        return (self.first_3, self.first_radius), (self.last_3, self.last_radius)

    def hit(self, ray_N3: FloatArray) -> Hit:
        """The nearest of the two end balls and of the cone between them.

        A point x is in the ball at t where |x - c(t)|^2 <= r(t)^2. With x = depth * ray, the t that fulfils it best is
        linear in the depth, and the bound is then quadratic in the depth.
        """
        axis_3, taper = self.last_3 - self.first_3, self.last_radius - self.first_radius
        spare = axis_3 @ axis_3 - taper**2
        hits = [_ball_depth(ray_N3, centre_3, radius) for centre_3, radius in self.balls]
        depth_N = np.minimum(*hits)
        along_N = (hits[1] < hits[0]).astype(np.float64)
        # Where one ball holds the other there is nothing between them.
        if spare > 0:
            slope_N = ray_N3 @ axis_3 / spare
            start = (self.first_radius * taper - self.first_3 @ axis_3) / spare
            square_N = (ray_N3 * ray_N3).sum(axis=1) - spare * slope_N**2
            linear_N = -(ray_N3 @ self.first_3) - spare * slope_N * start
            constant = float(self.first_3 @ self.first_3 - self.first_radius**2 - spare * start**2)
            cone_N = _first_root(square_N, linear_N, constant)
            cone_along_N = np.where(np.isfinite(cone_N), cone_N, 0.0) * slope_N + start
            nearer_N = (cone_N < depth_N) & (cone_along_N >= 0) & (cone_along_N <= 1)
            depth_N = np.where(nearer_N, cone_N, depth_N)
            along_N = np.where(nearer_N, cone_along_N, along_N)
        point_N3 = np.where(np.isfinite(depth_N), depth_N, 0.0)[:, None] * ray_N3
        radius_N = self.first_radius + along_N * taper
        normal_N3 = (point_N3 - self.first_3 - along_N[:, None] * axis_3) / radius_N[:, None]
        return Hit(depth_N, along_N, normal_N3)


@dataclass(frozen=True)
class Slab:
    """The face, toward the camera, of a triangle with a rounded thickness; limbs along its sides round it off."""

    corners_33: FloatArray
    radius: float

    @property
    def balls(self) -> tuple[tuple[FloatArray, float], ...]:
        return tuple((corner_3, self.radius) for corner_3 in self.corners_33)

    def hit(self, ray_N3: FloatArray) -> Hit:
        first_3, *others = self.corners_33
        normal_3 = np.cross(others[0] - first_3, others[1] - first_3)
        normal_3 /= np.linalg.norm(normal_3)
        if normal_3 @ first_3 > 0:
            normal_3 = -normal_3
        toward_N = ray_N3 @ normal_3
        facing_N = toward_N < -1e-6
        depth_N = np.where(facing_N, (first_3 @ normal_3 + self.radius) / np.where(facing_N, toward_N, -1.0), np.inf)
        level_N3 = np.where(facing_N, depth_N, 0.0)[:, None] * ray_N3 - self.radius * normal_3 - first_3
        basis_23 = np.linalg.pinv(np.stack([corner_3 - first_3 for corner_3 in others]).T)
        share_N2 = level_N3 @ basis_23.T
        inside_N = (share_N2 >= 0).all(axis=1) & (share_N2.sum(axis=1) <= 1)
        depth_N = np.where(inside_N & facing_N, depth_N, np.inf)
        return Hit(depth_N, share_N2.sum(axis=1), np.broadcast_to(normal_3, ray_N3.shape))


Solid = Limb | Slab


def _ball_depth(ray_N3: FloatArray, centre_3: FloatArray, radius: float) -> FloatArray:
    square_N = (ray_N3 * ray_N3).sum(axis=1)
    return _first_root(square_N, -(ray_N3 @ centre_3), float(centre_3 @ centre_3) - radius**2)


def _first_root(square_N: FloatArray, linear_N: FloatArray, constant: float) -> FloatArray:
    """The smaller root of a x^2 + 2 b x + c for a > 0, infinite where there is none ahead of the camera."""
    inner_N = linear_N**2 - square_N * constant
    found_N = (inner_N >= 0) & (square_N > 1e-12)
    root_N = (-linear_N - np.sqrt(np.where(found_N, inner_N, 0.0))) / np.where(found_N, square_N, 1.0)
    roots: FloatArray = np.where(found_N & (root_N > 0), root_N, np.inf)
    return roots
