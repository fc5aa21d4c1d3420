"""Hands in 2.5D: pixels and the depth of each joint relative to the root, in units of one bone; and back to 3D.

The bone is that from the wrist to the base of the index finger, the root is the wrist. Its absolute depth follows from
the bone's length being 1: the two ends lie on known rays, which leaves a quadratic equation for the depth of the root.
"""

from __future__ import annotations

import numpy as np

from heatmark.datasets.people import FloatArray, Person

# Rows of a hand in RHD's own order: wrist, then each finger from its tip to its base.
WRIST, INDEX_BASE = 0, 8


def project(xyz_K3: FloatArray, camera_33: FloatArray) -> FloatArray:
    """Camera coordinates to pixels: uv_K2."""
    homogeneous_K3 = xyz_K3 @ camera_33.T
    pixels_K2: FloatArray = homogeneous_K3[:, :2] / homogeneous_K3[:, 2:]
    return pixels_K2


def to_relative_depth(
    xyz_K3: FloatArray, camera_33: FloatArray, root: int = WRIST, bone: tuple[int, int] = (WRIST, INDEX_BASE)
) -> tuple[FloatArray, float]:
    """uvz_K3 (pixels, and (Z - Z_root) / bone length) and the bone's length in the unit of xyz_K3."""
    length = float(np.linalg.norm(xyz_K3[bone[0]] - xyz_K3[bone[1]]))
    depth_K1 = (xyz_K3[:, 2:] - xyz_K3[root, 2]) / length
    return np.concatenate([project(xyz_K3, camera_33), depth_K1], axis=1), length


def relative_depth(person: Person) -> FloatArray:
    """depth_K of a hand, whichever way its crop is turned or mirrored; 0 for people who are not in 3D."""
    if person.hand is None:
        return np.zeros(len(person.joints_K2))
    uvz_K3, _ = to_relative_depth(person.hand.xyz_K3, person.hand.camera_33)
    return uvz_K3[:, 2]


def from_relative_depth(
    uvz_K3: FloatArray, camera_33: FloatArray, length: float, bone: tuple[int, int] = (WRIST, INDEX_BASE)
) -> FloatArray:
    """xyz_K3 in the unit of the bone's length.

    With (x, y, 1) = K^-1 (u, v, 1) the scaled joint is (x, y, 1) (z + Z), and |joint n - joint m| = 1 for the bone's
    ends n and m is a Z^2 + b Z + c = 0. Of its two solutions the farther one is in front of the camera.
    """
    ray_K3 = np.concatenate([uvz_K3[:, :2], np.ones((len(uvz_K3), 1))], axis=1) @ np.linalg.inv(camera_33).T
    depth_K1 = uvz_K3[:, 2:]
    n, m = bone
    across_3, along_3 = ray_K3[n] - ray_K3[m], ray_K3[n] * depth_K1[n] - ray_K3[m] * depth_K1[m]
    a, b, c = across_3 @ across_3, 2 * across_3 @ along_3, along_3 @ along_3 - 1
    # A bone that points at the camera has a = 0; noise may leave no solution at all.
    root_depth = (-b + np.sqrt(max(b * b - 4 * a * c, 0.0))) / (2 * max(a, 1e-12))
    xyz_K3: FloatArray = ray_K3 * (depth_K1 + root_depth) * length
    return xyz_K3
