"""Outputs that are not finite: a model whose weights are broken finds nothing, which is no result.

Boxes and scores that are NaN are dropped by every decoder, so such a model would look like one that sees an empty
picture. A few infinite numbers are no fault: the size of a box in a cell that sees nothing may be beyond any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.errors import ModelError
from detquant.pipeline.noise import on_noise

SHOWN = 3
"""Names of weights that a sentence lists."""
OVERFLOWS = 0.01
"""Share of an output's numbers that may be infinite."""
_FLOATS = (ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.DOUBLE)
_LIKELY = "weights after a training that diverged, or numbers beyond half precision"


def require_finite(outputs: Mapping[str, npt.NDArray[Any]], shown: object) -> None:
    """Refuses outputs that are NaN or infinite.

    Args:
        outputs: raw outputs by name, of one image.
        shown: the image.

    Raises:
        ModelError: one of them holds such numbers.
    """
    found = _not_finite(outputs)
    if found:
        raise ModelError(
            f"On '{shown}' {found}, so what the model finds means nothing. Likely it has {_LIKELY}: detquant inspect "
            f"names weights that are NaN; export it again from a sound checkpoint, or in float32."
        )


def said_of_finite(original: ir.Model, model: ir.Model | None) -> str | None:
    """A sentence that a model gives, or is made of, numbers that are not finite; None where all are.

    Args:
        original: the graph of the file.
        model: the same, prepared, which is run on a picture of noise; None to look at its weights alone.
    """
    weights = [name for name, value in original.graph.initializers.items() if _is_nan(value)]
    found = _not_finite(on_noise(model)()) if model is not None else ""
    if not weights and not found:
        return None
    more = f" and {len(weights) - SHOWN} more" if len(weights) > SHOWN else ""
    broken = f"NaN is in the weights {', '.join(weights[:SHOWN])}{more}"
    said = " and ".join([*([f"on a picture of noise {found}"] if found else []), *([broken] if weights else [])])
    return (
        f"{said[0].upper()}{said[1:]}: what the model finds means nothing. Likely it has {_LIKELY}: export it again "
        f"from a sound checkpoint, or in float32."
    )


def _not_finite(outputs: Mapping[str, npt.NDArray[Any]]) -> str:
    """A clause on the first output with numbers that are not finite; empty where there is none."""
    for name, output in outputs.items():
        array = np.asarray(output)
        if np.issubdtype(array.dtype, np.floating) and not (finite := np.isfinite(array)).all():
            lost = array.size - int(finite.sum())
            if lost <= OVERFLOWS * array.size and not np.isnan(array).any():
                continue
            return f"{lost:,} of the {array.size:,} values of the output '{name}' are NaN or infinite"
    return ""


def _is_nan(value: ir.Value) -> bool:
    """Whether a weight holds NaN; infinite constants have their use, as masks and bounds."""
    tensor = value.const_value
    return tensor is not None and tensor.dtype in _FLOATS and bool(np.isnan(tensor.numpy()).any())
