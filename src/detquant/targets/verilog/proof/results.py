"""Results that the RTL itself has computed, read back from what the test bench dumps, as the network's last codes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from detquant.errors import TargetError
from detquant.integer.graph import IntegerGraph
from detquant.integer.operators import CodeArray
from detquant.targets.verilog.maps import StoredMap, View
from detquant.targets.verilog.program import Program
from detquant.targets.verilog.proof.vectors import head_maps


def dumped_codes(program: Program, graph: IntegerGraph, dump: str) -> dict[str, CodeArray]:
    """Codes of the network's outputs.

    Args:
        program: the program that was run.
        graph: the network that it is of; what only moves codes behind the engine is done here.
        dump: text of the test bench's ``+dump``: a word a line, hexadecimal, lane 0 in its low bits.

    Raises:
        TargetError: it is no dump of this program.
    """
    rows, icp = dump.split(), program.engine.array.icp
    maps = head_maps(program)
    if len(rows) != sum(one.words for one in maps):
        raise TargetError(
            f"The simulation wrote {len(rows)} words of results, and the program gives "
            f"{sum(one.words for one in maps)}: run the test bench of the same folder."
        )
    try:
        words = np.frombuffer(b"".join(bytes.fromhex(row.zfill(2 * icp))[::-1] for row in rows), np.int8)
    except ValueError as error:
        raise TargetError("The simulation wrote words that are no codes: no instruction has written them.") from error
    lanes, begin, stored = words.reshape(-1, icp), 0, {}
    for one in maps:
        part = lanes[begin : begin + one.words].reshape(one.groups, one.height, one.width, icp)
        stored[one] = part.transpose(0, 3, 1, 2).reshape(one.groups * icp, one.height, one.width)
        begin += one.words
    found = {
        name: _tensor(view, stored).reshape(program.shapes[name]) + program.offsets[name]
        for name, view in program.heads.items()
    }
    for operator in graph.operators:
        if operator.name in program.host:
            found[operator.output] = operator.run(*(found[name] for name in operator.inputs))
    return {name: found[name] for name in graph.outputs}


def _tensor(view: View, stored: Mapping[StoredMap, CodeArray]) -> CodeArray:
    """The stored codes of a view, enlarged where its channels are."""
    channels = [stored[place.stored][place.slot] for place in view.channels]
    shifts = [place.shift for place in view.channels]
    large = [one.repeat(1 << k, 0).repeat(1 << k, 1) for one, k in zip(channels, shifts, strict=True)]
    return np.stack(large).astype(np.int32)
