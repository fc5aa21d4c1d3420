"""torchvision's classification networks as backbones: `tv-mobilenet_v3_small` and its like.

In a sweep file: `plugins: [docs/examples/torchvision_nets.py]`. torchvision is imported as a net is built, and not to
plan a sweep. Weights are random; a file of a trained trial's is given under `pretrained` as for other backbones.
"""

import re
from dataclasses import dataclass

from heatmark.models.backbones import Family, register


@dataclass(frozen=True)
class TorchvisionName:
    """`tv-mobilenet_v3_small`, taken apart."""

    model: str

    def build(self, joints):
        """image_B3HW -> heatmap_BKHW at a stride of 4."""
        from heatmark.foundation.errors import InputError
        from heatmark.models.adapter import Adapted

        try:
            from torchvision.models import get_model, list_models
        except (ImportError, RuntimeError) as error:  # of another build than torch's, it says RuntimeError
            raise InputError(
                f"torchvision_nets.py: torchvision cannot be imported ({error}); install the build that fits your torch"
            ) from error
        if self.model not in list_models():
            raise InputError(f"torchvision_nets.py: torchvision has no model {self.model!r}; see its list_models()")
        net = get_model(self.model, weights=None)
        if not hasattr(net, "features"):
            raise InputError(
                f"torchvision_nets.py: {self.model} has no `features`; name one such as mobilenet_v3_small"
            )
        return Adapted(net.features, joints)


@register
class Torchvision(Family):
    """Whatever torchvision.models.list_models() names and has its layers before the classifier as `features`."""

    name = "tv"
    smallest = "tv-mobilenet_v3_small"
    others = "torchvision's networks as in tv-mobilenet_v3_small"

    def parse(self, name):
        """The name is looked up in torchvision only as the net is built."""
        return TorchvisionName(name[3:]) if re.fullmatch(r"tv-[a-z0-9_]+", name) else None
