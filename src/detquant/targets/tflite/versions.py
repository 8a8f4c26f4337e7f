"""Which version of an operator a file asks for, and which runtime has it.

From TensorFlow's ``lite/tools/versioning/op_version.cc`` and ``runtime_version.cc``. A version says what a kernel
must know, so that an older runtime refuses the file instead of computing something else.
"""

from __future__ import annotations

Version = tuple[int, str]

FLOAT: dict[str, Version] = {
    "ABS": (1, "1.13.0"),
    "BATCH_MATMUL": (1, "2.3.0"),
    "CEIL": (1, "1.14.0"),
    "COS": (1, "1.14.0"),
    "DEQUANTIZE": (2, "1.14.0"),
    "ELU": (1, "1.14.0"),
    "HARD_SWISH": (1, "1.15.0"),
    "LEAKY_RELU": (1, "1.13.1"),
    "LOG": (1, "1.14.0"),
    "LOGISTIC": (1, "1.14.0"),
    "LOG_SOFTMAX": (1, "1.14.0"),
    "MAXIMUM": (1, "1.14.0"),
    "MINIMUM": (1, "1.14.0"),
    "QUANTIZE": (1, "1.14.0"),
    "RESIZE_NEAREST_NEIGHBOR": (1, "1.13.1"),
    "ROUND": (1, "1.14.0"),
    "SLICE": (1, "1.14.0"),
    "SPLIT": (1, "1.5.0"),
    "TANH": (1, "1.14.0"),
    "TRANSPOSE_CONV": (3, "2.3.0"),
}
"""Versions of float operators; what is not listed is (1, "1.12.0"), which is older than any runtime still in use."""

INT8: dict[str, Version] = {
    "CONV_2D": (3, "1.14.0"),
    "DEPTHWISE_CONV_2D": (3, "1.14.0"),
    "FULLY_CONNECTED": (4, "1.14.0"),
    "LEAKY_RELU": (1, "2.3.0"),
    "PRELU": (1, "1.14.0"),
    "RELU": (2, "2.1.0"),
    "RELU_N1_TO_1": (1, "1.14.0"),
    "RESHAPE": (1, "1.5.0"),
    "TRANSPOSE_CONV": (3, "2.3.0"),
}
"""Versions of operators on int8; what is not listed is (2, "1.14.0")."""

INT16: dict[str, Version] = {
    "ADD": (3, "2.4.0"),
    "AVERAGE_POOL_2D": (3, "2.3.0"),
    "CONCATENATION": (3, "2.3.0"),
    "CONV_2D": (4, "2.3.0"),
    "DEPTHWISE_CONV_2D": (5, "2.3.0"),
    "DEQUANTIZE": (3, "1.15.0"),
    "FULLY_CONNECTED": (7, "2.3.0"),
    "LEAKY_RELU": (2, "2.3.0"),
    "LOGISTIC": (3, "2.3.0"),
    "MAXIMUM": (4, "2.3.0"),
    "MAX_POOL_2D": (3, "2.3.0"),
    "MEAN": (3, "2.4.0"),
    "MINIMUM": (4, "2.3.0"),
    "MUL": (4, "2.3.0"),
    "PAD": (3, "2.4.0"),
    "PADV2": (3, "2.4.0"),
    "QUANTIZE": (2, "1.15.0"),
    "RELU": (3, "2.5.0"),
    "RELU6": (3, "2.5.0"),
    "RESIZE_BILINEAR": (4, "2.5.0"),
    "RESIZE_NEAREST_NEIGHBOR": (4, "2.4.0"),
    "SLICE": (4, "2.4.0"),
    "SPLIT": (4, "2.3.0"),
    "SUB": (5, "2.4.0"),
    "TANH": (3, "2.3.0"),
    "TRANSPOSE": (5, "2.4.0"),
    "TRANSPOSE_CONV": (3, "2.3.0"),
}
"""Versions of operators on int16; what is not listed is (1, "1.14.0")."""

SPECIAL: dict[tuple[str, str], Version] = {
    ("CONV_2D", "dynamic"): (5, "2.4.0"),
    ("DEPTHWISE_CONV_2D", "dynamic"): (6, "2.3.0"),
    ("FULLY_CONNECTED", "dynamic"): (12, "2.17.0"),
    ("CONV_2D", "grouped"): (6, "2.9.0"),
    ("DEPTHWISE_CONV_2D", "dilated"): (2, "1.12.0"),
    ("DEQUANTIZE", "float16"): (3, "1.15.0"),
    ("FULLY_CONNECTED", "keep dims"): (5, "2.0.0"),
    ("MUL", "scale up"): (3, "1.15.0"),
    ("PAD", "deep"): (4, "2.6.0"),
    ("PADV2", "deep"): (4, "2.6.0"),
    ("RESIZE_BILINEAR", "half pixel"): (3, "2.2.0"),
    ("RESIZE_NEAREST_NEIGHBOR", "half pixel"): (3, "2.3.0"),
    ("SLICE", "deep"): (5, "2.5.0"),
    ("STRIDED_SLICE", "deep"): (4, "2.2.0"),
    ("TRANSPOSE", "deep"): (4, "2.3.0"),
    ("TRANSPOSE", "deeper"): (6, "2.13.0"),
}
"""Versions of operators that do something which their first versions could not, in float and in int8."""


TABLES: dict[str | None, tuple[dict[str, Version], Version]] = {
    None: (FLOAT, (1, "1.12.0")),
    "int8": (INT8, (2, "1.14.0")),
    "int16": (INT16, (1, "1.14.0")),
}
"""By the type of the codes: the versions, and that of what is not listed."""


def version_of(operator: str, *, codes: str | None, rank: int, special: str | None = None) -> Version:
    """The version to ask for, and the first runtime that has it.

    Args:
        operator: builtin name of the operator.
        codes: type of the codes that it reads or writes; None for floats.
        rank: rank of its data.
        special: a second word of SPECIAL.
    """
    table, default = TABLES[codes]
    if codes == "int8" and operator in ("QUANTIZE", "DEQUANTIZE"):
        table = FLOAT
    found = table.get(operator, default)
    words = (special, "deeper" if rank > 5 else None, "deep" if rank > 4 else None)
    asked = [SPECIAL[operator, word] for word in words if word is not None and (operator, word) in SPECIAL]
    return max([found, *asked[:1]])


def newest(runtimes: list[str]) -> str:
    """The newest of these versions of the runtime."""
    return max(runtimes, key=lambda text: tuple(int(part) for part in text.split(".")))
