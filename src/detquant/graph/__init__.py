"""The graph is an `onnx_ir.Model`: passes rewrite it, finders read it, and runs look inside."""

from detquant.graph.activations import Activation, find_activations
from detquant.graph.decode_tail import DecodeTail, find_decode_tail
from detquant.graph.ends import operators_at_ends
from detquant.graph.joins import joins_at_outputs
from detquant.graph.pickling import let_graphs_travel
from detquant.graph.prepare import prepare
from detquant.graph.running import OrtRunner, session, with_taps
from detquant.graph.summary import Summary, summarize

let_graphs_travel()

__all__ = [
    "Activation",
    "DecodeTail",
    "OrtRunner",
    "Summary",
    "find_activations",
    "find_decode_tail",
    "joins_at_outputs",
    "operators_at_ends",
    "prepare",
    "session",
    "summarize",
    "with_taps",
]
