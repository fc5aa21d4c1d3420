"""The example of a plug-in with somebody else's networks: planned without torchvision, built with it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from heatmark.foundation.errors import InputError
from heatmark.models.backbones import parse_backbone
from heatmark.workloads.plug_in_check import check_backbone, own_backbone

pytestmark = pytest.mark.usefixtures("plug_ins_stay_here")

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "torchvision_nets.py"


@pytest.fixture(autouse=True, scope="module")
def _any_build_of_torchvision() -> Iterator[None]:
    """One for CUDA beside a torch for CPUs lacks its operators on boxes, which no network here has."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    try:
        importlib.import_module("torchvision.models")
    except RuntimeError:
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        importlib.import_module("torchvision.models")

    yield
    library._destroy()


@pytest.mark.parametrize("net", ["tv-mobilenet_v3_small", "tv-efficientnet_b0"])
def test_its_nets_give_heatmaps_at_a_stride_of_four(net: str) -> None:
    check_backbone(own_backbone(EXAMPLE, net), (64, 96))


@pytest.mark.parametrize(
    ("net", "words"), [("tv-resnet18", "resnet18 has no `features`"), ("tv-nothing", "no model 'nothing'")]
)
def test_what_it_cannot_build_is_told(net: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_backbone(own_backbone(EXAMPLE, net)).build(3)


def test_its_names_are_known_without_torchvision() -> None:
    program = (
        "import sys; from pathlib import Path; sys.modules.update(torch=None, torchvision=None)\n"
        "from heatmark.foundation.plug_in_source import plug_in_of\nfrom heatmark.foundation.plug_ins import load\n"
        f"load(plug_in_of({str(EXAMPLE)!r}, 'here'))\n"
        "from heatmark.models.backbones import family_of; print(family_of('tv-mobilenet_v3_small'))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "tv\n", done.stderr
