"""A translated graph made such as the house expects models: biases in their layers, perhaps channels first and float.

OpenVINO's own files are translated as they are: their inputs say how a program feeds them. Those of TensorFlow, which
has its channels last by nature, take float32 with channels first from here on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx_ir as ir

from detquant.graph.channels_first import channels_first
from detquant.graph.float_interface import float_interface
from detquant.graph.fold_affine import fold_affine
from detquant.graph.infer_shapes import infer_shapes
from detquant.graph.prepare import remove_unused
from detquant.graph.upsampling import find_upsampling
from detquant.importers.openvino.translation import translate

_BEFORE = (remove_unused, infer_shapes, find_upsampling)
_ENDS = (channels_first, float_interface)
_BEHIND = (fold_affine, remove_unused)


def to_onnx(model: Any, path: Path, metadata: Mapping[str, str], *, own_ends: bool = False) -> ir.Model:
    """An `openvino.Model` as the graph that the house works on.

    Args:
        model: with fixed input shapes.
        path: path of its file, for messages.
        metadata: goes into the graph.
        own_ends: whether inputs and outputs keep the element types and the layout of the file.

    Raises:
        UnsupportedOperator: an operation that cannot be translated.
    """
    translated = translate(model, path)
    for each in (*_BEFORE, *(() if own_ends else _ENDS), *_BEHIND):
        translated = each(translated)
    translated.metadata_props.update(metadata)
    return translated
