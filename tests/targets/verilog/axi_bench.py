"""How tests bring a network behind the AXI wrapper into a simulator."""

from __future__ import annotations

import subprocess

import numpy as np
from bench import written
from heads import case, sizes_for
from nets import Net

from detquant.families.input_form import WholeImage
from detquant.targets.verilog.axi.pixels import pixel_codes
from detquant.targets.verilog.engine import Array, Engine
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower

TOP = "dq_axi_testbench"
BINS = 5
FORM = WholeImage(rgb=False, mean=(3.0, 20.0, 7.0), std=(9.0, 12.0, 10.0))
"""Each channel has pixels of its own codes, and blue is the network's first one."""
SIZES = {"accumulator": 32, "multiplier": 24, "log_entries": 10, "log_tiles": 6, "address": 9, "segments": 4}
USUAL = Engine(array=Array(icp=8, ocp=4, lanes=4), weight=8, **SIZES, head=sizes_for(BINS))
NARROW = Engine(array=Array(icp=4, ocp=4, lanes=2), weight=3, **SIZES)
"""Rows of weights of 6 bytes: beats and rows have but two bytes in common; pixels' channels lie in several words."""
LONG = Engine(array=Array(icp=16, ocp=2, lanes=2), weight=8, **{**SIZES, "address": 10})
"""Maps over several pages of 4 KiB, of which a word is read in each cycle."""


def photographed(strides=(2, 2), weight_bits=3):
    """A network whose image is one of pixels."""
    net = Net((1, 3, 8, 10))
    first = net.silu("image", 6, kernel=(3, 3), strides=strides, pads=((1, 1), (1, 1)), weight_bits=weight_bits)
    second = net.conv(first, 9, kernel=(3, 3), pads=((1, 1), (1, 1)), weight_bits=weight_bits)
    net.pool(net.conv(second, 5, weight_bits=weight_bits), (3, 3), pads=((1, 1), (1, 1)))
    return net


def of_pixels(net, program):
    """Codes of an image of random pixels."""
    table = pixel_codes(program, net.graph(), FORM) + program.offsets["image"]
    pixels = np.random.default_rng(5).integers(0, 256, net.shapes["image"])
    return {"image": np.stack([table[channel][pixels[0, channel]] for channel in range(3)])[None]}


def folder_of_pixels(engine, folder, **facts):
    """A folder whose image comes on the stream of pixels."""
    net = photographed(**facts)
    program = lower(net.graph(), engine.array, engine)
    assert program.engine == engine
    return written(hardware_files(program, net.graph(), of_pixels(net, program), form=FORM), folder)


def folder_of_long_maps(engine, folder):
    """A folder of whose maps bursts would cross a page (windows of three words), or have no end (1 x 1)."""
    net = Net((1, 8, 7, 41))
    net.conv(net.conv("image", 2, kernel=(1, 3)), 2)
    program = lower(net.graph(), engine.array, engine)
    assert program.engine == engine
    return written(hardware_files(program, net.graph(), net.images()), folder)


def folder_of_head(engine, folder, **facts):
    """A folder with detections."""
    one = case(bins=BINS, **facts)
    program = lower(one.graph, engine.array, engine, one.head)
    assert program.engine == engine
    return written(hardware_files(program, one.graph, one.images), folder)


def built_in_icarus(folder, mutant=None):
    """The wrapper's test bench; None where a mutant is refused by the simulator."""
    if mutant:
        file, before, after = mutant
        path = folder / "rtl" / file
        path.write_text(path.read_text().replace(before, after))
    package, rest = folder / "rtl/dq_config.sv", [*(folder / "rtl").glob("*.sv"), *(folder / "tb/axi").glob("*.sv")]
    rest = sorted((path for path in rest if path != package), key=lambda path: path.name)
    given = ["-s", TOP, f"-P{TOP}.LOG_MEMORY=16", "-o", folder / "axi.vvp"]
    command = ["iverilog", "-g2012", *given, package, *rest]
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True, timeout=120, check=False)
    assert mutant or done.returncode == 0, done.stderr
    return ["vvp", "-n", str(folder / "axi.vvp")] if done.returncode == 0 else None


def said(command, folder, **options):
    """The lines of a run."""
    places = {"mem": folder / "mem", "vectors": folder / "tb/vectors", "sw": folder / "sw", "limit": 40_000}
    given = [f"+{key}={value}" for key, value in {**places, **options}.items()]
    try:
        done = subprocess.run([*command, *given], capture_output=True, text=True, timeout=600, check=False)
    except subprocess.TimeoutExpired:
        return ["FAIL no end"]
    return [line for line in done.stdout.splitlines() if not line.startswith("- ")]
