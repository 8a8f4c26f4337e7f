"""Why files became larger by being quantised or written anew, which nobody expects: what is in them, in bytes.

Eight bits are half of sixteen, but not all of a file is weights in 8 bits. Layers and decoding that stay in float are
float32, whatever they came in as; each grid takes operators, a scale and a zero point; an IR tells all that as text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import onnx_ir as ir

from detquant.graph import summarize
from detquant.graph.values import constant
from detquant.pipeline.detector import Detector
from detquant.report.sheets import megabytes
from detquant.targets import Artefact

WIDTHS = {"fp32": 4, "fp16": 2}
"""Bytes of a number in each float precision."""
NARROWER = 0.75
"""Share of the bytes that parameters have in a precision: a smaller file has them in fewer bits."""

GREW = (
    "The result is {ratio:.2f} times as large as the file that came in ({after} after {before}). It holds {codes} of "
    "quantised weights, {floats} of numbers in float32{widened} and {rest} that describe the graph: operators, names, "
    "and scale and zero point of each grid{text}."
)
PLAIN = "The result is {ratio:.2f} times as large as the file that came in ({after} after {before})."
WIDENED = ", which came in 16 bits or fewer (what stays in float is widened)"
FLOAT = "{plain} It holds {floats} of weights in {precision}{came}{instead}."
CAME = {"fp32": ", which came in 16 bits or fewer", "fp16": ", which came in 8 bits or fewer"}
INSTEAD = ": --precision fp16 keeps them in 16"


def growth(detector: Detector, artefact: Artefact, qdq: ir.Model | None) -> list[str]:
    """A sentence with what a result holds, if it is larger than what came in.

    Args:
        detector: the float model.
        artefact: what was made of it.
        qdq: the graph that is in it; None where another engine made it.
    """
    before, after = detector.imported.size_bytes, artefact.size_bytes
    if after <= before:
        return []
    said = {"ratio": after / before, "after": megabytes(after), "before": megabytes(before)}
    if qdq is None:
        return [PLAIN.format(**said)]
    held = _held(qdq.graph)
    is_half = before < NARROWER * WIDTHS["fp32"] * summarize(detector.model.graph).parameters
    rest = max(after - held.total(), 0)
    text = next((content for name, content in artefact.files.items() if name.endswith(".xml")), b"")
    return [
        GREW.format(
            **said,
            codes=megabytes(held["codes"]),
            floats=megabytes(held["floats"]),
            widened=WIDENED if is_half else "",
            rest=megabytes(rest),
            text=f" (of these {megabytes(min(len(text), rest))} are text)" if text else "",
        )
    ]


def float_growth(detector: Detector, artefact: Artefact, precision: str, takes: Collection[str]) -> list[str]:
    """A sentence on a float result larger than its file: the weights may have come in fewer bits than are written.

    Args:
        detector: the float model.
        artefact: what was made of it.
        precision: precision of the result.
        takes: the precisions that its target takes.
    """
    plain = "".join(growth(detector, artefact, None))
    if not plain:
        return []
    floats = WIDTHS[precision] * summarize(detector.model.graph).parameters
    if detector.imported.size_bytes >= NARROWER * floats:
        return [plain]
    instead = INSTEAD if precision == "fp32" and "fp16" in takes else ""
    return [
        FLOAT.format(plain=plain, floats=megabytes(floats), precision=precision, came=CAME[precision], instead=instead)
    ]


def _held(graph: ir.Graph) -> Counter[str]:
    """Bytes of a graph's constants: of weights in codes, and of all that a runtime holds as numbers besides."""
    held = Counter[str]()
    for value in graph.initializers.values():
        array = constant(value)
        if array is None or array.size == 0:
            continue
        is_code = array.dtype.itemsize == 1 and array.dtype.kind in "iu"
        held["codes" if is_code else "floats" if array.dtype.kind == "f" else "others"] += array.nbytes
    return held
