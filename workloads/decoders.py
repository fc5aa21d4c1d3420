"""The decoders by the names that the command line and the tables give them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from heatmark.foundation.errors import InputError
from heatmark.models import decoding, decoding_refined


@dataclass(frozen=True)
class Decoder:
    """read: heatmap_BKHW -> joints_BK2 in heatmap pixels.

    merges_maps: how a mirrored image is taken in: maps are averaged, one of them shifted by a pixel (SBL, HRNet), or
    the joints are, displaced exactly. undefined: which maps it has no joint for, per B and K, where there are any.
    """

    read: Callable[[Tensor], Tensor]
    merges_maps: bool = False
    undefined: Callable[[Tensor], Tensor] | None = None

    def read_flipped(self, heatmap_BKHW: Tensor, mirrored_BKHW: Tensor, lag: float = decoding.MIRROR_LAG) -> Tensor:
        """mirrored_BKHW: of the mirrored image, mirrored back, left and right swapped. lag: see Method."""
        if self.merges_maps:
            return self.read(decoding.mean_map(heatmap_BKHW, mirrored_BKHW, lag))
        return self.read_exactly(heatmap_BKHW, mirrored_BKHW, lag)

    def read_exactly(self, heatmap_BKHW: Tensor, mirrored_BKHW: Tensor | None, lag: float) -> Tensor:
        """The mean of the joints of both maps, the lag exactly undone, whatever is published; None: there is one."""
        joints_BK2 = self.read(heatmap_BKHW)
        return (
            joints_BK2
            if mirrored_BKHW is None
            else decoding.average_mirrored(joints_BK2, self.read(mirrored_BKHW), lag)
        )


PLAIN: dict[str, Decoder] = {
    "argmax": Decoder(decoding.argmax, merges_maps=True),
    "quarter": Decoder(decoding.quarter_offset, merges_maps=True),
    "dark": Decoder(decoding_refined.dark, merges_maps=True),
    "udp": Decoder(decoding_refined.udp),
}
# Each for one beta.
WITH_BETA: dict[str, Callable[[float], Decoder]] = {
    "soft": lambda beta: Decoder(partial(decoding.soft_argmax, beta=beta)),
    "bcir": lambda beta: Decoder(
        partial(decoding.bias_compensated_argmax, beta=beta), undefined=partial(decoding.mass_is_short, beta=beta)
    ),
}
NAMES = (*PLAIN, *WITH_BETA)


def chosen_decoders(names: list[str], betas: list[str]) -> dict[str, Decoder]:
    """Decoders by their names in a result: `argmax`, `soft@10`, `bcir@10`; those with a beta once for each.

    Raises InputError for an unknown decoder or a beta that is not a positive number.
    """
    chosen: dict[str, Decoder] = {}
    for name in (name.strip() for name in names):
        if name in PLAIN:
            chosen[name] = PLAIN[name]
        elif name in WITH_BETA:
            chosen |= {f"{name}@{beta:g}": WITH_BETA[name](beta) for beta in map(_beta, betas)}
        else:
            raise InputError(f"--decoders {name}: unknown decoder; valid: {', '.join(NAMES)}")
    return chosen


def decoders_at(beta: float) -> dict[str, Decoder]:
    """One of each kind, by their names in a result."""
    return PLAIN | {f"{name}@{beta:g}": make(beta) for name, make in WITH_BETA.items()}


def undefined_warning(name: str, short: int, maps: int) -> str:
    """short: how many of the maps have C <= n."""
    return f"warning: {name}: {short} of {maps} maps have C <= n, where its joints are undefined and may lie anywhere"


def _beta(text: str) -> float:
    try:
        beta = float(text)
    except ValueError:
        beta = float("nan")
    if not 0 < beta < float("inf"):
        raise InputError(f"--beta {text}: must be a positive number")
    return beta
