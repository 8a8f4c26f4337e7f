"""Whether OpenVINO has turned the channels of the first layer's weights.

Its preprocessing (`PrePostProcessor.reverse_channels`, `convert_color`) and its older converter
(``--reverse_input_channels``) put an operation in front of the network that turns the channels of the image; on the way
to the file it is moved into the weights of the first convolution, and no operation is left. Two traces are:

1. the weights are named after the operation that turned them, "Gather_1945", while those of other layers are named
   after their layers;
2. the older converter lists its options in the file, ``reverse_input_channels`` among them.
"""

from __future__ import annotations

import re
from typing import Any

_LAYERS = ("Convolution", "GroupConvolution")
_TURNED = re.compile(r"(Gather|Reverse|ReverseInputChannels)_\d+(_compressed)?(/.*)?")
_OPTION = ["conversion_parameters", "reverse_input_channels"]
_FEW = 32


def channels_were_turned(model: Any) -> bool:
    """Whether a network reads its channels in another order than its file takes them, without an operation for it.

    Args:
        model: an `openvino.Model`.
    """
    images = [node for node in model.get_parameters() if len(node.get_output_partial_shape(0)) == 4]
    if len(images) != 1:
        return False
    first = _first_layers(images[0])
    named = bool(first) and all(_TURNED.fullmatch(_weight_name(layer)) for layer in first)  # case 1
    return named or (model.has_rt_info(_OPTION) and str(model.get_rt_info(_OPTION).value) == "True")  # case 2


def _first_layers(image: Any) -> list[Any]:
    """The convolutions that read an image, perhaps converted, scaled or turned on its way."""
    found, waiting, seen = [], [image], 0
    while waiting and seen < _FEW:
        seen += 1
        for port in waiting.pop().outputs():
            for reader in port.get_target_inputs():
                node = reader.get_node()
                if node.get_type_name() in _LAYERS:
                    found.append(node)
                else:
                    waiting.append(node)
    return found


def _weight_name(layer: Any) -> str:
    """The name of what a layer's weights are made of."""
    node = layer.input_value(1).get_node()
    while node.get_type_name() != "Constant" and node.get_input_size():
        if _TURNED.fullmatch(node.get_friendly_name()):
            break
        node = node.input_value(0).get_node()
    return str(node.get_friendly_name())
