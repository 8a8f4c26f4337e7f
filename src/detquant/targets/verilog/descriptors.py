"""Descriptors: an instruction as words of 32 bits, as `dq_sequencer` reads and `dq_engine` splits them.

A header of 14 words, then three words for each segment. The fields are one literal table; what has no room in its field
is refused, never cut off.
"""

from __future__ import annotations

from dataclasses import dataclass

from detquant.errors import TargetError
from detquant.targets.verilog.program import Instruction, Segment

HEADER_WORDS, SEGMENT_WORDS = 14, 3
END, WEIGHTED, UNWEIGHTED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Field:
    """Where a field lies.

    Attributes:
        word: its word.
        low: its lowest bit there.
        bits: its width.
        signed: whether it is in two's complement.
    """

    word: int
    low: int
    bits: int
    signed: bool = False


HEADER: dict[str, Field] = {
    "opcode": Field(0, 0, 2),
    "kind": Field(0, 2, 2),
    "looked_up": Field(0, 4, 1),
    "diagonal": Field(0, 5, 1),
    "clamped": Field(0, 6, 1),
    "segments": Field(0, 8, 8),
    "out_groups": Field(0, 16, 16),
    "out_height": Field(1, 0, 16),
    "out_width": Field(1, 16, 16),
    "height": Field(2, 0, 16),
    "width": Field(2, 16, 16),
    "kernel_height": Field(3, 0, 8),
    "kernel_width": Field(3, 8, 8),
    "stride_down": Field(3, 16, 8),
    "stride_right": Field(3, 24, 8),
    "pad_top": Field(4, 0, 16, True),
    "pad_left": Field(4, 16, 16, True),
    "dilation_down": Field(5, 0, 8),
    "dilation_right": Field(5, 8, 8),
    "fill": Field(5, 16, 8, True),
    "shift": Field(5, 24, 6),
    "out_base": Field(6, 0, 32),
    "out_plane": Field(7, 0, 32),
    "zero": Field(8, 0, 16, True),
    "first_zero": Field(8, 16, 8, True),
    "second_zero": Field(8, 24, 8, True),
    "low": Field(9, 0, 16, True),
    "high": Field(9, 16, 16, True),
    "first_bias": Field(10, 0, 32, True),
    "first_multiplier": Field(11, 0, 32, True),
    "second_bias": Field(12, 0, 32, True),
    "second_multiplier": Field(13, 0, 32, True),
}
SEGMENT: dict[str, Field] = {
    "base": Field(0, 0, 32),
    "plane": Field(1, 0, 32),
    "pitch": Field(2, 0, 16),
    "groups": Field(2, 16, 12),
    "enlargement": Field(2, 28, 4),
}


def descriptor(instruction: Instruction) -> list[int]:
    """The words of an instruction.

    Raises:
        TargetError: a size has no room in its field.
    """
    scaling, out = instruction.scaling, instruction.out
    header = {
        "opcode": UNWEIGHTED if instruction.weighted is None else WEIGHTED,
        "kind": int(instruction.kind),
        "looked_up": int(instruction.table is not None),
        "diagonal": int(instruction.diagonal),
        "clamped": int(instruction.clamped),
        "segments": len(instruction.segments),
        "out_groups": instruction.out_groups,
        "out_height": out.height,
        "out_width": out.width,
        "height": instruction.size[0],
        "width": instruction.size[1],
        "kernel_height": instruction.kernel[0],
        "kernel_width": instruction.kernel[1],
        "stride_down": instruction.strides[0],
        "stride_right": instruction.strides[1],
        "pad_top": instruction.pads[0],
        "pad_left": instruction.pads[1],
        "dilation_down": instruction.dilations[0],
        "dilation_right": instruction.dilations[1],
        "fill": instruction.fill,
        "shift": scaling.shift,
        "out_base": out.base + instruction.out_first * out.plane,
        "out_plane": out.plane,
        "zero": instruction.zero,
        "first_zero": scaling.zeros[0],
        "second_zero": scaling.zeros[1],
        "low": instruction.low,
        "high": instruction.high,
        "first_bias": scaling.biases[0],
        "first_multiplier": scaling.multipliers[0],
        "second_bias": scaling.biases[1],
        "second_multiplier": scaling.multipliers[1],
    }
    words = _packed(instruction, HEADER, header, HEADER_WORDS)
    for segment in instruction.segments:
        words += _packed(instruction, SEGMENT, _segment(segment), SEGMENT_WORDS)
    return words


def end() -> list[int]:
    """The words of the program's end."""
    return [END] * HEADER_WORDS


def read_descriptor(words: list[int]) -> tuple[dict[str, int], list[dict[str, int]], int]:
    """Fields of the header, of the segments, and how many words they take; the opposite of `descriptor`."""
    header = _unpacked(HEADER, words)
    count = header["segments"]
    starts = [HEADER_WORDS + SEGMENT_WORDS * number for number in range(count)]
    segments = [_unpacked(SEGMENT, words[start : start + SEGMENT_WORDS]) for start in starts]
    return header, segments, HEADER_WORDS + SEGMENT_WORDS * count


def _segment(segment: Segment) -> dict[str, int]:
    stored = segment.stored
    return {
        "base": stored.base + segment.first * stored.plane,
        "plane": stored.plane,
        "pitch": stored.width,
        "groups": segment.groups,
        "enlargement": segment.shift,
    }


def _packed(instruction: Instruction, fields: dict[str, Field], values: dict[str, int], count: int) -> list[int]:
    words = [0] * count
    for name, field in fields.items():
        value = values[name]
        low = -(1 << (field.bits - 1)) if field.signed else 0
        high = (1 << (field.bits - field.signed)) - 1
        if not low <= value <= high:
            raise TargetError(
                f"{instruction.operator} '{instruction.name}' has no room in the engine's descriptor: its "
                f"{name.replace('_', ' ')} is {value}, and {low} to {high} can be told. Give the network a smaller "
                f"input, or choose another target."
            )
        words[field.word] |= (value & ((1 << field.bits) - 1)) << field.low
    return words


def _unpacked(fields: dict[str, Field], words: list[int]) -> dict[str, int]:
    found = {}
    for name, field in fields.items():
        value = words[field.word] >> field.low & ((1 << field.bits) - 1)
        found[name] = value - (1 << field.bits) if field.signed and value >> (field.bits - 1) else value
    return found
