"""Gemm and MatMul: FULLY_CONNECTED where the matrix is constant, BATCH_MATMUL where it is not."""

from __future__ import annotations

from collections.abc import Mapping

from detquant.targets.tflite import parameters
from detquant.targets.tflite.file import Options
from detquant.targets.tflite.layout import plain
from detquant.targets.tflite.site import Site


def gemm(site: Site) -> None:
    """Lowers Gemm to FULLY_CONNECTED, whose matrix is ``[out, in]``."""
    words = site.attributes
    alpha, beta = words.get_float("alpha", 1.0), words.get_float("beta", 1.0)
    if words.get_int("transA", 0) or alpha != 1.0 or len(site.shape()) != 2:
        raise site.unsupported("turns or scales its first matrix")
    weight = parameters.weight(site, 1, (0, 1) if words.get_int("transB", 0) else (1, 0))
    bias = parameters.bias(site, 2, site.out_shape()[1], weight, beta)
    fields = {"fusedActivationFunction": site.fused()}
    inputs, special = [site.read(0, (0, 1)), weight, bias], "dynamic" if site.dynamic else None
    site.add("FULLY_CONNECTED", inputs, [site.result((0, 1))], _connected(fields), special)


def matmul(site: Site) -> None:
    """Lowers MatMul to FULLY_CONNECTED over the last axis, or to BATCH_MATMUL."""
    rank = len(site.shape())
    known = site.constant(1)
    if known is not None and known.ndim == 2:
        weight = parameters.weight(site, 1, (1, 0))
        bias = parameters.bias(site, 2, known.shape[1], weight)
        fields = {"fusedActivationFunction": site.fused(), "keepNumDims": True}
        inputs = [site.read(0, plain(rank)), weight, bias]
        special = "dynamic" if site.dynamic else "keep dims"
        site.add("FULLY_CONNECTED", inputs, [site.result(plain(rank))], _connected(fields), special)
        return
    if site.fused():
        raise site.unsupported("is followed by an activation that BATCH_MATMUL does not take in")
    x, y = (site.read(k, plain(len(site.shape(k)))) for k in range(2))
    site.add("BATCH_MATMUL", [x, y], [site.result(plain(len(site.out_shape())))], Options("BatchMatMul", {}))


def _connected(fields: Mapping[str, int | bool]) -> Options:
    return Options("FullyConnected", fields)
