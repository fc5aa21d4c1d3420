"""The skeletons of data sets, as files: joints, left and right, limbs, sigmas and what else is known of them.

A file is YAML. Its keys, of which all but `joints` may be left out:

    name: person_of_mine               # else the file's name
    subject: person                    # what it is of, in a word
    joints: [nose, left_eye, right_eye]             # in the order of the annotations
    pairs: [[left_eye, right_eye]]     # left first: what a mirror swaps. Derived from the names where left out
    limbs: [[nose, left_eye], [nose, right_eye]]    # to draw; a longer list is a chain, from joint to joint
    sigmas: [0.026, 0.025, 0.025]      # of OKS, in the order of the joints or by name: {nose: 0.026, ...}
    upper_body: [nose]                 # where published augmentations cut bodies in two
    reference: box                     # what PCK and NME are fractions of: box (default), head, torso, two joints
                                       # [a, b] or several [[a, b], ...], of which the first that is labelled counts
    box_area_share: 1.0                # area of a person that has none, in areas of its box
    parts: {face: [nose..right_eye]}   # measured by themselves too
    mirror: true                       # whether pictures may be mirrored; else only where pairs are given or derived

`kpt-0..kpt-97` counts in `joints`; in every other place `a..b` is the joints from a to b in their order, or backwards:
limbs [[thumb1..thumb4]] is three limbs, pairs [[left_a..left_c, right_a..right_c]] three pairs. Names are found as they
are written, else as `Right Shoulder`, `right-shoulder` and `right_shoulder` are one.

Faces of numbered joints are drawn by their contours; which side is whose, frontal faces tell: the joint further left in
the picture is the person's right.
"""

from heatmark.datasets.skeletons.category import skeleton_of_category
from heatmark.datasets.skeletons.file import (
    DEFAULT_SIGMA,
    Found,
    as_mapping,
    notes_of_sigmas,
    read_skeleton,
    shipped,
    shipped_like,
    shipped_names,
    shipped_of_size,
    sigmas_or_default,
)
from heatmark.datasets.skeletons.names import same_joints

# Those of the built-in formats.
COCO_PERSON = shipped("coco")
LSP_PERSON = shipped("lsp")
MPII_PERSON = shipped("mpii")
RHD_HAND = shipped("hand_rhd")

__all__ = [
    "COCO_PERSON",
    "DEFAULT_SIGMA",
    "LSP_PERSON",
    "MPII_PERSON",
    "RHD_HAND",
    "Found",
    "as_mapping",
    "notes_of_sigmas",
    "read_skeleton",
    "same_joints",
    "shipped",
    "shipped_like",
    "shipped_names",
    "shipped_of_size",
    "sigmas_or_default",
    "skeleton_of_category",
]
