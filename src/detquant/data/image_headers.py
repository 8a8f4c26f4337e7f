"""What the first bytes of an image tell: its kind, its size, whether it is whole, how a camera was held.

Sizes are read before pixels are, so that a header that tells a billion of them costs nothing. Headers come from
anyone: each reader gives None where the bytes do not hold what the format asks for, and never an error.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Size = tuple[int, int]
"""Height and width as stored, before a camera's turn."""

# In coded data FF 00 is a plain FF, and FF D0 to FF D7 are restarts; any other FF xx is the next marker.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_SOI, _EOI, _SOS, _APP1 = 0xD8, 0xD9, 0xDA, 0xE1
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ORIENTATION = 0x0112
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_MOST_ENTRIES = 4096
_SHORT, _LONG = 3, 4
_SPACE = rb"(?:\s|#[^\n]{0,1000}\n)+"
_PNM = re.compile(rb"P[1-6FfY]" + _SPACE + rb"([0-9]{1,9})" + _SPACE + rb"([0-9]{1,9})\s")
_PAM = re.compile(rb"P7\s[^\0]{0,1000}?WIDTH\s+([0-9]{1,9})\s[^\0]{0,1000}?HEIGHT\s+([0-9]{1,9})\s")
_RADIANCE = re.compile(rb"-Y ([0-9]{1,9}) \+X ([0-9]{1,9})\n")
_START = 1 << 16


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of image file.

    Attributes:
        name: name that people use, such as "JPEG".
        size: finds the size in the bytes of the file, or of its start.
        is_whole: whether its end is there; None where only decoding tells.
        turned: whether it is to be turned by a quarter; None where only decoding tells.
    """

    name: str
    size: Callable[[bytes], Size | None]
    is_whole: Callable[[bytes], bool] | None = None
    turned: Callable[[bytes], bool | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class _Tiff:
    """Where a TIFF, or a BigTIFF of more than 4 GB, has its first directory, and how long its entries are."""

    order: str
    where: int
    offset: str
    count: str
    entry: int
    value: int


_TIFFS = {
    mark: _Tiff(order, 8, order + "Q", order + "Q", 20, 12) if big else _Tiff(order, 4, order + "I", order + "H", 12, 8)
    for mark, order, big in (
        (b"II*\0", "<", False),
        (b"MM\0*", ">", False),
        (b"II+\0", "<", True),
        (b"MM\0+", ">", True),
    )
}


def kind_of(data: bytes) -> Kind | None:
    """The kind of image that a file is by its first bytes; None for what is not read."""
    return next((kind for magic, kind in KINDS if magic.match(data)), None)


def jpeg_markers(data: bytes) -> Iterator[tuple[int, int]]:
    """Each marker of a JPEG up to its end: the code, and where its segment begins.

    Segments are stepped over by their length, so an end marker inside an embedded thumbnail does not count.
    """
    at = 2
    while found := _JPEG_MARKER.search(data, at):
        code, at = found[1][0], found.end()
        yield code, at
        if code == _EOI:
            return
        if code != _SOI and code != 0x01:
            at += int.from_bytes(data[at : at + 2], "big")


def _jpeg_is_whole(data: bytes) -> bool:
    return any(code == _EOI for code, _ in jpeg_markers(data))


def _jpeg_size(data: bytes) -> Size | None:
    for code, at in jpeg_markers(data):
        if code in _SOF:
            return _pair(">HH", data, at + 3)
        if code == _SOS:
            return None
    return None


def jpeg_orientation(data: bytes) -> int | None:
    """How a camera was held, 1 to 8 as EXIF has it (5 and more are quarter turns); 1 where there is none.

    None where a file has several: which one counts depends on which of them the decoder can read.
    """
    told: list[int] = []
    for code, at in jpeg_markers(data):
        if code in _SOF or code == _SOS:
            break
        if code == _APP1 and data[at + 2 : at + 8] == b"Exif\0\0":
            end = at + int.from_bytes(data[at : at + 2], "big")
            found = _tiff_entries(data[at + 8 : end], "H").get(_ORIENTATION, 1)
            told.append(found if 1 <= found <= 8 else 1)
    return None if len(told) > 1 else told[0] if told else 1


def _jpeg_turned(data: bytes) -> bool | None:
    orientation = jpeg_orientation(data)
    return None if orientation is None else orientation >= 5


def _tiff_entries(data: bytes, form: str | None = None) -> dict[int, int]:
    """The first numbers of a TIFF's first directory, by tag; read in a form of struct, or in the one that they tell."""
    layout = _TIFFS.get(data[:4])
    if layout is None:
        return {}
    found: dict[int, int] = {}
    try:
        (start,) = struct.unpack_from(layout.offset, data, layout.where)
        (count,) = struct.unpack_from(layout.count, data, start)
        begun = start + struct.calcsize(layout.count)
        for entry in range(begun, begun + layout.entry * min(count, _MOST_ENTRIES), layout.entry):
            tag, kind = struct.unpack_from(layout.order + "HH", data, entry)
            number = form or ("H" if kind == _SHORT else "I" if kind == _LONG else layout.offset[1])
            (value,) = struct.unpack_from(layout.order + number, data, entry + layout.value)
            found.setdefault(tag, value)
    except (struct.error, OverflowError):  # it ends, or points to where nothing is
        pass
    return found


