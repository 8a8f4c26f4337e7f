"""Every row of the table, on small tensors, against OpenVINO's own execution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("openvino", reason="the extra openvino is not installed")
from openvino import opset1, opset2, opset3, opset8, opset9, opset11, opset13, opset14, opset15

from detquant.errors import UnsupportedOperator
from detquant.graph import OrtRunner
from detquant.graph.prepare import remove_unused
from detquant.importers.openvino.operators import OPERATORS
from detquant.importers.openvino.translation import translate

ops = opset13
MAP = (1, 4, 9, 7)


def numbers(*values: float) -> Any:
    return ops.constant(np.array(values, np.float32))


def integers(*values: int) -> Any:
    return ops.constant(np.array(values, np.int64))


def scalar(value: float) -> Any:
    return ops.constant(np.float32(value))


def whole(value: int) -> Any:
    return ops.constant(np.int64(value))


def weights(*shape: int, seed: int = 3) -> Any:
    return ops.constant(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def conv(x: Any, **options: Any) -> Any:
    options = {"strides": [1, 1], "pads_begin": [0, 0], "pads_end": [0, 0], "dilations": [1, 1]} | options
    return ops.convolution(x, weights(6, 4, 3, 3), **options)


def group_conv(x: Any, **options: Any) -> Any:
    options = {"strides": [1, 1], "pads_begin": [1, 1], "pads_end": [1, 1], "dilations": [1, 1]} | options
    return ops.group_convolution(x, weights(2, 3, 2, 3, 3), **options)


def deconv(x: Any, **options: Any) -> Any:
    return ops.convolution_backprop_data(x, weights(4, 3, 3, 3), **({"strides": [2, 2]} | options))


def max_pool(x: Any, **options: Any) -> Any:
    options = {"strides": [2, 2], "dilations": [1, 1], "pads_begin": [0, 0], "pads_end": [0, 0]} | options
    options = {"kernel_shape": [3, 3], "rounding_type": "floor", "auto_pad": "explicit"} | options
    return opset14.max_pool(x, **options).output(0)


def avg_pool(x: Any, **options: Any) -> Any:
    options = {"strides": [2, 2], "pads_begin": [1, 1], "pads_end": [1, 1], "kernel_shape": [3, 3]} | options
    options = {"exclude_pad": True, "rounding_type": "floor", "auto_pad": "explicit"} | options
    return opset1.avg_pool(x, **options)


def resize(x: Any, mode: str, way: str, rounding: str = "round_prefer_floor", by: str = "sizes", **options: Any) -> Any:
    target = {
        "sizes": integers(18, 14),
        "odd": integers(13, 5),
        "down": integers(5, 3),
        "scales": numbers(2, 2),
        "uneven": numbers(1.5, 2.3),
    }[by]
    return opset11.interpolate(
        x,
        target,
        mode,
        "scales" if by in ("scales", "uneven") else "sizes",
        axes=integers(2, 3),
        coordinate_transformation_mode=way,
        nearest_mode=rounding,
        **options,
    )


def to_batch(x: Any, block: int = 2, begin: tuple[int, int] = (0, 0), end: tuple[int, int] = (1, 1)) -> Any:
    return opset2.space_to_batch(x, integers(1, 1, block, block), integers(0, 0, *begin), integers(0, 0, *end))


def from_batch(x: Any, block: int = 2, begin: tuple[int, int] = (0, 0), end: tuple[int, int] = (0, 0)) -> Any:
    return opset2.batch_to_space(x, integers(1, 1, block, block), integers(0, 0, *begin), integers(0, 0, *end))


def batch_norm(x: Any) -> Any:
    gamma, beta, mean, variance = (np.linspace(low, low + 1, 4, dtype=np.float32) for low in (0.5, -1, 0, 0.2))
    return ops.batch_norm_inference(x, *map(ops.constant, (gamma, beta, mean, variance)), epsilon=1e-3)


def strided(x: Any, begin: list[int], end: list[int], strides: list[int], *masks: list[int]) -> Any:
    return ops.strided_slice(x, begin, end, strides, *(list(masks) + [[]] * (5 - len(masks))))


SAME = {
    "abs": lambda x: ops.abs(x),
    "add": lambda x: ops.add(x, weights(4, 1, 1)),
    "ceiling": lambda x: ops.ceiling(x),
    "cos": lambda x: ops.cos(x),
    "divide": lambda x: ops.divide(x, weights(7)),
    "divide whole": lambda x: ops.divide(
        ops.convert(ops.multiply(ops.abs(x), scalar(50)), "i32"), ops.constant(np.int32(7))
    ),
    "erf": lambda x: ops.erf(x),
    "exp": lambda x: ops.exp(x),
    "floor": lambda x: ops.floor(x),
    "floor mod": lambda x: ops.floor_mod(x, scalar(0.7)),
    "floor mod whole": lambda x: ops.floor_mod(
        ops.convert(ops.multiply(x, scalar(50)), "i32"), ops.constant(np.int32(-7))
    ),
    "log": lambda x: ops.log(ops.add(ops.abs(x), scalar(1))),
    "maximum": lambda x: ops.maximum(x, scalar(0.1)),
    "minimum": lambda x: ops.minimum(x, scalar(0.1)),
    "relu by a bound": lambda x: ops.maximum(scalar(0.0), x),
    "relu6 by two bounds": lambda x: ops.minimum(ops.maximum(ops.multiply(x, scalar(9)), scalar(0.0)), scalar(6.0)),
    "two bounds": lambda x: ops.minimum(scalar(0.5), ops.maximum(x, scalar(-0.2))),
    "bounds that cross": lambda x: ops.minimum(ops.maximum(x, scalar(0.5)), scalar(-0.2)),
    "maximum of maps": lambda x: ops.maximum(x, ops.multiply(x, scalar(-0.5))),
    "maximum by channel": lambda x: ops.maximum(x, ops.constant(np.full((1, 4, 1, 1), 0.1, np.float32))),
    "mod": lambda x: ops.mod(x, scalar(0.7)),
    "multiply": lambda x: ops.multiply(x, x),
    "negative": lambda x: ops.negative(x),
    "power": lambda x: ops.power(ops.abs(x), scalar(1.5)),
    "round": lambda x: ops.round(ops.multiply(ops.floor(ops.multiply(x, scalar(9))), scalar(0.5)), "half_to_even"),
    "round away": lambda x: ops.round(
        ops.multiply(ops.floor(ops.multiply(x, scalar(9))), scalar(0.5)), "half_away_from_zero"
    ),
    "sign": lambda x: ops.sign(x),
    "sin": lambda x: ops.sin(x),
    "sqrt": lambda x: ops.sqrt(ops.abs(x)),
    "squared difference": lambda x: ops.squared_difference(x, weights(1, 1, 9, 1)),
    "subtract": lambda x: ops.subtract(x, weights(4, 1, 1)),
    "equal": lambda x: ops.equal(ops.floor(x), scalar(0)),
    "greater": lambda x: ops.greater(x, scalar(0)),
    "greater equal": lambda x: ops.greater_equal(x, scalar(0)),
    "less": lambda x: ops.less(x, scalar(0)),
    "less equal": lambda x: ops.less_equal(x, scalar(0)),
    "and": lambda x: ops.logical_and(ops.less(x, scalar(0.5)), ops.greater(x, scalar(-0.5))),
    "not": lambda x: ops.logical_not(ops.less(x, scalar(0.5))),
    "or": lambda x: ops.logical_or(ops.less(x, scalar(-0.5)), ops.greater(x, scalar(0.5))),
    "xor": lambda x: ops.logical_xor(ops.less(x, scalar(-0.5)), ops.greater(x, scalar(0.5))),
    "not equal": lambda x: ops.not_equal(ops.floor(x), scalar(0)),
    "select": lambda x: ops.select(ops.less(x, scalar(0)), x, scalar(3)),
    "clamp": lambda x: ops.clamp(x, -0.3, 0.6),
    "clamp whole": lambda x: ops.clamp(ops.convert(ops.multiply(x, scalar(50)), "i32"), -3.5, 6.5),
    "elu": lambda x: ops.elu(x, 0.7),
    "gelu": lambda x: ops.gelu(x, "erf"),
    "gelu by tanh": lambda x: ops.gelu(x, "tanh"),
    "hard sigmoid": lambda x: ops.hard_sigmoid(x, scalar(0.3), scalar(0.4)),
    "hsigmoid": lambda x: ops.hsigmoid(ops.multiply(x, scalar(4))),
    "hswish": lambda x: ops.hswish(ops.multiply(x, scalar(4))),
    "log softmax": lambda x: ops.log_softmax(x, -1),
    "mish": lambda x: ops.mish(x),
    "prelu one": lambda x: ops.prelu(x, numbers(0.2)),
    "prelu channels": lambda x: ops.prelu(x, numbers(0.1, 0.2, 0.3, -0.4)),
    "relu": lambda x: ops.relu(x),
    "selu": lambda x: ops.selu(x, scalar(1.6), scalar(1.1)),
    "sigmoid": lambda x: ops.sigmoid(x),
    "softplus": lambda x: ops.softplus(x),
    "softsign": lambda x: opset9.softsign(x),
    "softmax": lambda x: ops.softmax(x, 1),
    "softmax last": lambda x: ops.softmax(x, -1),
    "swish": lambda x: ops.swish(x),
    "swish beta": lambda x: ops.swish(x, scalar(1.7)),
    "tanh": lambda x: ops.tanh(x),
    "convert": lambda x: ops.convert(ops.multiply(x, scalar(9)), "i32"),
    "convert half": lambda x: ops.convert(ops.convert(ops.round(x), "f16"), "f32"),
    "convert like": lambda x: ops.convert_like(ops.multiply(x, scalar(9)), integers(1)),
    "conv": lambda x: conv(x),
    "conv strides": lambda x: conv(x, strides=[2, 3], pads_begin=[1, 0], pads_end=[2, 1]),
    "conv dilations": lambda x: conv(x, dilations=[2, 3]),
    "conv same upper": lambda x: conv(x, strides=[2, 2], auto_pad="same_upper"),
    "conv same lower": lambda x: conv(x, strides=[2, 2], auto_pad="same_lower"),
    "conv same, dilated": lambda x: conv(x, dilations=[2, 2], auto_pad="same_upper"),
    "conv valid": lambda x: conv(x, pads_begin=[1, 1], auto_pad="valid"),
    "group conv": lambda x: group_conv(x),
    "group conv same lower": lambda x: group_conv(x, strides=[2, 2], auto_pad="same_lower"),
    "deconv": lambda x: deconv(x),
    "deconv pads": lambda x: deconv(x, pads_begin=[1, 0], pads_end=[0, 1], output_padding=[1, 0], dilations=[1, 2]),
    "deconv shape": lambda x: deconv(x, output_shape=integers(18, 14), auto_pad="same_upper"),
    "deconv shape lower": lambda x: deconv(x, output_shape=integers(18, 14), auto_pad="same_lower"),
    "group deconv": lambda x: ops.group_convolution_backprop_data(
        x, weights(2, 2, 3, 3, 3), strides=[2, 2], pads_begin=[1, 1], pads_end=[1, 1]
    ),
    "max pool": lambda x: max_pool(x),
    "max pool dilated": lambda x: max_pool(x, dilations=[2, 1], strides=[1, 1]),
    "max pool pads": lambda x: max_pool(x, pads_begin=[1, 0], pads_end=[0, 1]),
    "max pool ceil": lambda x: max_pool(x, rounding_type="ceil", kernel_shape=[2, 2], strides=[2, 2]),
    "max pool ceil torch": lambda x: max_pool(x, rounding_type="ceil_torch", kernel_shape=[2, 2], strides=[2, 2]),
    "max pool same upper": lambda x: max_pool(x, auto_pad="same_upper", kernel_shape=[2, 2]),
    "max pool same lower": lambda x: max_pool(x, auto_pad="same_lower", kernel_shape=[2, 2]),
    "max pool valid": lambda x: max_pool(x, auto_pad="valid"),
    "max pool 8": lambda x: opset8.max_pool(x, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3]).output(0),
    "avg pool": lambda x: avg_pool(x),
    "avg pool over padding": lambda x: avg_pool(x, exclude_pad=False),
    "avg pool ceil": lambda x: avg_pool(x, rounding_type="ceil", kernel_shape=[2, 2], pads_begin=[0, 0]),
    "avg pool same": lambda x: avg_pool(x, auto_pad="same_upper"),
    "batch norm": batch_norm,
    "normalize l2": lambda x: ops.normalize_l2(x, integers(1), 1e-3, "add"),
    "normalize l2 max": lambda x: ops.normalize_l2(ops.multiply(x, scalar(0.01)), integers(1, 2), 1e-2, "max"),
    "lrn": lambda x: opset1.lrn(x, integers(1), 0.5, 0.75, 1.0, 3),  # OpenVINO's kernel takes any bias for 1
    "lrn over the map": lambda x: opset1.lrn(x, integers(2, 3), 0.5, 0.75, 1.0, 5),
    "adaptive avg pool": lambda x: ops.adaptive_avg_pool(x, integers(1, 1)),
    "cum sum": lambda x: ops.cum_sum(x, whole(1), exclusive=True, reverse=True),
    "matmul": lambda x: ops.matmul(x, weights(7, 5), False, False),
    "matmul turned": lambda x: ops.matmul(x, weights(9, 5), True, False),
    "matmul both": lambda x: ops.matmul(x, weights(4, 5, 9), True, True),
    "matmul computed": lambda x: ops.matmul(x, ops.exp(x), False, True),
    "reduce l1": lambda x: ops.reduce_l1(x, integers(2, 3), False),
    "reduce l2": lambda x: ops.reduce_l2(x, integers(1), True),
    "reduce max": lambda x: ops.reduce_max(x, integers(-1), False),
    "reduce mean": lambda x: ops.reduce_mean(x, integers(2, 3), True),
    "reduce min": lambda x: ops.reduce_min(x, integers(1, 3), False),
    "reduce prod": lambda x: ops.reduce_prod(x, integers(3), False),
    "reduce sum": lambda x: ops.reduce_sum(x, integers(1), True),
    "reduce nothing": lambda x: ops.relu(ops.reduce_sum(x, ops.constant(np.zeros(0, np.int64)), True)),
    "reduce and": lambda x: ops.reduce_logical_and(ops.less(x, scalar(0.5)), integers(3), False),
    "reduce or": lambda x: ops.reduce_logical_or(ops.less(x, scalar(-1)), integers(2, 3), True),
    "space to batch": lambda x: to_batch(x, 3, (1, 0), (2, 2)),
    "batch to space": lambda x: from_batch(ops.exp(to_batch(x)), 2, (1, 0), (0, 1)),
    "dilated by batches": lambda x: from_batch(conv(to_batch(x, 2, (2, 2), (3, 3))), 2, (0, 0), (1, 1)),
    "broadcast": lambda x: ops.broadcast(x, integers(3, 4, 9, 7)),
    "broadcast both ways": lambda x: opset3.broadcast(x, integers(5, 1, 1, 9, 1), broadcast_spec="BIDIRECTIONAL"),
    "broadcast explicit": lambda x: ops.broadcast(
        ops.reduce_sum(x, integers(0, 2, 3), False), integers(2, 4, 3), integers(1), "EXPLICIT"
    ),
    "concat": lambda x: ops.concat([x, ops.exp(x), weights(1, 2, 9, 7)], 1),
    "depth to space": lambda x: ops.depth_to_space(x, "blocks_first", 2),
    "depth to space, depth first": lambda x: ops.depth_to_space(x, "depth_first", 2),
    "space to depth": lambda x: ops.space_to_depth(max_pool(x, kernel_shape=[2, 4]), "blocks_first", 2),
    "pad": lambda x: ops.pad(x, integers(0, 0, 1, 2), integers(0, 0, 3, 0), "constant", scalar(0.3)),
    "pad edge": lambda x: ops.pad(x, integers(0, 0, 1, 2), integers(0, 0, 3, 0), "edge"),
    "pad reflect": lambda x: ops.pad(x, integers(0, 0, 1, 2), integers(0, 0, 3, 0), "reflect"),
    "pad symmetric": lambda x: ops.pad(x, integers(0, 1, 9, 2), integers(0, 4, 3, 0), "symmetric"),
    "range": lambda x: ops.range(
        ops.convert(ops.reduce_max(ops.round(x), integers(0, 1, 2, 3), False), "i32"), 20, 3, "i32"
    ),
    "reshape": lambda x: ops.reshape(x, integers(0, -1, 7), True),
    "reshape, no special zero": lambda x: ops.reshape(x, integers(1, -1), False),
    "shape of": lambda x: ops.shape_of(ops.non_zero(ops.relu(x)), "i32"),
    "slice": lambda x: opset8.slice(x, integers(1, 0), integers(4, 6), integers(1, 2), integers(1, 3)),
    "slice backwards": lambda x: opset8.slice(x, integers(-1), integers(-100), integers(-1), integers(1)),
    "slice without axes": lambda x: opset8.slice(x, integers(0, 1), integers(1, 3), integers(1, 1)),
    "split": lambda x: ops.concat(list(reversed(ops.split(x, whole(1), 2).outputs())), 1),
    "squeeze": lambda x: ops.squeeze(x, integers(0)),
    "squeeze all": lambda x: opset15.squeeze(x),
    "strided slice": lambda x: strided(x, [0, 1, 0, 0], [1, 3, 9, 7], [1, 1, 2, 3], [1, 0, 1, 0], [1, 0, 1, 0]),
    "strided slice backwards": lambda x: strided(x, [0, 0, 0, -1], [0, 0, 0, 0], [1, 1, 1, -1], [1, 1, 1, 0], [1] * 4),
    "strided slice shrink": lambda x: strided(x, [0, -1, 0], [1, 0, 4], [1, 1, 2], [0] * 3, [0] * 3, [], [1, 1, 0]),
    "strided slice ellipsis": lambda x: strided(
        x, [0, 0, 2], [0, 0, 5], [1, 1, 1], [0] * 3, [0] * 3, [1, 0, 0], [], [0, 1, 0]
    ),
    "strided slice ellipsis, shrink": lambda x: strided(
        x, [0, 0, 2], [1, 0, 3], [1, 1, 1], [0] * 3, [0] * 3, [], [1, 0, 1], [0, 1, 0]
    ),
    "strided slice new axis": lambda x: strided(
        x, [0, 0, 1], [0, 0, 3], [1, 1, 1], [0, 1, 0], [0, 1, 0], [1, 0, 0]
    ),
    "tile": lambda x: ops.tile(x, integers(1, 2, 1, 3)),
    "tile of more axes": lambda x: ops.tile(x, integers(2, 1, 2, 1, 3)),
    "transpose": lambda x: ops.transpose(x, integers(0, 2, 3, 1)),
    "unsqueeze": lambda x: ops.unsqueeze(x, integers(1, -1)),
    "variadic split": lambda x: ops.concat(
        list(reversed(ops.variadic_split(x, whole(2), integers(2, -1, 3)).outputs())), 2
    ),
    "gather": lambda x: ops.gather(x, ops.constant(np.array([[2, 0], [1, 1]], np.int32)), whole(2)),
    "gather batches": lambda x: ops.gather(
        ops.squeeze(x, integers(0)), ops.constant(np.arange(8, dtype=np.int32).reshape(4, 2)), whole(1), 1
    ),
    "gather elements": lambda x: ops.gather_elements(x, ops.constant(np.full(MAP, 3, np.int32)), 1),
    "gather nd": lambda x: opset8.gather_nd(x, ops.constant(np.array([[0, 2, 5], [0, 1, 1]], np.int32))),
    "one hot": lambda x: ops.one_hot(
        ops.convert(ops.abs(x), "i64"), whole(3), scalar(2), scalar(-1), 1
    ),
    "non zero": lambda x: ops.non_zero(ops.relu(x), "i32"),
    "scatter nd": lambda x: ops.scatter_nd_update(
        x, ops.constant(np.array([[0, 2], [0, 1]], np.int32)), weights(2, 9, 7)
    ),
    "scatter elements": lambda x: ops.scatter_elements_update(
        x, ops.constant(np.ones((1, 1, 9, 7), np.int32)), weights(1, 1, 9, 7), whole(1)
    ),
    "top k": lambda x: opset11.topk(x, whole(3), 2, "max", "value", index_element_type="i32").output(0),
    "top k places": lambda x: opset11.topk(x, whole(3), 2, "min", "value", index_element_type="i32").output(1),
}  # fmt: skip

WAYS = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners")
for way in WAYS:
    for mode in ("nearest", "linear", "linear_onnx", "cubic"):
        for by in ("sizes", "odd", "down", "scales", "uneven"):
            roundings = (
                ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil") if mode == "nearest" else ("floor",)
            )
            for rounding in roundings:
                SAME[f"resize {mode} {way} {by} {rounding}"] = lambda x, mode=mode, way=way, by=by, rounding=rounding: (
                    resize(x, mode, way, rounding, by)
                )
for by in ("sizes", "odd", "down", "scales"):
    SAME[f"resize tf {by}"] = lambda x, by=by: resize(x, "nearest", "tf_half_pixel_for_nn", "floor", by)
for by in ("sizes", "down", "scales"):
    SAME[f"resize simple {by}"] = lambda x, by=by: resize(x, "nearest", "asymmetric", "simple", by)


@pytest.mark.parametrize("name", SAME)
def test_the_row_computes_what_openvino_computes(name, compare) -> None:
    x = ops.parameter(MAP, np.float32)
    image = np.random.default_rng(0).standard_normal(MAP).astype(np.float32)
    compare([SAME[name](x)], [x], [image])


def boxes_and_scores(classes: int = 3, count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    corner, size = rng.random((1, count, 2)), 0.1 + 0.3 * rng.random((1, count, 2))
    boxes = np.concatenate([corner, corner + size], axis=2).astype(np.float32)
    return boxes, rng.random((1, classes, count)).astype(np.float32)


@pytest.mark.parametrize("order", [False, True])
@pytest.mark.parametrize("encoding", ["corner", "center"])
@pytest.mark.parametrize("integer", ["i32", "i64"])
def test_non_max_suppression(order: bool, encoding: str, integer: str, compare) -> None:
    arrays = boxes_and_scores()
    parameters = [ops.parameter(array.shape, np.float32) for array in arrays]
    options = {"box_encoding": encoding, "sort_result_descending": order, "output_type": integer}
    made = ops.non_max_suppression(*parameters, whole(7), scalar(0.3), scalar(0.2), **options)
    compare(made.outputs(), parameters, arrays)


def test_non_max_suppression_of_no_boxes(compare) -> None:
    arrays = boxes_and_scores()
    parameters = [ops.parameter(array.shape, np.float32) for array in arrays]
    made = ops.non_max_suppression(*parameters, whole(7), scalar(0.3), scalar(2))
    compare(made.outputs(), parameters, arrays)


@pytest.mark.parametrize("by", ["sizes", "scales"])
def test_interpolate_of_the_older_form(by: str, compare) -> None:
    from openvino.utils.node_factory import NodeFactory

    x = ops.parameter(MAP, np.float32)
    how = {"mode": "nearest", "shape_calculation_mode": by, "nearest_mode": "floor"}
    how |= {"coordinate_transformation_mode": "asymmetric", "antialias": False, "cube_coeff": -0.75}
    how |= {"pads_begin": [0] * 4, "pads_end": [0] * 4}
    inputs = [node.output(0) for node in (x, integers(18, 14), numbers(2, 2), integers(2, 3))]
    made = NodeFactory("opset4").create("Interpolate", inputs, how)
    compare([made], [x], [np.random.default_rng(0).random(MAP, np.float32)])


REFUSED = {
    "antialias": lambda x: resize(x, "linear", "half_pixel", by="down", antialias=True),
    "soft nms": lambda x: ops.non_max_suppression(
        ops.reshape(x, integers(1, 63, 4), False),
        ops.reshape(ops.reduce_sum(x, integers(1), True), integers(1, 1, 63), False),
        whole(3),
        scalar(0.5),
        scalar(0.1),
        scalar(0.5),
    ).output(0),
    "no row": lambda x: ops.cosh(x),
    "positions of maxima": lambda x: opset14.max_pool(
        x, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3], "floor", "explicit"
    ).output(1),
    "symmetric pad that cuts": lambda x: ops.pad(x, integers(0, 0, 1, 2), integers(0, 0, -1, 0), "symmetric"),
    "lrn of an even window": lambda x: opset1.lrn(x, integers(1), 1e-2, 0.75, 1.5, 4),
    "lrn over the batch": lambda x: opset1.lrn(x, integers(0), 1e-2, 0.75, 1.5, 3),
    "adaptive pool": lambda x: ops.adaptive_avg_pool(x, integers(2, 2)),
    "axes that depend on the image": lambda x: ops.reduce_sum(
        x, ops.convert(ops.floor(ops.reduce_max(x, integers(0, 1, 2, 3), False)), "i64"), True
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_counterpart_is_refused_by_name(name: str) -> None:
    from openvino import Model

    x = ops.parameter(MAP, np.float32)
    with pytest.raises(UnsupportedOperator, match=r"^'net.xml' has .*, or export|^'net.xml' has .* Export the model"):
        translate(Model([REFUSED[name](x)], [x], "net"), Path("net.xml"))


def test_every_row_is_compared_here_or_in_test_quantizing() -> None:
    from openvino import Model

    covered = {"NonMaxSuppression", "FakeQuantize"}
    for make in SAME.values():
        x = ops.parameter(MAP, np.float32)
        covered |= {node.get_type_name() for node in Model([make(x)], [x], "net").get_ops()}
    assert set(OPERATORS) <= covered


@pytest.mark.parametrize("axes", [(1,), (2, 3)])
def test_lrn_adds_its_bias(axes: tuple[int, ...]) -> None:
    """Its specification, for OpenVINO's kernel leaves the bias out."""
    from openvino import Model

    x = ops.parameter(MAP, np.float32)
    image = np.random.default_rng(0).standard_normal(MAP).astype(np.float32)
    model = translate(Model([opset1.lrn(x, integers(*axes), 0.5, 0.75, 1.5, 3)], [x], "net"), Path("net.xml"))
    [found] = OrtRunner(model).run({model.graph.inputs[0].name or "": image}).values()
    padded = np.pad(image.astype(np.float64) ** 2, [(1, 1) if axis in axes else (0, 0) for axis in range(4)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3,) * len(axes), axes)
    total = windows.sum(axis=tuple(range(4, 4 + len(axes))))
    np.testing.assert_allclose(found, image / (1.5 + 0.5 / 3 ** len(axes) * total) ** 0.75, rtol=1e-5)


