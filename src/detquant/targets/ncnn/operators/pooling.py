"""MaxPool and AveragePool."""

from __future__ import annotations

from detquant.graph.window import window_of
from detquant.targets.ncnn.site import Site

VALID = 1
KINDS = {"MaxPool": 0, "AveragePool": 1}


def pool(site: Site) -> None:
    """Lowers MaxPool and AveragePool to Pooling.

    What is padded is not among the numbers that are averaged, unless the operator counts it; ONNX leaves out what a
    last window has beyond that, ncnn does not know of it.
    """
    words, out = site.attributes, site.out_shape()
    try:
        window = window_of(site.node, words.get_ints("kernel_shape", ()), site.shape(), out)
    except ValueError as error:
        raise site.unsupported(str(error)) from error
    counts = words.get_int("count_include_pad", 0) == 1
    if len(site.node.outputs) > 1 or window.dilations != (1, 1):
        raise site.unsupported("gives the places of its maxima, or has dilations")
    if counts and words.get_int("ceil_mode", 0) == 1:
        raise site.unsupported("counts what is padded and rounds its size up")
    (top, bottom), (left, right) = window.pads
    parameters = {
        0: KINDS[site.node.op_type],
        1: window.kernel[1],
        11: window.kernel[0],
        2: window.strides[1],
        12: window.strides[0],
        3: left,
        14: right,
        13: top,
        15: bottom,
        5: VALID,
        6: int(counts),
    }
    site.add("Pooling", [site.read()], [site.result()], parameters)
