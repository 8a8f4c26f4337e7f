"""Make a model ready to be quantised: one opset, static shapes, no constants to compute, BatchNorm folded.

The passes, in order:

1. `inline_functions`: functions of the model become nodes of its graph; the converter would lose them.
2. `full_precision`: half and double precision become float32.
3. `raise_opset`: opset 21.
4. `with_plain_codes`: weights that lie as places in tables of codes are codes.
5. `fix_shapes`: a batch of 1, height and width as asked for.
6. `fold_constants`: what does not depend on the image is computed; dead nodes vanish.
7. `remove_idle_casts`: what float32 made needless.
8. `channels_first` and `float_interface`, unless a file's own ends are wanted: images go in as float32 [1, channels,
   height, width]; `original_ends` gives what is made of the graph the file's own inputs and outputs again.
9. `fold_batchnorm`: into the convolution before it.
10. `remove_unused`: what folding left behind.
11. `name_values`: each name once.
12. `infer_shapes`: shape and type on every value; one that no memory holds is refused.
13. `mean_as_pool`, `focus_as_conv` and `pads_into_convolutions`: ways of exporters to write what has better kernels
    under another name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from detquant.errors import DetquantError, ModelError, in_short
from detquant.graph.channels_first import channels_first
from detquant.graph.codebook_storage import with_plain_codes
from detquant.graph.fix_shapes import fix_shapes
from detquant.graph.float_interface import float_interface
from detquant.graph.focus_as_conv import focus_as_conv
from detquant.graph.fold_batchnorm import fold_batchnorm
from detquant.graph.fold_constants import fold_constants
from detquant.graph.full_precision import full_precision, remove_idle_casts
from detquant.graph.infer_shapes import infer_shapes
from detquant.graph.inline_functions import inline_functions
from detquant.graph.mean_as_pool import mean_as_pool
from detquant.graph.name_values import name_values
from detquant.graph.pads_into_convolutions import pads_into_convolutions
from detquant.graph.raise_opset import raise_opset
from detquant.graph.values import static_shape
from detquant.untrusted import one_line

MOST_VALUES = 1 << 30
"""Most numbers of one value: 4 GB in float32, some ten times what a large detector has on a large image."""

Pass = Callable[[ir.Model], ir.Model]


def remove_unused(model: ir.Model) -> ir.Model:
    """Remove nodes and initializers that nothing reads, in place."""
    RemoveUnusedNodesPass()(model)
    return model


def refuse_the_huge(model: ir.Model) -> ir.Model:
    """Refuse a value that no memory holds before anything runs the model; gives the model as it is.

    Raises:
        ModelError: there is one.
    """
    for value in (output for node in model.graph for output in node.outputs):
        shape = static_shape(value)
        if shape is not None and math.prod(shape) > MOST_VALUES:
            raise ModelError(
                f"The model's value '{one_line(value.name or '')}' has the shape {one_line(str(list(shape)))}, which "
                "is more than can be run: check the image size, or export the model again."
            )
    return model


BEFORE_SHAPES: tuple[Pass, ...] = (inline_functions, full_precision, raise_opset, with_plain_codes)
ENDS: tuple[Pass, ...] = (channels_first, float_interface)
AFTER_ENDS: tuple[Pass, ...] = (
    fold_batchnorm,
    remove_unused,
    name_values,
    infer_shapes,
    refuse_the_huge,
    mean_as_pool,
    focus_as_conv,
    pads_into_convolutions,
)


def prepare(model: ir.Model, imgsz: int | tuple[int, int] | None = None, *, own_ends: bool = True) -> ir.Model:
    """Give a copy of the model that the rest of the house can work on.

    Args:
        model: an ONNX model of opset 7 or newer; it is not changed and shares its weights with the copy.
        imgsz: input side in pixels, or (height, width); only for models whose input is free.
        own_ends: whether images stay in whole numbers or with their channels last, where the file has them so.

    Returns:
        The same function of the image, in opset 21 or newer, with static shapes.

    Raises:
        ModelError: too old an opset, free dimensions that nothing fixes, or a size the model is not made for.
    """
    if not len(model.graph):
        raise ModelError("The model's graph has no nodes: there is nothing to quantise.")
    with _sentences():
        prepared = model.clone()
        for each in BEFORE_SHAPES:
            prepared = each(prepared)
    prepared = fix_shapes(prepared, imgsz)
    with _sentences():
        prepared = remove_idle_casts(fold_constants(prepared))
    for each in (*(() if own_ends else ENDS), *AFTER_ENDS):
        prepared = each(prepared)
    return prepared


@contextmanager
def _sentences() -> Iterator[None]:
    """Turns errors that passes raise over a damaged file into one sentence.

    ONNX's converter and shape inference and the passes of onnx_ir take a graph to be sound: a node with an input too
    few, or an attribute of another kind, is an error of any class. Behind them all graphs are sound.
    """
    try:
        yield
    except DetquantError:
        raise
    except Exception as error:
        raise ModelError(
            f"The model's graph is damaged ({in_short(error)}): check it with onnx.checker, or export it again."
        ) from error
