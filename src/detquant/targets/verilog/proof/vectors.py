"""Vectors: what each instruction must leave in memory, from the integer model, for the test bench.

* ``images.txt``: base and words of each word-aligned part of the images; ``image.mem``: the words.
* ``heads.txt``: base and words of each map in which results lie, for the test bench's ``+dump``.
* ``checks.txt``: for each instruction a line "name base groups height width macs", and for each of its groups a line
  with the channel of each lane, -1 for lanes that nobody reads.
* ``expected.mem``: the words of all these groups, in the same order.
* ``found.txt``, ``found.mem``: detections, where the program has a head, see `detquant.targets.verilog.proof.found`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from detquant.integer.graph import IntegerGraph
from detquant.integer.operators import CodeArray
from detquant.numerics.arrays import Ints
from detquant.targets.verilog.folding import folded_codes
from detquant.targets.verilog.maps import CODE_BITS, StoredMap, View
from detquant.targets.verilog.memories.files import mem
from detquant.targets.verilog.memories.rows import Memory, packed
from detquant.targets.verilog.program import Instruction, Program
from detquant.targets.verilog.proof.found import found_vectors

NAMES = 100
"""Most characters of a name that the test bench tells."""


def vectors(program: Program, graph: IntegerGraph, images: Mapping[str, CodeArray]) -> dict[str, bytes]:
    """The test bench's files, by name.

    Args:
        program: the program.
        graph: the network that it is of.
        images: codes of the images by name.
    """
    found = all_codes(program, graph, images)
    given = {name: found[name] for name in program.images}
    lines, expected = [], []
    for one in program.instructions:
        groups = one.channels.reshape(-1, program.engine.array.icp)
        base = one.out.base + one.out_first * one.out.plane
        name = re.sub(r"[^!-~]", "_", one.name)[:NAMES] or "unnamed"
        lines.append(f"{name} {base} {len(groups)} {one.out.height} {one.out.width} {one.macs}")
        lines += [" ".join(map(str, group)) for group in groups]
        words = _words(one, found[one.gives] - program.offsets[one.gives], program.engine.array.icp)
        expected.append(_mem("expected", words))
    return {
        "checks.txt": ("\n".join(lines) + "\n").encode(),
        "expected.mem": b"".join(expected),
        **image_vectors(program, graph, given),
        **({} if program.head is None else found_vectors(program.head, found)),
    }


def image_vectors(program: Program, graph: IntegerGraph, images: Mapping[str, CodeArray]) -> dict[str, bytes]:
    """The files that an image needs which is run and not compared (``+check=0``), by name.

    Args:
        program: the program.
        graph: the network that it is of.
        images: codes of the images by name.
    """
    told, pictures = _images(program, graph, images)
    heads = "".join(f"{one.base} {one.words}\n" for one in head_maps(program))
    return {"images.txt": told, "image.mem": _mem("image", pictures), "heads.txt": heads.encode()}


def head_maps(program: Program) -> list[StoredMap]:
    """The maps in which results lie, each once, in the order in which they are dumped."""
    return list(dict.fromkeys(place.stored for view in program.heads.values() for place in view.channels))


def all_codes(program: Program, graph: IntegerGraph, images: Mapping[str, CodeArray]) -> dict[str, CodeArray]:
    """Codes of all tensors that instructions give."""
    found = dict(images)
    for operator, codes in graph.steps(images):
        found[operator.output] = codes
    for operator in program.derived:
        found[operator.output] = operator.run(*(found[name] for name in operator.inputs))
    return found


def _words(one: Instruction, stored: CodeArray, icp: int) -> Ints:
    """The words ``[groups * places, icp]`` that an instruction writes."""
    by_channel = stored.reshape(stored.shape[1], -1).astype(np.int64)
    lanes = np.where(one.channels[:, None] >= 0, by_channel[np.maximum(one.channels, 0)], 0)
    return _in_words(lanes, icp)


def image_words(view: View, stored: CodeArray, icp: int) -> Ints:
    """The words ``[groups * places, icp]`` of an image as it lies in memory."""
    by_channel = stored.reshape(stored.shape[1], -1).astype(np.int64)
    whole = np.zeros((view.channels[0].stored.groups * icp, by_channel.shape[1]), np.int64)
    whole[[place.slot for place in view.channels]] = by_channel
    return _in_words(whole, icp)


def _in_words(slots: CodeArray, icp: int) -> Ints:
    """``[groups * icp, places]`` as the words ``[groups * places, icp]``."""
    return np.asarray(slots.reshape(-1, icp, slots.shape[1]).transpose(0, 2, 1).reshape(-1, icp), np.int64)


def _images(program: Program, graph: IntegerGraph, found: Mapping[str, CodeArray]) -> tuple[bytes, Ints]:
    lines, words = [], []
    for name, picture in program.images.items():
        stored = picture.view.channels[0].stored
        folded = folded_codes(found[name], picture.fold, int(graph.grids[name].zero_point))
        lines.append(f"{stored.base} {stored.words}")
        words.append(image_words(picture.view, folded - program.offsets[name], program.engine.array.icp))
    return ("\n".join(lines) + "\n").encode(), np.concatenate(words)


def _mem(name: str, words: Ints) -> bytes:
    return mem(Memory(name, words.shape[1] * CODE_BITS, packed(words, CODE_BITS)))
