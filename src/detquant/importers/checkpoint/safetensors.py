"""safetensors: 8 bytes of length, a JSON header of that length, then the tensors' bytes.

The format is described at https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import math
import struct

from detquant.importers.checkpoint._base import MAX_RANK, MAX_SIZE, Flaw, Storage, StoredTensor, shown

MAX_HEADER_BYTES = 2 * 2**20  # YOLOv8x has 60 kB; as values of Python a header takes up to 25 times its size
_LENGTH = struct.Struct("<Q")
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "bfloat16",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U8": "|u1",
    "BOOL": "|b1",
}


def is_safetensors(content: bytes) -> bool:
    """Whether the ninth byte begins a JSON object, as the format demands."""
    return content[_LENGTH.size : _LENGTH.size + 1] == b"{"


def read_safetensors(content: bytes) -> dict[str, StoredTensor]:
    """Reads the tensors of a safetensors file, by name.

    Raises:
        Flaw: a tensor lies outside the file, or is of another size than its shape says.
        ValueError, LookupError, TypeError, RecursionError: the header is damaged.
    """
    (length,) = _LENGTH.unpack_from(content)
    begin = _LENGTH.size + length
    if length > MAX_HEADER_BYTES or begin > len(content):
        raise Flaw(f"is truncated or damaged: its header claims {length} bytes, and the file has {len(content)}")
    header = json.loads(content[_LENGTH.size : begin])
    if not isinstance(header, dict):
        raise Flaw("is damaged: its header is not a table of tensors")
    data = memoryview(content)[begin:]
    return {name: _tensor(name, entry, data) for name, entry in header.items() if name != "__metadata__"}


def _tensor(name: str, entry: object, data: memoryview) -> StoredTensor:
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(start), int(end)]}:
            pass
        case _:
            raise Flaw(f"is damaged: its header does not describe '{shown(name)}'")
    if dtype not in _DTYPES:
        raise Flaw(f"has '{shown(name)}' of type '{shown(dtype)}': expected one of {', '.join(_DTYPES)}")
    proper = len(shape) <= MAX_RANK and all(type(size) is int and 0 <= size < MAX_SIZE for size in shape)
    if not proper or not 0 <= start <= end <= len(data):
        raise Flaw(f"is truncated or damaged: '{shown(name)}' lies outside the file")
    storage = Storage(name, _DTYPES[dtype], math.prod(shape))
    storage.fill(data[start:end])
    strides = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    return StoredTensor(storage, 0, tuple(shape), strides)