def branch(function: Any) -> tuple[Any, Any]:
    from openvino import Model

    given = ops.parameter(MAP, np.float32)
    return given, Model([function(given), ops.relu(given)], [given], "branch")


def either(condition: Any, x: Any, then: Any, otherwise: Any) -> list[Any]:
    """An If of two results."""
    node = opset8.if_op(condition.output(0))
    (then_x, first), (else_x, second) = branch(then), branch(otherwise)
    node.set_then_body(first)
    node.set_else_body(second)
    node.set_input(x.output(0), then_x, else_x)
    return [node.set_output(*pair) for pair in zip(first.get_results(), second.get_results(), strict=True)]


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("outer", [False, True])
def test_branches_on_constants_are_gone(outer: bool, inner: bool, compare) -> None:
    def nested(x: Any) -> Any:
        sides = ops.reduce_prod(ops.shape_of(x, "i64"), integers(0), False)
        one, two = either(ops.equal(sides, whole(252 if inner else 7)), x, ops.exp, ops.negative)
        return ops.add(one, two)

    x = ops.parameter(MAP, np.float32)
    image = np.random.default_rng(0).standard_normal(MAP).astype(np.float32)
    found = compare(either(ops.constant(np.array(outer)), x, nested, ops.abs), [x], [image])
    kinds = {node.op_type for node in remove_unused(found).graph}
    assert kinds == ({"Exp" if inner else "Neg", "Add", "Relu"} if outer else {"Abs", "Relu"})


