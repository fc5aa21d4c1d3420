"""Where to draw the joints of a skeleton: computed from its limbs and pairs, since files tell of no places."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from heatmark.datasets.people import FloatArray, Skeleton

SEED = 0
ROUNDS = 300
# In limbs: how far apart pieces are laid that no limb connects, and a left and a right one.
GAP = 1.5
HEADS = ("nose", "snout", "head", "eye", "neck")


def layout(skeleton: Skeleton) -> FloatArray:
    """places_K2: (x, y), y downwards, in lengths of a limb; left joints to the viewer's right, mirrored at x = 0.

    What limbs connect is laid out as one piece, with its mirror image; pieces stand below one another, the one with the
    head above, and joints without limbs in rows below them all.
    """
    order = skeleton.mirrored_order
    pieces = sorted(_pieces(skeleton), key=lambda piece: (_top(skeleton) not in piece, piece))
    limbless = [piece for piece in pieces if not any(set(bone) <= set(piece) for bone in skeleton.bones)]
    places_K2 = np.zeros((len(order), 2))
    bottom = 0.0
    for piece in (each for each in pieces if each not in limbless):
        of_piece_P2 = _piece_layout(skeleton, piece)
        places_K2[piece] = np.add(of_piece_P2, (0.0, bottom))
        bottom += float(of_piece_P2[:, 1].max()) + GAP
    for size in (2, 1):
        rows = [piece for piece in limbless if len(piece) == size]
        bottom += _lay_in_rows(rows, skeleton, places_K2, bottom)
    return places_K2


def _pieces(skeleton: Skeleton) -> list[list[int]]:
    """The joints that limbs connect, each piece together with what its joints are swapped with."""
    piece = list(range(len(skeleton.joints)))
    for a, b in (*skeleton.bones, *skeleton.swaps):
        piece = [piece[a] if each == piece[b] else each for each in piece]
    return [[joint for joint, own in enumerate(piece) if own == one] for one in sorted(set(piece))]


def _lay_in_rows(pieces: Sequence[list[int]], skeleton: Skeleton, places_K2: FloatArray, bottom: float) -> float:
    """Joints without limbs, in place: pairs mirrored at x = 0, single joints side by side. Returns the height."""
    in_row = math.ceil(math.sqrt(len(pieces) / 2)) or 1
    for number, piece in enumerate(pieces):
        row, place = divmod(number, in_row)
        places_K2[piece, 1] = bottom + row
        if len(piece) == 1:
            places_K2[piece, 0] = place - (min(in_row, len(pieces) - row * in_row) - 1) / 2.0
        for joint in piece if len(piece) == 2 else ():
            places_K2[joint, 0] = (place + 1.0) * (1.0 if skeleton.side_of(joint) == "left" else -1.0)
    return math.ceil(len(pieces) / in_row) - 1.0 + GAP if pieces else 0.0


def _piece_layout(skeleton: Skeleton, piece: list[int]) -> FloatArray:
    """places_P2 of a piece, with its highest joint at y = 0.

    Distances are to be as many limbs as lie between two joints: stress majorisation (Gansner, Koren and North 2004)
    with weights 1 / distance^2. From a mirrored start and with mirrored distances every step stays mirrored.
    """
    order_P = np.array([piece.index(skeleton.mirrored_order[joint]) for joint in piece])
    side_P = np.array([{"left": 1.0, "right": -1.0, None: 0.0}[skeleton.side_of(joint)] for joint in piece])
    mirrored = bool((order_P != np.arange(len(piece))).any())
    distance_PP = _limbs_between(skeleton, piece)
    distance_PP = (distance_PP + distance_PP[np.ix_(order_P, order_P)]) / 2.0
    top = piece.index(_top(skeleton)) if _top(skeleton) in piece else 0
    start_P2 = np.stack([side_P, distance_PP[top]], axis=1) if mirrored else _projected(distance_PP)
    start_P2 += np.random.default_rng(SEED).normal(scale=0.1, size=start_P2.shape)
    places_P2 = _majorised(_mirrored_mean(start_P2, order_P) if mirrored else start_P2, distance_PP)
    if mirrored:
        places_P2 = _mirrored_mean(places_P2, order_P)
        places_P2[:, 0] *= np.sign((places_P2[:, 0] * side_P).sum()) or 1.0
    else:
        places_P2 -= (places_P2.max(axis=0) + places_P2.min(axis=0)) / 2.0
        if skeleton.swaps and np.ptp(places_P2[:, 0]) > np.ptp(places_P2[:, 1]):
            places_P2 = places_P2[:, ::-1]  # along the axis of the others, as a nose is
    if places_P2[top, 1] > (places_P2[:, 1].max() + places_P2[:, 1].min()) / 2.0:
        places_P2[:, 1] *= -1.0
    places_P2[:, 1] -= places_P2[:, 1].min()
    return places_P2


def _limbs_between(skeleton: Skeleton, piece: list[int]) -> FloatArray:
    """(P, P): the fewest limbs from joint to joint; a left and a right half without one are tied at their pairs."""
    places = {joint: place for place, joint in enumerate(piece)}
    distance_PP = np.full((len(piece), len(piece)), np.inf)
    np.fill_diagonal(distance_PP, 0.0)
    for a, b in (bone for bone in skeleton.bones if bone[0] in places and bone[0] != bone[1]):
        distance_PP[places[a], places[b]] = distance_PP[places[b], places[a]] = 1.0
    distance_PP = _shortest(distance_PP)
    for a, b in (pair for pair in skeleton.swaps if pair[0] in places):
        if np.isinf(distance_PP[places[a], places[b]]):
            distance_PP[places[a], places[b]] = distance_PP[places[b], places[a]] = 2 * GAP
            distance_PP = _shortest(distance_PP)
    return distance_PP


def _shortest(distance_PP: FloatArray) -> FloatArray:
    for via in range(len(distance_PP)):
        distance_PP = np.minimum(distance_PP, distance_PP[:, via, None] + distance_PP[None, via, :])
    return distance_PP


def _projected(distance_PP: FloatArray) -> FloatArray:
    """Classical scaling: the plane in which the joints keep most of their distances."""
    centred_PP = distance_PP**2 - (distance_PP**2).mean(axis=0)
    values, vectors = np.linalg.eigh(-(centred_PP - centred_PP.mean(axis=1, keepdims=True)) / 2.0)
    return np.asarray(vectors[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 0.0)))


def _majorised(places_P2: FloatArray, distance_PP: FloatArray) -> FloatArray:
    weight_PP = np.divide(1.0, distance_PP**2, out=np.zeros_like(distance_PP), where=distance_PP > 0)
    inverse_PP = np.linalg.pinv(_laplacian(weight_PP))
    for _ in range(ROUNDS):
        length_PP = np.linalg.norm(places_P2[:, None] - places_P2[None], axis=-1)
        pull_PP = np.divide(weight_PP * distance_PP, length_PP, out=np.zeros_like(length_PP), where=length_PP > 1e-9)
        places_P2 = inverse_PP @ (_laplacian(pull_PP) @ places_P2)
    return places_P2


def _laplacian(weight_PP: FloatArray) -> FloatArray:
    return np.diag(weight_PP.sum(axis=1)) - weight_PP


def _mirrored_mean(places_P2: FloatArray, order_P: npt.NDArray[np.int64]) -> FloatArray:
    """The mean of a layout and of its mirror image at x = 0."""
    return (places_P2 + places_P2[order_P] * [-1.0, 1.0]) / 2.0


def _top(skeleton: Skeleton) -> int:
    """The joint that is drawn above the others: one named after the head, else the first."""
    names = [joint.lower() for joint in skeleton.joints]
    return next((index for head in HEADS for index, name in enumerate(names) if head in name), 0)
