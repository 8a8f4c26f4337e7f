"""manifest.json: what the folder holds, where what lies in memory, and the sha256 of every file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from detquant.integer.graph import IntegerGraph
from detquant.integer.head.corners import PIXEL_BITS
from detquant.integer.head.scores import SCORE_BITS
from detquant.targets.verilog.cycles import cycles_of
from detquant.targets.verilog.head import StoredHead
from detquant.targets.verilog.maps import View
from detquant.targets.verilog.memories.head import settings_of
from detquant.targets.verilog.program import Instruction, Program
from detquant.targets.verilog.proof.found import FIELDS

ARITHMETIC = "dq-int-1"
FORMAT = 1


def manifest(program: Program, graph: IntegerGraph, contents: Mapping[str, bytes]) -> dict[str, Any]:
    """The manifest as plain values.

    Args:
        program: the program.
        graph: the network that it is of.
        contents: all other files of the folder, by path.
    """
    cycles = cycles_of(program)
    return {
        "format": FORMAT,
        "arithmetic": ARITHMETIC,
        "engine": program.engine.verilog_parameters(),
        "memory": {
            "words": program.words,
            "bits_of_a_word": 8 * program.engine.array.icp,
            "maps": [
                {"name": one.name, "base": one.base, "groups": one.groups, "height": one.height, "width": one.width}
                for one in program.maps
            ],
        },
        "images": {
            name: {"folded": picture.fold, **_tensor(program, graph, name, picture.view)}
            for name, picture in program.images.items()
        },
        "heads": {name: _tensor(program, graph, name, view) for name, view in program.heads.items()},
        "head": None if program.head is None else _head(program.head),
        "left_to_the_host": list(program.host),
        "macs": sum(one.macs for one in program.instructions),
        "cycles": cycles.total,
        "use_of_the_array": round(cycles.use, 2),
        "instructions": [
            {**_instruction(number, one), "cycles": taken}
            for number, (one, taken) in enumerate(zip(program.instructions, cycles.each, strict=True))
        ],
        "sha256": {path: hashlib.sha256(content).hexdigest() for path, content in sorted(contents.items())},
    }


def _tensor(program: Program, graph: IntegerGraph, name: str, view: View) -> dict[str, Any]:
    """A tensor that the host writes or reads: its grid, and where its channels lie."""
    grid = graph.grids[name]
    icp = program.engine.array.icp
    return {
        "shape": list(program.shapes[name]),
        "type": str(grid.qtype),
        "scale": float(grid.scale),
        "zero_point": int(grid.zero_point),
        "stored_less": program.offsets[name],
        "channels": [
            {
                "base": place.stored.base + place.slot // icp * place.stored.plane,
                "lane": place.slot % icp,
                "width": place.stored.width,
                "enlarged": place.shift,
            }
            for place in view.channels
        ],
    }


def _head(head: StoredHead) -> dict[str, Any]:
    """What the head in hardware does, in the numbers of its stream, and how its words are read."""
    settings = settings_of(head)
    return {
        "levels": [
            {"scores": one.level.scores, "distances": one.level.distances, "stride": one.level.stride}
            | {"rows": told.rows, "columns": told.columns, "words_of_a_plane": told.plane}
            | {"base_of_scores": told.scores, "base_of_distances": told.distances}
            for one, told in zip(head.levels, settings.levels, strict=True)
        ],
        "bins": head.numbers.layout.bins,
        "classes": settings.classes,
        "smallest_code_of_a_candidate": settings.threshold,
        "codes_stored_less": head.stored_less,
        "overlap_in_256ths": settings.overlap,
        "candidates": settings.capacity,
        "detections": settings.limit,
        "fields_of_16_bits": list(FIELDS),
        "fraction_bits": {"boxes": PIXEL_BITS, "scores": SCORE_BITS},
    }


def _instruction(number: int, one: Instruction) -> dict[str, Any]:
    return {
        "number": number,
        "name": one.name,
        "operator": one.operator,
        "gives": one.gives,
        "reads": [segment.stored.name for segment in one.segments],
        "kernel": list(one.kernel),
        "strides": list(one.strides),
        "size": [one.out.height, one.out.width],
        "channels": int((one.channels >= 0).sum()),
        "base": one.out.base + one.out_first * one.out.plane,
        "table": one.table is not None,
        "macs": one.macs,
    }
