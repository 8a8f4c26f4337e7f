"""A translated graph made such as the house expects models: channels first, float outside, biases in their layers."""

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

_PASSES = (
    remove_unused,
    infer_shapes,
    find_upsampling,
    channels_first,
    float_interface,
    fold_affine,
    remove_unused,
)


def to_onnx(model: Any, path: Path, metadata: Mapping[str, str]) -> ir.Model:
    """An `openvino.Model` as the graph that the house works on.

    Args:
        model: with fixed input shapes.
        path: of its file, for messages.
        metadata: goes into the graph.

    Raises:
        UnsupportedOperator: an operation that cannot be translated.
    """
    translated = translate(model, path)
    for each in _PASSES:
        translated = each(translated)
    translated.metadata_props.update(metadata)
    return translated
