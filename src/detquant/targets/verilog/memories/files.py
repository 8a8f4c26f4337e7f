"""Files of a memory, all from the same bits: what simulators and vendors' tools read.

* ``.mem``: hexadecimal, a row a line, for ``$readmemh`` (UG901): no comments, no addresses.
* ``.bin``: rows of whole bytes, the lowest first, one behind the other: what a DMA engine sends.
* ``.coe``: Xilinx block memory generator.
* ``.mif``: Intel memory initialisation file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from detquant.errors import TargetError
from detquant.targets.verilog.memories.rows import Memory


def mem(memory: Memory) -> bytes:
    """The file for ``$readmemh``."""
    return "".join(f"{row}\n" for row in _hexadecimal(memory)).encode()


def binary(memory: Memory) -> bytes:
    """Rows of bytes; a row whose width is no multiple of 8 is padded with zeros at its high end."""
    return memory.data.tobytes()


def coe(memory: Memory) -> bytes:
    """The file of Xilinx's memory generators."""
    head = "memory_initialization_radix=16;\nmemory_initialization_vector=\n"
    return (head + ",\n".join(_hexadecimal(memory)) + ";\n").encode()


def mif(memory: Memory) -> bytes:
    """Intel's file."""
    head = f"DEPTH = {memory.rows};\nWIDTH = {memory.width};\nADDRESS_RADIX = HEX;\nDATA_RADIX = HEX;\nCONTENT BEGIN\n"
    lines = "".join(f"{number:X} : {row};\n" for number, row in enumerate(_hexadecimal(memory)))
    return f"{head}{lines}END;\n".encode()


FORMATS: Mapping[str, Callable[[Memory], bytes]] = {"mem": mem, "bin": binary, "coe": coe, "mif": mif}


def read_mem(content: bytes, width: int, name: str = "memory") -> Memory:
    """The memory of a ``.mem`` file; the opposite of `mem`.

    Args:
        content: the file.
        width: bits of a row.
        name: stem of the file, for what is said of it.

    Raises:
        TargetError: a line is no hexadecimal number of that width.
    """
    digits = -(-width // 4)
    lines = content.decode("ascii", "replace").split()
    for number, line in enumerate(lines):
        if len(line) != digits or not re.fullmatch(r"[0-9a-f]+", line) or int(line, 16) >> width:
            raise TargetError(
                f"Row {number} of {name}.mem is '{line[:40]}': expected {digits} hexadecimal digits of a number of "
                f"{width} bits. Write the memories again."
            )
    padded = [("0" * (digits % 2)) + line for line in lines]
    data = np.frombuffer(bytes.fromhex("".join(padded)), np.uint8).reshape(len(lines), -(-digits // 2))
    return Memory(name, width, np.ascontiguousarray(data[:, ::-1]))


def read_binary(content: bytes, width: int, name: str = "memory") -> Memory:
    """The memory of a ``.bin`` file; the opposite of `binary`.

    Raises:
        TargetError: it has no whole number of rows.
    """
    size = -(-width // 8)
    if len(content) % size:
        raise TargetError(f"{name}.bin has {len(content)} bytes: expected rows of {size}. Write the memories again.")
    return Memory(name, width, np.frombuffer(content, np.uint8).reshape(-1, size))


def _hexadecimal(memory: Memory) -> list[str]:
    digits, size = -(-memory.width // 4), memory.data.shape[1]
    text = np.ascontiguousarray(memory.data[:, ::-1]).tobytes().hex()
    return [text[2 * size * (row + 1) - digits : 2 * size * (row + 1)] for row in range(memory.rows)]
