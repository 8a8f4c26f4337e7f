"""Registers of `dq_axi`: one literal table, of which the RTL's package, the driver's header and the docs are made.

All registers have 32 bits and lie in 4 KiB. `rtl/dq_addresses.sv` and `docs/hardware-registers.md` are checked against
this table by the tests; ``python -m detquant.targets.verilog.axi.registers`` prints them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC, VERSION = 0x44514158, 0x00010000
PIXELS, COLOURS, ENTRIES = 0x400, 3, 256
STREAMS = ("DESC", "WEIGHTS", "PARAMS", "TABLES", "HEAD")
"""Streams in the order of their numbers in the RTL."""


@dataclass(frozen=True, slots=True)
class Bits:
    """A field of a register.

    Attributes:
        name: its name, unique in the register.
        low: its lowest bit.
        count: its bits.
        text: what it says.
    """

    name: str
    low: int
    count: int
    text: str


@dataclass(frozen=True, slots=True)
class Register:
    """A register.

    Attributes:
        name: its name.
        offset: address of its first byte, from the wrapper's base.
        access: "ro" read, "rw" read and write, "w1" a 1 does something and is read as 0, "w1c" a 1 clears.
        text: what it is for.
        fields: its bits; none where it is one number.
        words: registers in a row, all alike; their addresses follow each other.
    """

    name: str
    offset: int
    access: str
    text: str
    fields: tuple[Bits, ...] = ()
    words: int = 1


def _flags(*told: tuple[str, str]) -> tuple[Bits, ...]:
    return tuple(Bits(name, place, 1, text) for place, (name, text) in enumerate(told))


def _stream(number: int, name: str, what: str) -> tuple[Register, ...]:
    start = 0x40 + 16 * number
    return (
        Register(f"{name}_LOW", start, "rw", f"Address of {what} in memory, bits 31:0; a multiple of 4096."),
        Register(f"{name}_HIGH", start + 4, "rw", "The same, bits 63:32."),
        Register(f"{name}_BYTES", start + 8, "rw", "Bytes of it: the size of its file."),
    )


_BYTES_OF_COLOURS = tuple(
    Bits(name, 8 + 2 * place, 2, f"Which byte of TDATA is the network's channel {place}.")
    for place, name in enumerate(("FIRST", "SECOND", "THIRD"))
)

REGISTERS: tuple[Register, ...] = (
    Register("ID", 0x000, "ro", f"0x{MAGIC:08X}: this is dq_axi."),
    Register("VERSION", 0x004, "ro", f"0x{VERSION:08X}: of this table; the upper half is what drivers depend on."),
    Register(
        "ARRAY", 0x008, "ro", "What the hardware was built with.",
        (Bits("ICP", 0, 8, "ICP"), Bits("OCP", 8, 8, "OCP"), Bits("LANES", 16, 8, "LANES"),
         Bits("WEIGHT", 24, 8, "WEIGHT: bits of a weight")),
    ),
    Register(
        "WIDTHS", 0x00C, "ro", "The same.",
        (Bits("ACCUMULATOR", 0, 8, "ACCUMULATOR"), Bits("MULTIPLIER", 8, 8, "MULTIPLIER"),
         Bits("LOG_ENTRIES", 16, 8, "LOG_ENTRIES"), Bits("ADDRESS", 24, 8, "ADDRESS: bits of an address of a word")),
    ),
    Register(
        "LIMITS", 0x010, "ro", "The same.",
        (Bits("SEGMENTS", 0, 8, "SEGMENTS"), Bits("LOG_TILES", 8, 8, "LOG_TILES"),
         Bits("HEAD", 16, 1, "HEAD: the head is built in.")),
    ),
    Register("HEAD_KEPT", 0x014, "ro", "HEAD_KEPT: most detections; memory for them has 16 bytes for each."),
    Register("HEAD_PLACES", 0x018, "ro", "HEAD_PLACES: most candidates."),
    Register("BUS", 0x01C, "ro", "Bytes of a beat of m_axi_data; one of m_axi_maps has ICP."),
    Register(
        "CONTROL", 0x020, "w1", "What is to happen.",
        _flags(
            ("START", "Run the program once. With IMAGE in the same write: once the image is there."),
            ("IMAGE", "Take the next image from s_axis_image into memory."),
            ("RESET", "Soft reset: ends what runs, waits until the buses are quiet, clears ERRORS and INTERRUPTS. All "
             "other registers stay."),
        ),
    ),
    Register(
        "STATUS", 0x024, "ro", "What happens.",
        _flags(
            ("BUSY", "Any of the three below."),
            ("IMAGE", "An image is awaited or taken."),
            ("RUNNING", "The program runs."),
            ("DRAINING", "What is on its way on the buses is awaited."),
            ("FINISHED", "The last run has come to its end without an error, and all that it wrote is in memory."),
        ),
    ),
    Register(
        "INTERRUPT_ENABLE", 0x028, "rw", "Which bits of INTERRUPTS make `irq` high.",
    ),
    Register(
        "INTERRUPTS", 0x02C, "w1c", "What has happened.",
        _flags(
            ("FINISHED", "A run has come to its end; all that it wrote is in memory."),
            ("ERROR", "A bit of ERRORS was set."),
            ("IMAGE", "An image is in memory."),
        ),
    ),
    Register(
        "ERRORS", 0x030, "w1c", "What went wrong. While a bit is set, START and IMAGE are refused.",
        _flags(
            ("MAPS_READ", "SLVERR or DECERR for a read of m_axi_maps; the run was ended."),
            ("MAPS_WRITE", "The same for a write of m_axi_maps."),
            ("DATA_READ", "The same for a read of m_axi_data, of a stream."),
            ("DATA_WRITE", "The same for a write of m_axi_data, of a detection."),
            ("MISALIGNED", "A base is no multiple of 4096; nothing was begun."),
            ("REFUSED", "START or IMAGE came while BUSY, or while another error stood. What runs goes on."),
            ("LINE_EARLY", "TLAST came before the last pixel of a line; the image was given up."),
            ("LINE_LATE", "The last pixel of a line had no TLAST; the image was given up."),
            ("FRAME", "TUSER came within an image; it was given up."),
            ("DESC_ENDED", "The descriptors ended before the program did: DESC_BYTES is too small, or memory holds "
             "something else; the run was ended."),
            ("STILL", "Nothing moved for PATIENCE cycles; what ran was ended."),
        ),
    ),
    Register("PATIENCE", 0x034, "rw", "Cycles without a beat on a bus or a product until STILL; 0: never."),
    Register("CYCLES", 0x038, "ro", "Clock cycles of the run, of the last one when none runs."),
    Register("INSTRUCTIONS", 0x03C, "ro", "Instructions that it has done."),
    *_stream(0, "DESC", "the descriptors (`desc.bin`)"),
    *_stream(1, "WEIGHTS", "the weights (`weights_b<bits>.bin`)"),
    *_stream(2, "PARAMS", "the parameters (`params.bin`)"),
    *_stream(3, "TABLES", "the tables (`lut_0.bin`, `lut_1.bin`, ... one behind the other)"),
    *_stream(4, "HEAD", "the head's settings (`head.bin`)"),
    Register("MAPS_LOW", 0x090, "rw", "Address of the memory of maps, bits 31:0; a multiple of 4096."),
    Register("MAPS_HIGH", 0x094, "rw", "The same, bits 63:32."),
    Register("FOUND_LOW", 0x0A0, "rw", "Address for detections, bits 31:0; a multiple of 4096."),
    Register("FOUND_HIGH", 0x0A4, "rw", "The same, bits 63:32."),
    Register("FOUND_COUNT", 0x0A8, "ro", "Detections that the last run has written."),
    Register("FOUND_LEFT_OUT", 0x0AC, "ro", "Candidates for which there was no place."),
    Register(
        "IMAGE_SIZE", 0x0B0, "rw", "Of an image on s_axis_image.",
        (Bits("WIDTH", 0, 16, "Pixels of a line; a multiple of FOLD."),
         Bits("HEIGHT", 16, 16, "Lines; a multiple of FOLD.")),
    ),
    Register("IMAGE_WORD", 0x0B4, "rw", "Its first word in the memory of maps."),
    Register("IMAGE_PLANE", 0x0B8, "rw", "Words from one of its groups of channels to the next."),
    Register(
        "IMAGE_FORM", 0x0BC, "rw", "How it lies in memory, and on the stream.",
        (Bits("FOLD", 0, 4, "By how much it is folded, 1 to 15."), *_BYTES_OF_COLOURS),
    ),
    Register(
        "WAITING", 0x0C0, "ro", "For whoever asks why nothing moves; streams are numbered DESC 0 to HEAD 4.",
        (Bits("ROWS", 0, 5, "By stream: a row is there."), Bits("WANTED", 8, 5, "By stream: a row is wanted."),
         Bits("ENDED", 16, 5, "By stream: all of it was given."),
         Bits("BUSES", 24, 4, "Not yet answered: map reads, map writes, stream reads, detections.")),
    ),
    Register(
        "PIXELS", PIXELS, "wo", "Stored codes of pixels: 256 bytes for each channel of the network, those of the first "
        "channel first; four in a word, the lowest byte first.", words=COLOURS * ENTRIES // 4,
    ),
)  # fmt: skip
BY_NAME = {one.name: one for one in REGISTERS}


def package() -> str:
    """`rtl/dq_addresses.sv`: addresses, and where the fields lie."""
    lines = [
        "// Registers of dq_axi: their addresses, and the lowest bit of each field. Generated from the one",
        "// table that the driver's header and the docs are made of, `axi/registers.py`.",
        "package dq_addresses;",
        f"  localparam logic [31:0] MAGIC = 32'h{MAGIC:08x}, REVISION = 32'h{VERSION:08x};",
    ]
    for one in REGISTERS:
        lines.append(f"  localparam logic [11:0] {one.name} = 12'h{one.offset:03x};")
        lines += [f"  localparam int {one.name}_{field.name}_AT = {field.low};" for field in one.fields]
    return "\n".join([*lines, "endpackage", ""])


def header() -> str:
    """`sw/dq_axi.h`: the same for a driver in C."""
    lines = [
        "/* Registers of dq_axi: byte offsets, and for each field its lowest bit and a mask in place. Generated. */",
        "#ifndef DQ_AXI_H",
        "#define DQ_AXI_H",
        f"#define DQ_MAGIC 0x{MAGIC:08X}u",
    ]
    for one in REGISTERS:
        lines.append(f"#define DQ_{one.name} 0x{one.offset:03X}u")
        for field in one.fields:
            mask = ((1 << field.count) - 1) << field.low
            lines.append(f"#define DQ_{one.name}_{field.name}_AT {field.low}")
            lines.append(f"#define DQ_{one.name}_{field.name} 0x{mask:08X}u")
    return "\n".join([*lines, "#endif", ""])


def table() -> str:
    """The registers as a table in Markdown, a row for each and a row for each field."""
    return "\n".join(["| offset | register | bits | access | |", "|---|---|---|---|---|", *_rows()]) + "\n"


def _rows() -> Iterator[str]:
    for one in REGISTERS:
        last = one.offset + 4 * (one.words - 1)
        place = f"0x{one.offset:03X}" + (f" to 0x{last:03X}" if one.words > 1 else "")
        yield f"| {place} | `{one.name}` | 31:0 | {one.access} | {one.text} |"
        for field in one.fields:
            bits = f"{field.low + field.count - 1}:{field.low}" if field.count > 1 else str(field.low)
            yield f"| | `{field.name}` | {bits} | | {field.text} |"


if __name__ == "__main__":
    sys.stdout.write({"package": package, "header": header, "table": table}[sys.argv[1]]())