def suppression(name: str) -> Any:
    from openvino import opset9

    boxes, scores = ops.parameter([1, 40, 4], np.float32), ops.parameter([1, 3, 40], np.float32)
    made = getattr(opset9, name)(boxes, scores)
    return [made.output(0)], [boxes, scores]


def branching() -> Any:
    x = ops.parameter(MAP, np.float32)
    condition = ops.greater(ops.reduce_max(x, integers(0, 1, 2, 3), False), scalar(0))
    return either(condition, x, ops.exp, ops.negative), [x]


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (lambda: suppression("matrix_nms"), r"MatrixNms \('.*'\), and ONNX has no suppression .*exclude_nms=True"),
        (lambda: suppression("multiclass_nms"), r"MulticlassNms \('.*'\), and ONNX has no such .*exclude_nms=True"),
        (branching, r"If \('.*'\), and which of its branches runs depends on the image: export"),
    ],
)
def test_operations_that_are_known_and_cannot_be_had(made: Any, what: str) -> None:
    from openvino import Model

    from detquant.importers.openvino.folding import fold

    model = Model(*made(), "net")
    fold(model)
    with pytest.raises(UnsupportedOperator, match=f"^'net.xml' has the operation {what}"):
        translate(model, Path("net.xml"))


def test_a_convolution_between_batches_is_one_that_is_dilated(compare) -> None:
    x = ops.parameter(MAP, np.float32)
    image = np.random.default_rng(0).standard_normal(MAP).astype(np.float32)
    model = remove_unused(compare([SAME["dilated by batches"](x)], [x], [image]))
    [node] = list(model.graph)
    assert node.op_type == "Conv"
    assert list(node.attributes.get_ints("dilations") or ()) == [2, 2]
    assert list(node.attributes.get_ints("pads") or ()) == [2, 2, 2, 2]


def test_bounds_of_one_number_are_the_activations_that_they_are(compare):
    x = ops.parameter([1, 4, 6, 5], np.float32)
    relu6 = ops.minimum(ops.maximum(x, scalar(0.0)), scalar(6.0))
    image = np.random.default_rng(0).standard_normal((1, 4, 6, 5)).astype(np.float32) * 5
    translated = compare([ops.maximum(relu6, scalar(0.5))], [x], [image])
    remove_unused(translated)
    assert [node.op_type for node in translated.graph] == ["Clip", "Clip"]
