"""What channels are chosen, and layers solved, on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.algorithms.layerwise.float_side import FloatSide
from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.calibration import Images
from detquant.graph.channels import Channels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basis:
    """A float network before it is pruned, and the images that it is looked at with.

    Attributes:
        model: the float graph.
        channels: of it.
        forms: its layers as matrix products, by name, in the graph's order.
        floats: outputs of layers that are not solved yet; says which positions are sampled, and how much each counts.
        images: calibration images.
        context: threads, and who is told how far it is.
    """

    model: ir.Model
    channels: Channels
    forms: Mapping[str, LayerForm]
    floats: FloatSide
    images: Images
    context: Context
