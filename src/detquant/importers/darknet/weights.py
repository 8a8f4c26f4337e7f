"""Darknet's weights file: a header, then the numbers of each convolution as they stand in the cfg.

The header is three int32 (major, minor, revision) and the images seen in training, as 64 bit from version 0.2 on
and as 32 bit before. Then, for each convolutional section, come float32: the biases; if it has BatchNorm, whose
beta they then are, gamma, mean and variance; the weights [filters, channels / groups, size, size]. All is little
endian (`load_weights_upto` and `load_convolutional_weights` of AlexeyAB's darknet). Nothing in the file says how
many numbers there are or to which net they belong, so the cfg must take them all, to the last byte.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.errors import ModelError
from detquant.importers.darknet.network import Parameter
from detquant.importers.darknet.pair import Pair

_VERSION = struct.Struct("<3i")
_SEEN_BITS_64_FROM = 2  # of major * 10 + minor
_BYTES = 4


def fill(parameters: Sequence[Parameter], pair: Pair) -> bytes:
    """Gives each parameter its numbers.

    Args:
        parameters: in the order of the file.
        pair: the files, for the sentences too.

    Returns:
        The bytes of the weights file, which the parameters are views into.

    Raises:
        ModelError: the file cannot be read, holds fewer or more numbers than the cfg takes, or numbers that are
            not finite, or variances below zero.
    """
    size = _check_size(parameters, pair)  # before the file is brought into memory
    content = _read(pair.weights, size)
    offset = _header_bytes(content)
    for parameter in parameters:
        count = math.prod(parameter.shape)
        array = np.frombuffer(content, "<f4", count, offset).reshape(parameter.shape)
        _check_values(parameter, array, pair)
        parameter.value.const_value = ir.Tensor(array.astype(np.float32, copy=False), name=parameter.value.name)
        offset += count * _BYTES
    return content


def _check_size(parameters: Sequence[Parameter], pair: Pair) -> int:
    """Refuses a file that is too short or too long.

    Returns:
        Its bytes.
    """
    path = pair.weights
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read: {error.strerror}.") from error
    head = _read(path, _VERSION.size + 8)
    if head.startswith(b"version https"):
        raise ModelError(f"'{path}' is a Git LFS pointer: fetch the real file with `git lfs pull`.")
    if len(head) < _VERSION.size + 8:
        raise ModelError(f"'{path}' has {size} bytes, too few for Darknet weights: copy or download it again.")
    header = _header_bytes(head)
    expected = sum(math.prod(parameter.shape) for parameter in parameters)
    if size == header + expected * _BYTES:
        return size
    layers = len({parameter.layer for parameter in parameters})
    takes = (
        f"the {layers} convolutional layers of '{pair.cfg.name}' take {expected} numbers ({header + expected * _BYTES} "
        f"bytes with the header), and '{path}' has {(size - header) // _BYTES} ({size} bytes)"
    )
    if size > header + expected * _BYTES:
        raise ModelError(f"The files are not of one net: {takes}; give the cfg that these weights were trained with.")
    last = _last_layer(parameters, (size - header) // _BYTES)
    raise ModelError(
        f"The weights are truncated or not of this net: {takes}, which ends in layer {last}; copy or download the "
        "file again, or give the cfg that it was trained with."
    )


def _last_layer(parameters: Sequence[Parameter], numbers: int) -> int:
    """The layer in whose parameters that many numbers end."""
    for parameter in parameters:
        numbers -= math.prod(parameter.shape)
        if numbers < 0:
            return parameter.layer
    return parameters[-1].layer


def _header_bytes(content: bytes) -> int:
    major, minor, _ = _VERSION.unpack_from(content)
    return _VERSION.size + (8 if major * 10 + minor >= _SEEN_BITS_64_FROM else 4)


def _read(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read: {error.strerror}.") from error


def _check_values(parameter: Parameter, array: npt.NDArray[np.float32], pair: Pair) -> None:
    sound = bool(np.isfinite(array).all())
    if sound and not (parameter.is_variance and (array < 0).any()):
        return
    what = "variances below zero" if sound else "numbers that are not finite"
    raise ModelError(
        f"'{pair.weights}' gives layer {parameter.layer} of '{pair.cfg.name}' {what}: it is damaged, or belongs to "
        "another net."
    )
