"""The skeletons of the data sets, as data."""

from __future__ import annotations

from heatmark.datasets.people import Skeleton

# Joints, bones and sigmas are those of the official person_keypoints files and of the COCO keypoint evaluation.
COCO_PERSON = Skeleton(
    name="coco_person",
    joints=(
        "nose",
        "left_eye",
        "right_eye",
        "left_ear",
        "right_ear",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_hip",
        "right_hip",
        "left_knee",
        "right_knee",
        "left_ankle",
        "right_ankle",
    ),
    swaps=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
    bones=(
        (15, 13),
        (13, 11),
        (16, 14),
        (14, 12),
        (11, 12),
        (5, 11),
        (6, 12),
        (5, 6),
        (5, 7),
        (6, 8),
        (7, 9),
        (8, 10),
        (1, 2),
        (0, 1),
        (0, 2),
        (1, 3),
        (2, 4),
        (3, 5),
        (4, 6),
    ),
    sigmas=(
        *(0.026, 0.025, 0.025, 0.035, 0.035),
        *(0.079, 0.079, 0.072, 0.072, 0.062, 0.062),
        *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
    ),
    upper_body=tuple(range(11)),
)

# The joints of Leeds Sports Pose and its extension, person-centric, in the order of their README.
LSP_PERSON = Skeleton(
    name="lsp_person",
    joints=(
        "right_ankle",
        "right_knee",
        "right_hip",
        "left_hip",
        "left_knee",
        "left_ankle",
        "right_wrist",
        "right_elbow",
        "right_shoulder",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        "neck",
        "head_top",
    ),
    swaps=((5, 0), (4, 1), (3, 2), (11, 6), (10, 7), (9, 8)),
    bones=(
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 4),
        (4, 5),
        (6, 7),
        (7, 8),
        (8, 12),
        (9, 12),
        (9, 10),
        (10, 11),
        (2, 8),
        (3, 9),
        (12, 13),
    ),
)

# The joints of MPII in its own order, without OKS: MPII is measured by PCKh.
MPII_PERSON = Skeleton(
    name="mpii_person",
    joints=(
        "right_ankle",
        "right_knee",
        "right_hip",
        "left_hip",
        "left_knee",
        "left_ankle",
        "pelvis",
        "thorax",
        "upper_neck",
        "head_top",
        "right_wrist",
        "right_elbow",
        "right_shoulder",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
    ),
    swaps=((5, 0), (4, 1), (3, 2), (15, 10), (14, 11), (13, 12)),
    bones=(
        (0, 1),
        (1, 2),
        (2, 6),
        (3, 6),
        (3, 4),
        (4, 5),
        (6, 7),
        (7, 8),
        (8, 9),
        (10, 11),
        (11, 12),
        (12, 7),
        (13, 7),
        (13, 14),
        (14, 15),
    ),
)

# One hand of RHD in its own order, by mmpose's names: wrist, then each finger from its tip (4) to its base (1). Nothing
# is swapped, because a mirrored left hand is a right hand with the same joints.
RHD_HAND = Skeleton(
    name="rhd_hand",
    joints=(
        "wrist",
        *("thumb4", "thumb3", "thumb2", "thumb1"),
        *("forefinger4", "forefinger3", "forefinger2", "forefinger1"),
        *("middle_finger4", "middle_finger3", "middle_finger2", "middle_finger1"),
        *("ring_finger4", "ring_finger3", "ring_finger2", "ring_finger1"),
        *("pinky_finger4", "pinky_finger3", "pinky_finger2", "pinky_finger1"),
    ),
    swaps=(),
    bones=(
        *((0, 4), (4, 3), (3, 2), (2, 1)),
        *((0, 8), (8, 7), (7, 6), (6, 5)),
        *((0, 12), (12, 11), (11, 10), (10, 9)),
        *((0, 16), (16, 15), (15, 14), (14, 13)),
        *((0, 20), (20, 19), (19, 18), (18, 17)),
    ),
)
