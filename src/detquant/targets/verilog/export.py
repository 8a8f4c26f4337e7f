"""The exported folder: RTL, memories, vectors, manifest, all that a proof without Python needs.

rtl/    the engine and the head behind it, fixed, and the generated package dq_config
mem/    what they read: desc, weights_b<bits>, params, lut_<number>, head
tb/     the test bench and, in tb/vectors/, what it compares with
sw/     what a driver writes into the wrapper, see `detquant.targets.verilog.axi.driver`
manifest.json, ARITHMETIC.md, Makefile
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files

from detquant.families.input_form import Form
from detquant.integer.graph import IntegerGraph
from detquant.integer.operators import CodeArray
from detquant.targets.verilog.axi.driver import driver_files
from detquant.targets.verilog.axi.pixels import pixel_vectors
from detquant.targets.verilog.manifest import manifest
from detquant.targets.verilog.memories.files import FORMATS
from detquant.targets.verilog.memories.streams import memories
from detquant.targets.verilog.program import Program
from detquant.targets.verilog.proof.vectors import vectors
from detquant.targets.verilog.rtl_files import PACKAGE, fixed_files

USUAL_FORMATS = ("mem", "bin")
CONFIG = "rtl/dq_config.sv"


def hardware_files(
    program: Program,
    graph: IntegerGraph,
    images: Mapping[str, CodeArray],
    formats: Sequence[str] = USUAL_FORMATS,
    form: Form | None = None,
) -> dict[str, bytes]:
    """The folder's files by path.

    Args:
        program: the program.
        graph: the network that it is of.
        images: codes of an image, for the vectors.
        formats: of the memories, by suffix; "mem" among them, which the test bench reads.
        form: how pixels become the network's input, so that the wrapper makes codes of a stream of pixels; without it
            images are written to memory by the host.
    """
    found = {**fixed_files("rtl"), **fixed_files("tb"), **fixed_files("tb/axi")}
    found[CONFIG] = program.engine.package().encode()
    made = memories(program)
    for memory in made:
        for suffix in dict.fromkeys(["mem", *formats]):
            found[f"mem/{memory.name}.{suffix}"] = FORMATS[suffix](memory)
    found |= {f"tb/vectors/{name}": content for name, content in vectors(program, graph, images).items()}
    found |= {f"tb/vectors/{name}": content for name, content in pixel_vectors(program, graph, images, form).items()}
    found |= {f"sw/{name}": content for name, content in driver_files(program, graph, made, form).items()}
    found["Makefile"] = files(PACKAGE).joinpath("tb/folder.mk").read_bytes()
    found["ARITHMETIC.md"] = files(PACKAGE).joinpath("ARITHMETIC.md").read_bytes()
    del found["tb/folder.mk"]
    told = manifest(program, graph, found)
    return {"manifest.json": (json.dumps(told, indent=1) + "\n").encode(), **found}
