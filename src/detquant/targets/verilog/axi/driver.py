"""What a driver writes into `dq_axi` for a network, besides addresses: sizes of the streams, the image, its codes.

* ``sw/setup.txt``: lines "offset value", hexadecimal, to be written once, in any order.
* ``sw/built.txt``: the same form, what registers read if the hardware was built with this folder's ``dq_config``.
* ``sw/dq_axi.h``: the registers' names for C.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from detquant.families.input_form import Form
from detquant.integer.graph import IntegerGraph
from detquant.targets.verilog.axi.pixels import pixel_codes, why_no_stream
from detquant.targets.verilog.axi.registers import BY_NAME, MAGIC, STREAMS, VERSION, header
from detquant.targets.verilog.memories.rows import Memory
from detquant.targets.verilog.program import Picture, Program

Setting = tuple[int, int]
"""Offset of a register, and its value."""


def driver_files(
    program: Program, graph: IntegerGraph, memories: Sequence[Memory], form: Form | None
) -> dict[str, bytes]:
    """The files of ``sw/``, by name.

    Args:
        program: the program.
        graph: the network that it is of.
        memories: its memories.
        form: how pixels become numbers; without it images do not come on a stream.
    """
    settings = [*_streams(memories), *_image(program, graph, form)]
    return {
        "setup.txt": _lines(settings),
        "built.txt": _lines(_built(program)),
        "dq_axi.h": header().encode(),
    }


def _streams(memories: Sequence[Memory]) -> Iterator[Setting]:
    """Bytes of each stream; tables lie one behind the other."""
    size = dict.fromkeys(STREAMS, 0)
    stems = {"desc": "DESC", "params": "PARAMS", "head": "HEAD", "lut": "TABLES", "weights": "WEIGHTS"}
    for one in memories:
        size[stems[one.name.split("_")[0]]] += one.data.size
    return ((BY_NAME[f"{name}_BYTES"].offset, count) for name, count in size.items())


def _image(program: Program, graph: IntegerGraph, form: Form | None) -> Iterator[Setting]:
    if form is None or why_no_stream(program, form) is not None:
        return
    name, picture = next(iter(program.images.items()))
    _, _, height, width = program.shapes[name]
    stored = picture.view.channels[0].stored
    yield BY_NAME["IMAGE_SIZE"].offset, packed("IMAGE_SIZE", WIDTH=width, HEIGHT=height)
    yield BY_NAME["IMAGE_WORD"].offset, stored.base
    yield BY_NAME["IMAGE_PLANE"].offset, stored.plane
    yield BY_NAME["IMAGE_FORM"].offset, _image_form(picture, form)
    table = (pixel_codes(program, graph, form) & 0xFF).astype(np.uint8).reshape(-1).view("<u4")
    for place, word in enumerate(table):
        yield BY_NAME["PIXELS"].offset + 4 * place, int(word)


def _image_form(picture: Picture, form: Form) -> int:
    """Bytes of TDATA are red, green, blue."""
    first, second, third = (0, 1, 2) if form.rgb else (2, 1, 0)
    return packed("IMAGE_FORM", FOLD=picture.fold, FIRST=first, SECOND=second, THIRD=third)


def _built(program: Program) -> Iterator[Setting]:
    told = program.engine.verilog_parameters()
    yield BY_NAME["ID"].offset, MAGIC
    yield BY_NAME["VERSION"].offset, VERSION
    for name in ("ARRAY", "WIDTHS", "LIMITS"):
        fields = {field.name: told[field.name] for field in BY_NAME[name].fields}
        yield BY_NAME[name].offset, packed(name, **fields)
    for name in ("HEAD_KEPT", "HEAD_PLACES"):
        yield BY_NAME[name].offset, told[name] if told["HEAD"] else 0


def packed(name: str, **values: int) -> int:
    """A register's value of its fields."""
    word = 0
    for field in BY_NAME[name].fields:
        value = values[field.name]
        assert 0 <= value < 1 << field.count, (name, field.name, value)
        word |= value << field.low
    return word


def _lines(settings: Sequence[Setting] | Iterator[Setting]) -> bytes:
    return "".join(f"{offset:03x} {value:08x}\n" for offset, value in settings).encode()
