"""The head's units in RTL: bit for bit what `detquant.integer.head` says, each in a test bench of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.resources import files

import numpy as np
import pytest

from detquant.integer.head.candidates import candidates
from detquant.integer.head.corners import corners
from detquant.integer.head.distances import expectations, exponentials
from detquant.integer.head.scores import ScoreTable
from detquant.integer.head.suppression import overlap_threshold, suppress
from detquant.numerics import QType, QuantParams
from detquant.targets.verilog.rtl_files import PACKAGE

SOURCES = files(PACKAGE)
needs_verilator = pytest.mark.skipif(shutil.which("verilator") is None, reason="Verilator is not installed")
needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")


def joined(*fields):
    """Words of fields, (values, width) each, the first in the highest bits."""
    word = 0
    for values, width in fields:
        word = (word << width) | (np.asarray(values).astype(object) & ((1 << width) - 1))
    return list(np.atleast_1d(word))


def write(folder, name, words):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.mem").write_text("".join(f"{int(word):x}\n" for word in words))


def build(folder, unit, sources=None, **parameters):
    """Builds a unit's test bench; gives the program to run."""
    top = f"dq_head_{unit}_tb"
    built = folder / f"{top}.vvp"
    paths = [sources or SOURCES / f"rtl/dq_head_{unit}.sv", SOURCES / "tb/head/dq_head_harness.sv"]
    given = [f"-P{top}.{name}={value}" for name, value in parameters.items()]
    command = ["iverilog", "-g2012", "-s", top, "-o", built, *given, *paths, SOURCES / f"tb/head/{top}.sv"]
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return built


