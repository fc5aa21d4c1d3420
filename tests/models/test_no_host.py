"""A step's arithmetic on torch's `meta` device, which has no values: hidden waits and mixed devices raise there."""

from __future__ import annotations

import pytest
import torch

from heatmark.models import diagnostics
from heatmark.models.backbones import parse_backbone
from heatmark.models.decoding import clamp_to_map
from heatmark.models.maps import maps_per_joint, split_maps
from heatmark.models.methods import METHODS

JOINTS, ORDER = 4, (1, 0, 3, 2)


@pytest.mark.parametrize("depth", [False, True])
@pytest.mark.parametrize("name", METHODS)
def test_no_method_asks_the_device_for_a_number(name: str, depth: bool) -> None:
    method = METHODS[name]().resolved(140)
    with torch.device("meta"):
        network = parse_backbone("sbl-r18-w8").build(JOINTS * maps_per_joint(method.latent_maps, depth))
        learned, reader = method.learned(), method.reader(JOINTS, (16, 16))
        image_B3HW = torch.empty(2, 3, 64, 64)
        joints_BK2, labelled_BK = torch.empty(2, JOINTS, 2), torch.empty(2, JOINTS)
    maps = split_maps(network(image_B3HW), JOINTS, method.latent_maps, reader)
    terms = method.terms(maps, joints_BK2, labelled_BK, 0, learned)
    if maps.depth_BKHW is not None:
        terms["l_depth"] = method.depth_loss(maps.heatmap_BKHW, maps.depth_BKHW, joints_BK2, labelled_BK, labelled_BK)
    torch.stack(list(terms.values())).sum().backward()
    with torch.no_grad():
        mirrored = maps.mirrored_back(ORDER)
        found_BK2 = method.read_flipped(maps, mirrored)
        assert clamp_to_map(found_BK2, maps.heatmap_BKHW.shape[-2:]).shape == (2, JOINTS, 2)
        assert method.read(maps).device.type == "meta"
        assert method.certainty(maps).shape == method.certainty_flipped(maps, mirrored).shape == (2, JOINTS)
        density_BKHW = method.visible_density(maps.heatmap_BKHW)
        diagnostics.chi_square(density_BKHW, joints_BK2, 4, (1.0, 2.0))
        diagnostics.activation_sum(density_BKHW, joints_BK2, range(5))
        diagnostics.log_mass_ratio(maps.heatmap_BKHW, 10.0)
