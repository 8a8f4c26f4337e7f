"""What each ONNX operator becomes: a literal table, one function a row.

A function gets a `Site` and adds layers to the file through it. An operator without a row is refused.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from detquant.graph import Activation
from detquant.targets.lowered_node import function_of
from detquant.targets.ncnn.site import Site

Write = Callable[[Site], None]

ROOM = "detquant.targets.ncnn.operators"
OPERATORS = {
    "Abs": "elementwise:unary",
    "Add": "elementwise:binary",
    "AveragePool": "pooling:pool",
    "BatchNormalization": "elementwise:batch_normalization",
    "Cast": "moving:cast",
    "Ceil": "elementwise:unary",
    "Clip": "activations:clip",
    "Concat": "joining:concat",
    "Conv": "convolution:conv",
    "ConvTranspose": "convolution:conv_transpose",
    "Cos": "elementwise:unary",
    "Div": "elementwise:binary",
    "Dropout": "moving:identity",
    "Elu": "activations:elu",
    "Erf": "activations:plain",
    "Exp": "elementwise:unary",
    "Flatten": "moving:reshape",
    "Floor": "elementwise:unary",
    "Gather": "cutting:gather",
    "Gemm": "matrix:gemm",
    "GlobalAveragePool": "reduction:global_pool",
    "GlobalMaxPool": "reduction:global_pool",
    "HardSigmoid": "activations:hard_sigmoid",
    "HardSwish": "activations:hard_swish",
    "Identity": "moving:identity",
    "LeakyRelu": "activations:leaky_relu",
    "Log": "elementwise:unary",
    "MatMul": "matrix:matmul",
    "Max": "elementwise:binary",
    "MaxPool": "pooling:pool",
    "Min": "elementwise:binary",
    "Mish": "activations:plain",
    "Mul": "elementwise:binary",
    "Neg": "elementwise:unary",
    "PRelu": "activations:prelu",
    "Pad": "moving:pad",
    "Pow": "elementwise:power",
    "Reciprocal": "elementwise:unary",
    "ReduceMax": "reduction:reduce",
    "ReduceMean": "reduction:reduce",
    "ReduceMin": "reduction:reduce",
    "ReduceSum": "reduction:reduce",
    "Relu": "activations:relu",
    "Reshape": "moving:reshape",
    "Resize": "resizing:resize",
    "Round": "elementwise:unary",
    "Sigmoid": "activations:plain",
    "Sin": "elementwise:unary",
    "Slice": "cutting:slice_",
    "Softmax": "activations:softmax",
    "Softplus": "activations:plain",
    "Split": "cutting:split",
    "Sqrt": "elementwise:unary",
    "Squeeze": "moving:reshape",
    "Sub": "elementwise:binary",
    "Tanh": "activations:plain",
    "Transpose": "moving:transpose",
    "Unsqueeze": "moving:reshape",
}


def operator(node: ir.Node) -> Write:
    """The function that lowers a node.

    Raises:
        UnsupportedOperator: there is none.
    """
    function: Write = function_of(node, OPERATORS, ROOM, "ncnn's layers")
    return function


def composite(site: Site, activation: Activation) -> None:
    """Lowers an activation that the graph writes as several operators."""
    from detquant.targets.ncnn.operators.activations import COMPOSITES

    kind, parameters = COMPOSITES[activation.kind]
    site.add(kind, [site.values.read(activation.input)], [site.result()], parameters)
