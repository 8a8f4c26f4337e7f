"""Graphs travel between processes as ONNX files do.

onnx_ir's nodes are a linked list, so pickling one as an object would go as deep as the graph is long, beyond Python's
limit. What an `concurrent.futures.Executor` of processes sends is therefore the bytes of the file.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable

import onnx
import onnx_ir as ir

from detquant.graph.running import as_bytes


def _opened(content: bytes) -> ir.Model:
    return ir.from_proto(onnx.load_from_string(content))


def _reduced(model: ir.Model) -> tuple[Callable[[bytes], ir.Model], tuple[bytes]]:
    return _opened, (as_bytes(model),)


def let_graphs_travel() -> None:
    """Tells pickle how a graph is taken apart; done once, as `detquant.graph` is imported."""
    copyreg.pickle(ir.Model, _reduced)
