"""The table: what each operation of OpenVINO is in ONNX.

A row is a function that writes nodes and gives what the operation gives. An operation without a row is refused by name.
"""

from __future__ import annotations

from detquant.importers.openvino import (
    batches,
    elementwise,
    quantizing,
    reducing,
    resizing,
    selecting,
    shaping,
    windows,
)
from detquant.importers.openvino.elementwise import Row, same
from detquant.importers.openvino.reducing import along, reduce, reduce_logical

__all__ = ["OPERATORS", "WITHOUT_COUNTERPART"]

OPERATORS: dict[str, Row] = {
    # arithmetic
    "Abs": same("Abs"),
    "Add": same("Add"),
    "Ceiling": same("Ceil"),
    "Cos": same("Cos"),
    "Divide": elementwise.divide,
    "Erf": same("Erf"),
    "Exp": same("Exp"),
    "Floor": same("Floor"),
    "FloorMod": elementwise.floor_mod,
    "Log": same("Log"),
    "Maximum": elementwise.maximum,
    "Minimum": elementwise.minimum,
    "Mod": same("Mod", fmod=1),
    "Multiply": elementwise.multiply,
    "Negative": same("Neg"),
    "Power": same("Pow"),
    "Round": elementwise.rounding,
    "Sign": same("Sign"),
    "Sin": same("Sin"),
    "Sqrt": same("Sqrt"),
    "SquaredDifference": elementwise.squared_difference,
    "Subtract": same("Sub"),
    # comparisons and logic
    "Equal": same("Equal"),
    "Greater": same("Greater"),
    "GreaterEqual": same("GreaterOrEqual"),
    "Less": same("Less"),
    "LessEqual": same("LessOrEqual"),
    "LogicalAnd": same("And"),
    "LogicalNot": same("Not"),
    "LogicalOr": same("Or"),
    "LogicalXor": same("Xor"),
    "NotEqual": elementwise.not_equal,
    "Select": same("Where"),
    # activations
    "Clamp": elementwise.clamp,
    "Elu": elementwise.elu,
    "Gelu": elementwise.gelu,
    "HSigmoid": elementwise.hsigmoid,
    "HSwish": same("HardSwish"),
    "HardSigmoid": elementwise.hard_sigmoid,
    "LogSoftmax": along("LogSoftmax", -1),
    "Mish": same("Mish"),
    "PRelu": elementwise.prelu,
    "Relu": same("Relu"),
    "Selu": elementwise.selu,
    "Sigmoid": same("Sigmoid"),
    "SoftPlus": same("Softplus"),
    "SoftSign": same("Softsign"),
    "Softmax": along("Softmax"),
    "Swish": elementwise.swish,
    "Tanh": same("Tanh"),
    # types and grids
    "Convert": elementwise.convert,
    "ConvertLike": elementwise.convert_like,
    "FakeQuantize": quantizing.fake_quantize,
    # windows and statistics
    "AvgPool": windows.avg_pool,
    "BatchNormInference": windows.batch_norm,
    "Convolution": windows.convolution,
    "ConvolutionBackpropData": windows.deconvolution,
    "GroupConvolution": windows.group_convolution,
    "GroupConvolutionBackpropData": windows.group_deconvolution,
    "Interpolate": resizing.interpolate,
    "LRN": windows.local_response,
    "MaxPool": windows.max_pool,
    "NormalizeL2": windows.normalize_l2,
    # products and sums
    "AdaptiveAvgPool": reducing.adaptive_average,
    "CumSum": selecting.cumulative_sum,
    "MatMul": shaping.matmul,
    "ReduceL1": reduce("ReduceL1"),
    "ReduceL2": reduce("ReduceL2"),
    "ReduceLogicalAnd": reduce_logical("ReduceMin"),
    "ReduceLogicalOr": reduce_logical("ReduceMax"),
    "ReduceMax": reduce("ReduceMax"),
    "ReduceMean": reduce("ReduceMean"),
    "ReduceMin": reduce("ReduceMin"),
    "ReduceProd": reduce("ReduceProd"),
    "ReduceSum": reduce("ReduceSum"),
    # shapes
    "BatchToSpace": batches.batch_to_space,
    "Broadcast": shaping.broadcast,
    "Concat": shaping.concat,
    "DepthToSpace": shaping.depth_to_space,
    "Pad": shaping.pad,
    "Range": shaping.ranges,
    "Reshape": shaping.reshape,
    "ShapeOf": shaping.shape_of,
    "Slice": shaping.slices,
    "SpaceToBatch": batches.space_to_batch,
    "SpaceToDepth": shaping.space_to_depth,
    "Split": shaping.split,
    "Squeeze": shaping.squeeze,
    "StridedSlice": shaping.strided_slice,
    "Tile": shaping.tile,
    "Transpose": shaping.transpose,
    "Unsqueeze": shaping.unsqueeze,
    "VariadicSplit": shaping.variadic_split,
    # selection
    "Gather": selecting.gather,
    "GatherElements": selecting.gather_elements,
    "GatherND": selecting.gather_nd,
    "NonMaxSuppression": selecting.non_max_suppression,
    "NonZero": selecting.non_zero,
    "OneHot": selecting.one_hot,
    "ScatterElementsUpdate": selecting.scatter_elements,
    "ScatterNDUpdate": selecting.scatter_nd,
    "TopK": selecting.top_k,
}

_NO_SUPPRESSION = "export the model without suppression (in PaddleDetection: exclude_nms=True), and give that file"
_NO_LOOPS = "export the model without it, or to ONNX, and give that file"
LOOP = f"nothing in a file is run in a loop, which may have no end: {_NO_LOOPS}"
"""Why none of `LOOPS` is translated."""
LOOPS = ("Loop", "TensorIterator")

WITHOUT_COUNTERPART: dict[str, str] = {
    "CTCGreedyDecoder": "it decodes text: give a detector or a classifier",
    "If": f"which of its branches runs depends on the image: {_NO_LOOPS}",
    "Loop": LOOP,
    "MatrixNms": f"ONNX has no suppression that lowers scores: {_NO_SUPPRESSION}",
    "MulticlassNms": f"ONNX has no such suppression of all classes at once: {_NO_SUPPRESSION}",
    "Proposal": "detectors of two stages are not taken: give a detector of one stage, such as an SSD",
    "TensorIterator": LOOP,
}
"""Operations that are known and cannot be had, with the reason and what to do."""
