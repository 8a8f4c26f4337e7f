"""Gemm and MatMul: InnerProduct with a constant matrix, MatMul without."""

from __future__ import annotations

from math import prod

import numpy as np

from detquant.numerics.arrays import Array
from detquant.targets.ncnn.integer import integer
from detquant.targets.ncnn.param_file import bare
from detquant.targets.ncnn.site import Site


def gemm(site: Site) -> None:
    """Lowers Gemm to InnerProduct, with alpha and beta in its weights and bias."""
    matrix, words = site.constant(1), site.attributes
    if matrix is None or words.get_int("transA"):
        raise site.unsupported("has a matrix that is computed, or turns its input")
    channels = site.out_shape()[-1]
    known = site.constant(2) if site.has(2) else np.zeros(1, np.float32)
    if known is None or known.size not in (1, channels):
        raise site.unsupported("adds what is computed, or has other numbers for each row")
    bias = np.broadcast_to(np.asarray(known, np.float32).reshape(-1) * words.get_float("beta", 1.0), (channels,))
    _inner_product(site, bias, turned=not words.get_int("transB"), factor=words.get_float("alpha", 1.0))


def matmul(site: Site) -> None:
    """Lowers MatMul to InnerProduct where its matrix is constant, else to MatMul."""
    matrix, out = site.constant(1), site.out_shape()
    if matrix is not None and matrix.ndim == 2:
        _inner_product(site, np.zeros(matrix.shape[1], np.float32), turned=True)
        return
    if len(site.shape(0)) < 2 or len(site.shape(1)) < 2:
        raise site.unsupported("multiplies by a vector")
    left, right = site.read_wide(0, out), site.read_wide(1, out)
    if min(len(left.shape), len(right.shape)) < 2:
        raise site.unsupported("multiplies by a vector")
    site.add("MatMul", [left, right], [site.result()])


def _inner_product(site: Site, bias: Array, *, turned: bool, factor: float = 1.0) -> None:
    """A product of rows with a constant matrix, ``[out, in]`` once it is turned where it has to be."""
    channels = site.out_shape()[-1]
    found = integer(site, channels)
    if found is not None and factor != 1.0:
        raise site.unsupported("multiplies its codes by alpha")
    known = site.constant(1) if found is None else found.weight
    assert known is not None
    matrix = known.T if turned else known
    rows = prod(site.shape()[:-1])
    x = site.read() if found is None else found.read(site)
    flat = site.shaped(x, (matrix.shape[1],) if rows == 1 else (rows, matrix.shape[1]))
    made = site.inside("product", (channels,) if rows == 1 else (rows, channels))
    parameters = {
        0: channels,
        1: 1,
        2: matrix.size,
        **({} if found is None else {8: 2}),
        **({} if site.fused is None else site.fused.told()),
    }
    if found is None:
        content = site.weights(np.asarray(matrix, np.float32) * np.float32(factor)) + bare(bias)
    else:
        content = site.weights(np.ascontiguousarray(matrix)) + bare(bias) + found.tail(site)
    site.add("InnerProduct", [flat], [made], parameters, content)
    site.same(made)
