"""What each ONNX operator becomes: a literal table, one function a row.

A function gets a `Site` and adds operators to the file through it. An operator without a row is refused.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from detquant.targets.lowered_node import function_of
from detquant.targets.tflite.site import Site

Write = Callable[[Site], None]

ROOM = "detquant.targets.tflite.operators"
OPERATORS = {
    "Abs": "elementwise:unary",
    "Add": "elementwise:binary",
    "AveragePool": "pooling:average_pool",
    "BatchNormalization": "elementwise:batch_normalization",
    "Cast": "moving:cast",
    "Ceil": "elementwise:unary",
    "Clip": "activations:clip",
    "Concat": "moving:concat",
    "Conv": "convolution:conv",
    "ConvTranspose": "convolution:conv_transpose",
    "Cos": "elementwise:unary",
    "Div": "elementwise:binary",
    "Dropout": "moving:identity",
    "Elu": "activations:elu",
    "Exp": "elementwise:unary",
    "Flatten": "moving:reshape",
    "Floor": "elementwise:unary",
    "Gather": "moving:gather",
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
    "MaxPool": "pooling:max_pool",
    "Min": "elementwise:binary",
    "Mish": "activations:mish",
    "Mul": "elementwise:binary",
    "Neg": "elementwise:unary",
    "PRelu": "activations:prelu",
    "Pad": "moving:pad",
    "Pow": "elementwise:binary",
    "Reciprocal": "elementwise:reciprocal",
    "ReduceMax": "reduction:reduce",
    "ReduceMean": "reduction:reduce",
    "ReduceMin": "reduction:reduce",
    "ReduceSum": "reduction:reduce",
    "Relu": "activations:relu",
    "Reshape": "moving:reshape",
    "Resize": "resizing:resize",
    "Round": "elementwise:unary",
    "Sigmoid": "elementwise:unary",
    "Sin": "elementwise:unary",
    "Slice": "moving:slice_",
    "Softmax": "activations:softmax",
    "Softplus": "activations:softplus",
    "Split": "moving:split",
    "Sqrt": "elementwise:unary",
    "Squeeze": "moving:reshape",
    "Sub": "elementwise:binary",
    "Tanh": "elementwise:unary",
    "Transpose": "moving:transpose",
    "Unsqueeze": "moving:reshape",
}


def operator(node: ir.Node) -> Write:
    """The function that lowers a node.

    Raises:
        UnsupportedOperator: there is none.
    """
    function: Write = function_of(node, OPERATORS, ROOM, "LiteRT's builtin operators")
    return function
