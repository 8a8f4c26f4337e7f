"""The operators that a program may name: a closed list of functions of tensors, which neither read nor write files.

`torch.ops.aten` also holds operators that map files into memory, save, format and print, and a name such as
`torch.os.system` leads anywhere. So a name is looked up here first, and never walked.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

_ARITHMETIC = """
    abs acos add addcdiv addcmul addmm argmax argmin asin atan atan2 baddbmm bitwise_and bitwise_not bitwise_or
    bmm ceil clamp clamp_max clamp_min cos cosh cumsum div einsum eq erf exp exp2 expm1 floor floor_divide fmod ge gt
    le lerp linear log log10 log1p log2 logical_and logical_not logical_or logical_xor lt matmul max maximum mean min
    minimum mm mul multiply ne neg norm linalg_vector_norm outer pow prod reciprocal remainder round rsqrt rsub sign
    sin sinh sort sqrt square std sub subtract sum tan tanh topk true_divide trunc any all amax amin var var_mean
    where isnan isinf masked_fill logsumexp logical_and dot mv hypot
"""
_LAYERS = """
    _native_batch_norm_legit_no_training native_batch_norm batch_norm conv1d conv2d conv3d convolution conv_transpose1d
    conv_transpose2d dropout native_dropout feature_dropout alpha_dropout avg_pool1d avg_pool2d avg_pool3d
    max_pool1d max_pool2d max_pool2d_with_indices max_pool3d
    adaptive_avg_pool1d adaptive_avg_pool2d _adaptive_avg_pool2d adaptive_max_pool2d layer_norm native_layer_norm
    group_norm native_group_norm instance_norm rms_norm embedding scaled_dot_product_attention
    local_response_norm pixel_shuffle pixel_unshuffle channel_shuffle upsample_nearest1d upsample_nearest2d
    _upsample_nearest_exact2d upsample_bilinear2d upsample_bicubic2d grid_sampler grid_sampler_2d im2col col2im
"""
_ACTIVATIONS = """
    celu elu gelu glu hardsigmoid hardswish hardtanh leaky_relu log_sigmoid log_softmax _log_softmax mish prelu
    _prelu_kernel relu relu6 selu sigmoid silu softmax _softmax _safe_softmax softplus softsign tanhshrink threshold
"""
_SHAPES = """
    alias arange as_strided broadcast_to broadcast_tensors cat chunk clone concat constant_pad_nd contiguous copy detach
    diagonal expand expand_as fill flatten flip full full_like gather hstack vstack index index_put index_select
    lift_fresh lift_fresh_copy linspace meshgrid movedim moveaxis narrow new_full new_ones new_zeros ones ones_like pad
    permute ravel reflection_pad1d reflection_pad2d repeat repeat_interleave replication_pad1d replication_pad2d
    reshape reshape_as resolve_conj resolve_neg roll scalar_tensor scatter scatter_add select select_scatter slice
    slice_scatter split split_with_sizes squeeze stack swapaxes swapdims t take_along_dim tensor_split tile to _to_copy
    transpose tril triu type_as unbind unflatten unfold unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze
    _unsafe_view view view_as zero zeros zeros_like _shape_as_tensor unsafe_index _unsafe_index
"""
_QUANTISATION = "fake_quantize_per_tensor_affine fake_quantize_per_channel_affine"

NAMES: Mapping[str, frozenset[str]] = {
    "aten": frozenset(" ".join([_ARITHMETIC, _LAYERS, _ACTIVATIONS, _SHAPES, _QUANTISATION]).split()),
    "quantized_decomposed": frozenset(
        ["quantize_per_tensor", "dequantize_per_tensor", "quantize_per_channel", "dequantize_per_channel"]
    ),
}
"""Names of operators by namespace; each may also have a form that changes its first tensor, whose name ends in "_"."""

IGNORED = frozenset(
    f"torch.ops.aten.{name}"
    for name in (
        *("_assert_tensor_metadata.default", "_assert_scalar.default", "_assert_async.msg", "_assert_async.default"),
        *("sym_constrain_range.default", "sym_constrain_range_for_size.default"),
    )
)
"""Operators that only make sure of something, which is left out: sizes are fixed here."""

SIZES = frozenset(f"torch.ops.aten.sym_{name}" for name in ("size.int", "numel.default", "stride.int"))
"""Operators that give a whole number of a tensor's shape."""

OF_NUMBERS: Mapping[str, Callable[..., Any]] = {
    **{
        f"_operator.{name}": getattr(operator, name)
        for name in ("add", "sub", "mul", "floordiv", "mod", "truediv", "neg", "eq", "ne", "lt", "le", "gt", "ge")
    },
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_float": float,
    "torch.sym_int": int,
}
"""Operators that compute sizes from sizes; powers and shifts are left out, for they can make numbers without end."""

MAY_TRAIN: Mapping[str, str] = {
    **dict.fromkeys(("batch_norm", "native_batch_norm"), "training"),
    **dict.fromkeys(("dropout", "native_dropout", "feature_dropout", "alpha_dropout"), "train"),
}
"""Layers that do another thing in training, by the argument that says so."""


def known(target: str) -> tuple[str, str, str] | None:
    """Splits the name of an operator that a program may use into namespace, name and overload; None for all others."""
    parts = target.split(".")
    if len(parts) != 5 or parts[:2] != ["torch", "ops"]:
        return None
    namespace, name, overload = parts[2:]
    listed = name in NAMES.get(namespace, ()) or (namespace == "aten" and name.removesuffix("_") in NAMES[namespace])
    return (namespace, name, overload) if listed and overload.replace("_", "").isalnum() else None
