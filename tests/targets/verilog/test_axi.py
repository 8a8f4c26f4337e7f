"""The AXI wrapper, driven through its registers: every map and detection in memory, and whatever may go wrong."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from axi_bench import (
    FORM,
    LONG,
    NARROW,
    USUAL,
    built_in_icarus,
    folder_of_head,
    folder_of_long_maps,
    folder_of_pixels,
    photographed,
    said,
)
from axi_mutants import MUTANTS
from heads import CASES
from nets import Net

from detquant.families.input_form import WholeImage
from detquant.families.letterbox import as_tensor
from detquant.numerics import quantize
from detquant.targets.verilog.axi import registers
from detquant.targets.verilog.axi.driver import packed
from detquant.targets.verilog.axi.pixels import pixel_vectors, why_no_stream
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.rtl_files import fixed_files

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
needs_verilator = pytest.mark.skipif(shutil.which("verilator") is None, reason="Verilator is not installed")
DOCS = Path(__file__).resolve().parents[3] / "docs/hardware-registers.md"


def test_registers_of_the_rtl_and_of_the_docs_are_those_of_the_table():
    assert fixed_files("rtl")["rtl/dq_addresses.sv"].decode() == registers.package()
    assert registers.table() in DOCS.read_text(encoding="utf-8")
    text = "".join(content.decode() for path, content in fixed_files("rtl").items() if "dq_axi" in path)
    for one in registers.REGISTERS:
        assert re.search(rf"dq_addresses::{one.name}\b", text), f"{one.name} is not in the RTL"


def test_registers_do_not_overlap():
    places = [one.offset + 4 * word for one in registers.REGISTERS for word in range(one.words)]
    assert len(set(places)) == len(places) and max(places) < 0x1000 and all(place % 4 == 0 for place in places)
    for one in registers.REGISTERS:
        bits = [field.low + bit for field in one.fields for bit in range(field.count)]
        assert len(set(bits)) == len(bits) and max(bits, default=0) < 32
    assert packed("IMAGE_SIZE", WIDTH=320, HEIGHT=640) == 640 << 16 | 320


@pytest.mark.parametrize("rgb", [True, False])
def test_codes_of_pixels_are_those_of_the_networks_input(rgb):
    net, form = photographed(), WholeImage(rgb=rgb, mean=FORM.mean, std=FORM.std)
    program = lower(net.graph(), USUAL.array)
    image = np.random.default_rng(0).integers(0, 256, (8, 10, 3)).astype(np.uint8)  # blue, green, red
    codes = quantize(as_tensor(image, rgb=rgb, mean=form.mean, std=form.std), net.grids["image"])
    rows = pixel_vectors(program, net.graph(), {"image": codes}, form)["pixels.mem"].split()
    again = np.array([[int(row[place : place + 2], 16) for place in (0, 2, 4)] for row in rows], np.uint8)
    same = quantize(as_tensor(again.reshape(image.shape), rgb=rgb, mean=form.mean, std=form.std), net.grids["image"])
    assert np.array_equal(same, codes)


def test_images_that_no_stream_of_pixels_gives_are_left_to_the_host():
    def program_of(shape, stride):
        net = Net(shape)
        net.conv("image", 4, kernel=(3, 3), strides=(stride, stride))
        return lower(net.graph(), USUAL.array)

    assert why_no_stream(program_of((1, 3, 8, 8), 2), FORM) is None
    assert why_no_stream(program_of((1, 3, 8, 8), 2), None) == "how pixels become numbers was not told"
    assert why_no_stream(program_of((1, 1, 8, 8), 2), FORM) == "its image has 1 channels, not 3"
    assert "not folded by 2 without a rest" in str(why_no_stream(program_of((1, 3, 9, 8), 2), FORM))


@pytest.fixture(scope="module")
def of_pixels_in_icarus(tmp_path_factory):
    folder = folder_of_pixels(USUAL, tmp_path_factory.mktemp("axi"))
    return folder, built_in_icarus(folder)


@needs_icarus
@pytest.mark.parametrize("faults", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_images_as_pixels_and_whatever_goes_wrong(of_pixels_in_icarus, faults):
    folder, built = of_pixels_in_icarus
    lines = said(built, folder, stall=10, faults=faults)
    assert lines[-1] == "PASS", lines[-1]
    assert any(re.match(r"5 instructions, \d+ cycles", line) for line in lines)


@needs_icarus
def test_detections_in_memory(of_pixels_in_icarus, tmp_path):
    folder = folder_of_head(USUAL, tmp_path, **CASES["usual"])
    lines = said(of_pixels_in_icarus[1], folder, stall=20)
    assert lines[-1] == "PASS", lines[-1]
    assert int((folder / "tb/vectors/found.txt").read_text().split()[0]) > 3


@needs_icarus
def test_bursts_of_maps_stay_within_their_length_and_their_page(tmp_path):
    folder = folder_of_long_maps(LONG, tmp_path)
    lines = said(built_in_icarus(folder), folder)
    assert lines[-1] == "PASS", lines[-1]
    beats, bursts = map(int, re.match(r"(\d+) reads of maps in (\d+) bursts", lines[-2]).groups())
    assert beats > 3 * bursts  # words in threes, then all that a burst may have


@needs_icarus
@pytest.mark.parametrize(("name", "rule"), [("cross 4 KiB", "crosses 4 KiB"), ("have no end", "is too long")])
def test_bursts_that_break_a_rule_are_told(tmp_path, name, rule):
    folder = folder_of_long_maps(LONG, tmp_path)
    lines = said(built_in_icarus(folder, MUTANTS[f"bursts of maps {name}"]), folder)
    assert lines[-1] == f"FAIL m_axi_maps breaks a rule of AXI: a burst that {rule}"


@needs_icarus
def test_a_difference_in_memory_is_told(of_pixels_in_icarus, tmp_path):
    folder = folder_of_pixels(USUAL, tmp_path)
    path = folder / "mem/params.bin"
    content = bytearray(path.read_bytes())
    content[3] ^= 0x40  # of a multiplier
    path.write_bytes(content)
    assert said(of_pixels_in_icarus[1], folder)[-1].startswith("FAIL instruction 0 n_t0 channel")


@needs_verilator
def test_the_wrapper_is_free_of_complaints(tmp_path):
    folder = folder_of_pixels(USUAL, tmp_path)
    rtl = [str(path) for path in sorted((folder / "rtl").glob("*.sv"), key=lambda path: "config" not in path.name)]
    for given in (["-GBUS=32", "-GHEAD=0"], ["-GBUS=128", "-GICP=16", "-GOCP=16", "-GWEIGHT=5", "-GAXI_ADDRESS=32"]):
        rest = [*rtl[:1], *sorted(rtl[1:])]
        command = ["verilator", "--lint-only", "-Wall", "--top-module", "dq_axi", *given, *rest]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[:2000]


@needs_icarus
@pytest.mark.slow
@pytest.mark.parametrize("stall", [0, 70])
@pytest.mark.parametrize("strides", [(1, 1), (2, 2)])
def test_rows_of_odd_sizes_and_pixels_in_several_words(tmp_path, strides, stall):
    folder = folder_of_pixels(NARROW, tmp_path, strides=strides)
    lines = said(built_in_icarus(folder), folder, stall=stall, faults=1)
    assert lines[-1] == "PASS", lines[-1]


def test_every_fault_of_the_wrapper_is_there_to_be_put_in():
    sources = fixed_files("rtl")
    for name, (file, before, after) in MUTANTS.items():
        assert sources[f"rtl/{file}"].decode().count(before) == 1 and before != after, name
    assert len(MUTANTS) >= 20


@needs_icarus
@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_of_the_wrapper_is_found(tmp_path, name):
    assert found_by(tmp_path, MUTANTS[name]), f"nothing tells a wrapper in which {name}"


WITH_ONE_CELL = {**CASES["usual"], "sizes": ((3, 4), (2, 2), (1, 1))}
"""Its last maps are read as soon as they are written."""
RUNS = [
    (folder_of_pixels, USUAL, {}, {}),
    (folder_of_head, USUAL, WITH_ONE_CELL, {"stall": 30, "runs": 2}),
    (folder_of_long_maps, LONG, {}, {}),
    (folder_of_pixels, NARROW, {}, {"stall": 50}),
    (folder_of_pixels, USUAL, {}, {"stall": 30, "faults": 1}),
    (folder_of_head, USUAL, WITH_ONE_CELL, {"image": "host", "faults": 1}),
]


def found_by(folder, mutant):
    """The first run that fails on a mutant; None where it survives."""
    for number, (make, engine, facts, options) in enumerate(RUNS):
        own = make(engine, folder / str(number), **facts)
        built = built_in_icarus(own, mutant)
        if built is None:
            return "the build"
        lines = said(built, own, **options)
        if lines[-1:] != ["PASS"]:
            return f"run {number}: {lines[-1:]}"
    return None