def _tiff_size(data: bytes) -> Size | None:
    entries = _tiff_entries(data)
    height, width = entries.get(_TIFF_HEIGHT, 0), entries.get(_TIFF_WIDTH, 0)
    return (height, width) if height and width else None


def _png_is_whole(data: bytes) -> bool:
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IEND":
            return True
        at += 12 + length
    return False


def _png_size(data: bytes) -> Size | None:
    return _turned(_pair(">II", data, 16)) if data[12:16] == b"IHDR" else None


def _bmp_size(data: bytes) -> Size | None:
    if len(data) >= 18 and int.from_bytes(data[14:18], "little") == 12:  # of OS/2
        return _turned(_pair("<HH", data, 18))
    return _turned(_pair("<ii", data, 18))


def _webp_size(data: bytes) -> Size | None:
    form = data[12:16]
    if form == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[27:30], "little") + 1, int.from_bytes(data[24:27], "little") + 1
    if form == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    size = _pair("<HH", data, 26) if form == b"VP8 " else None
    return (size[1] & 0x3FFF, size[0] & 0x3FFF) if size else None


def _jpeg2000_size(data: bytes) -> Size | None:
    if data.startswith(b"\xff\x4f"):
        found = _pair(">IIII", data, 8) if data[2:4] == b"\xff\x51" else None
        return _turned(found)
    at = data.find(b"ihdr", 0, _START)
    return _pair(">II", data, at + 4) if at >= 0 else None


def _avif_size(data: bytes) -> Size | None:
    """The largest of the extents that it tells; one of them is the image's."""
    sizes = [_turned(_pair(">II", data, found.end() + 4)) for found in re.finditer(b"ispe", data[:_START])]
    return max((size for size in sizes if size), key=lambda size: size[0] * size[1], default=None)


def _by_pattern(pattern: re.Pattern[bytes], height: int, width: int) -> Callable[[bytes], Size | None]:
    def size(data: bytes) -> Size | None:
        found = pattern.search(data, 0, _START)
        return (int(found[height]), int(found[width])) if found else None

    return size


def _pair(form: str, data: bytes, at: int) -> Size | None:
    """The first two numbers at a place, if they are there and sizes can be so."""
    if at + struct.calcsize(form) > len(data):
        return None
    one, other, *_ = struct.unpack_from(form, data, at)
    return (abs(one), abs(other)) if one and other else None


def _turned(size: Size | None) -> Size | None:
    """Height and width of what stands there as width and height."""
    return size and (size[1], size[0])


def _upright(_: bytes) -> bool:
    return False


def _at_least(first: int, last: int, more: int) -> Callable[[bytes], bool]:
    """Whether a file has as many bytes as it says in a little-endian number."""
    return lambda data: len(data) >= more + int.from_bytes(data[first:last], "little")


KINDS: tuple[tuple[re.Pattern[bytes], Kind], ...] = tuple(
    (re.compile(magic, re.DOTALL), kind)
    for magic, kind in (
        (rb"\xff\xd8", Kind("JPEG", _jpeg_size, _jpeg_is_whole, _jpeg_turned)),
        (rb"\x89PNG", Kind("PNG", _png_size, _png_is_whole, lambda data: None if b"eXIf" in data else False)),
        (rb"BM", Kind("BMP", _bmp_size, _at_least(2, 6, 0), _upright)),
        (
            rb"RIFF....WEBP",
            Kind("WebP", _webp_size, _at_least(4, 8, 8), lambda data: None if b"EXIF" in data else False),
        ),
        (rb"II[*+]\0|MM\0[*+]", Kind("TIFF", _tiff_size)),
        (rb"GIF8", Kind("GIF", lambda data: _turned(_pair("<HH", data, 6)), turned=_upright)),
        (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", Kind("JPEG 2000", _jpeg2000_size)),
        (rb"....ftyp(?:avif|avis|mif1|msf1|miaf)", Kind("AVIF", _avif_size)),
        (rb"P7", Kind("PAM", _by_pattern(_PAM, 2, 1), turned=_upright)),
        (rb"P[1-6FfY]\s", Kind("PNM", _by_pattern(_PNM, 2, 1), turned=_upright)),
        (rb"#\?(?:RADIANCE|RGBE)", Kind("HDR", _by_pattern(_RADIANCE, 1, 2), turned=_upright)),
        (rb"\x59\xa6\x6a\x95", Kind("Sun raster", lambda data: _turned(_pair(">II", data, 4)), turned=_upright)),
    )
)
"""What OpenCV decodes, by the first bytes."""