def simulate(built, vectors, **options):
    """Cycles of a run, whose words are all as expected."""
    given = [f"+{key}={value}" for key, value in {"vectors": vectors, **options}.items()]
    done = subprocess.run(["vvp", "-n", str(built), *given], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.splitlines()[-1:] == ["PASS"], done.stdout[-2000:]
    found = re.search(r"\d+ words, (\d+) cycles", done.stdout)
    assert found
    return int(found[1])


def bits(count):
    return max(1, int(count - 1).bit_length())


@needs_icarus
@pytest.mark.parametrize(("bins", "levels", "stall"), [(16, 3, 0), (16, 1, 30), (5, 2, 30), (2, 4, 0), (32, 3, 0)])
def test_distances(tmp_path, bins, levels, stall):
    rng = np.random.default_rng(bins)
    tables = np.stack([exponentials(step) for step in (0.11, 0.00781, 0.7, 3.0)[:levels]])
    codes = rng.integers(-128, 128, (60, bins))
    codes[:20] = np.clip(codes[:20] // 8 + rng.integers(-128, 128, (20, 1)), -128, 127)
    codes[20], codes[21], codes[22] = -128, 127, np.where(np.arange(bins) == bins - 1, 127, -128)
    codes[23], codes[24] = np.where(np.arange(bins) == 0, 127, -128), np.arange(bins) % 2
    codes[25] = np.arange(bins) == 0  # of two bins on level 1 of 4: 65535 and 65025, a division without a rest
    level = np.arange(len(codes)) % levels
    expected = [int(expectations(row, tables[which])) for row, which in zip(codes, level, strict=True)]
    write(tmp_path, "entries", tables.reshape(-1))
    write(tmp_path, "fed", joined((np.repeat(level, bins), bits(levels)), (codes.reshape(-1), 8)))
    write(tmp_path, "expected", expected)
    cycles = simulate(build(tmp_path, "distances", BINS=bins, LEVELS=levels), tmp_path, stall=stall)
    if not stall:
        assert abs(cycles - len(codes) * (2 * bins + 11 + bits(bins))) <= 10


@needs_icarus
@pytest.mark.parametrize(("place", "width", "stall"), [(11, 12, 0), (8, 14, 40), (5, 9, 0)])
def test_corners(tmp_path, place, width, stall):
    rng = np.random.default_rng(place)
    count, most = 200, (1 << width) - 1
    sides = rng.integers(0, most + 1, (count, 4))
    sides[:8], sides[8:16] = 0, most
    log_stride = rng.integers(0, 8, count)
    places = rng.integers(0, 1 << place, (count, 2))
    places[:4], places[8:12] = 0, (1 << place) - 1
    places[np.arange(count), np.arange(count) % 2] %= 4  # the other way the map is as long as it can be
    # The cell is the last of a map that ends there: distances of the others do not matter.
    maps = [np.broadcast_to(side.reshape(4, 1, 1), (4, *at + 1)) for side, at in zip(sides, places, strict=True)]
    ends = np.stack([corners(one, 1 << int(shift))[-1] for one, shift in zip(maps, log_stride, strict=True)])
    cells = [(log_stride, 3), (places[:, 0], place), (places[:, 1], place)]
    fields = [*cells, *((sides[:, k], width) for k in (3, 2, 1, 0))]
    write(tmp_path, "fed", joined(*fields))
    write(tmp_path, "expected", joined(*((ends[:, k], 16) for k in (3, 2, 1, 0))))
    cycles = simulate(build(tmp_path, "corners", PLACE=place, DISTANCE=width), tmp_path, stall=stall)
    assert stall or cycles <= count + 10


@needs_icarus
@pytest.mark.parametrize(("width", "stall"), [(8, 0), (8, 40), (11, 0), (16, 30)])
def test_scores(tmp_path, width, stall):
    qtype = QType(width, signed=True)
    grid = QuantParams(qtype, np.float32(24 / (1 << width)), np.int32((1 << width) // 8))
    table = ScoreTable.of(grid)
    codes = np.random.default_rng(width).integers(qtype.qmin, qtype.qmax + 1, 300)
    codes[:4] = qtype.qmin, qtype.qmax, 0, -1
    write(tmp_path, "entries", table.entries)
    write(tmp_path, "fed", joined((codes, width)))
    write(tmp_path, "expected", table.scores(codes))
    cycles = simulate(build(tmp_path, "scores", BITS=width), tmp_path, stall=stall)
    assert stall or abs(cycles - 5 * len(codes)) <= 10


def shown(codes, rng):
    """Words of all pairs of an image, in any order, the last with its flag."""
    cells, classes = np.divmod(rng.permutation(codes.size), codes.shape[1])
    last = np.arange(codes.size) == codes.size - 1
    return last, codes[cells, classes], cells, classes


@needs_icarus
@pytest.mark.parametrize(
    ("places", "width", "threshold", "stall", "built_for"),
    [
        (16, 8, 20, 0, 16),
        (16, 8, -128, 30, 29),
        (1, 8, 0, 0, 1),
        (13, 16, -32768, 0, 13),
        (40, 16, 32767, 0, 40),
        (8, 8, 128, 0, 64),
    ],
)
def test_candidates(tmp_path, places, width, threshold, stall, built_for):
    rng = np.random.default_rng(places)
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    images = [
        rng.integers(low, high + 1, (30, 7)),
        rng.integers(0, 3, (20, 5)) + min(threshold, high - 2),  # many of each
        np.full((6, 4), low),  # none, or all alike
        np.full((9, 8), high),
        rng.integers(low, high + 1, (1, 1)),
        np.arange(low, low + 60).reshape(20, 3),
        np.sort(rng.integers(low, high + 1, 128)).reshape(-1, 128),
    ]
    fed, expected = [], []
    for codes in images:
        best = candidates(codes, threshold, places)
        last, code, cell, category = shown(codes, rng)
        fed += joined((last, 1), (code, width), (cell, 14), (category, 7))
        expected += joined((best.codes, width), (best.cells, 14), (best.classes, 7)) if len(best.cells) else []
        expected += joined((1, 1), (best.left_out, 32), (0, width + 21))
    write(tmp_path, "fed", fed)
    write(tmp_path, "expected", expected)
    built = build(tmp_path, "candidates", PLACES=built_for, BITS=width)
    simulate(built, tmp_path, stall=stall, threshold=threshold, places=places)


def box_lists():
    """Boxes and classes of lists: random ones, and those in whose corners suppression is wrong."""
    rng = np.random.default_rng(8)
    for count, span, classes in ((40, 400, 3), (40, 3000, 1), (60, 60, 2), (30, 32000, 1)):
        start = rng.integers(-span, span, (count, 2))
        ends = np.minimum(start + rng.integers(0, span, (count, 2)), 32767)
        yield np.concatenate([start, ends], axis=1), rng.integers(0, classes, count)
    yield np.empty((0, 4), np.int64), np.empty(0, np.int64)
    whole = np.array([-32768, -32768, 32767, 32767])
    yield np.stack([whole, whole, whole // 2, np.zeros(4, np.int64), whole]), np.array([0, 0, 0, 0, 1])
    points = np.array([[5, 5, 5, 5], [5, 5, 5, 5], [5, 0, 5, 90], [5, 0, 5, 90], [0, 0, 9, 9], [0, 0, 9, 9]])
    yield points, np.zeros(6, np.int64)
    # An overlap of 128/256 and one on either side; boxes that touch; one inside another; classes 0 and 127.
    row = np.array([[0, 0, 16, 4], [0, 0, 8, 4], [0, 0, 9, 4], [16, 0, 32, 4], [-16, 0, 0, 4], [4, 1, 9, 2]])
    yield row, np.zeros(6, np.int64)
    yield np.repeat(row, 2, axis=0), np.tile([127, 0], 6)


@needs_icarus
@pytest.mark.parametrize(
    ("places", "keep", "iou", "stall"),
    [(64, 64, 0.5, 0), (64, 64, 0.7, 40), (9, 9, 0.45, 30), (64, 5, 0.5, 0), (64, 64, 0.0, 0), (1, 1, 1.0, 0)],
)
def test_suppression(tmp_path, places, keep, iou, stall):
    threshold = overlap_threshold(iou)
    fed, expected = [], []
    for boxes, classes in box_lists():
        corners_of = [(boxes[:, k], 16) for k in (3, 2, 1, 0)]
        kept = suppress(boxes, classes, threshold, keep)
        fed += [*joined((0 * classes, 1), (classes, 7), *corners_of), 1 << 71]
        expected += joined((kept, 16), (classes[kept], 7), *((values[kept], width) for values, width in corners_of))
        expected += [1 << 87]
    write(tmp_path, "fed", fed)
    write(tmp_path, "expected", expected)
    simulate(build(tmp_path, "suppression", PLACES=places), tmp_path, stall=stall, threshold=threshold, keep=keep)


@needs_verilator
@pytest.mark.parametrize(
    ("unit", "parameters"),
    [
        ("distances", {}),
        ("distances", {"BINS": 5, "LEVELS": 1}),
        ("corners", {"PLACE": 5, "DISTANCE": 14}),
        ("scores", {"BITS": 16}),
        ("scores", {"BITS": 8}),
        ("candidates", {}),
        ("candidates", {"PLACES": 1, "BITS": 16, "CELL": 1, "CLASS": 1}),
        ("suppression", {}),
        ("suppression", {"PLACES": 1, "CLASS": 1}),
    ],
)
def test_lint_finds_nothing(unit, parameters):
    given = [f"-G{name}={value}" for name, value in parameters.items()]
    command = ["verilator", "--lint-only", "-Wall", "--top-module", f"dq_head_{unit}", *given]
    command.append(str(SOURCES / f"rtl/dq_head_{unit}.sv"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
