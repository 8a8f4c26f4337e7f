"""Memories: what is packed comes back, in every format and width."""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES
from heads import case
from nets import Net

from detquant.errors import TargetError
from detquant.targets.verilog.descriptors import read_descriptor
from detquant.targets.verilog.engine import Array
from detquant.targets.verilog.folding import folded_codes
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.maps import StoredMap
from detquant.targets.verilog.memories.files import FORMATS, binary, mem, read_binary, read_mem
from detquant.targets.verilog.memories.head import head_memory, read_head
from detquant.targets.verilog.memories.rows import Memory, packed, unpacked
from detquant.targets.verilog.memories.streams import memories
from detquant.targets.verilog.memory_plan import plan_memory

SMALL = Array(icp=4, ocp=4, lanes=2)


@pytest.mark.parametrize("bits", range(2, 9))
def test_weights_of_every_width_come_back(bits):
    lanes = np.random.default_rng(bits).integers(-(1 << (bits - 1)), 1 << (bits - 1), (5, 12))
    memory = Memory("weights", 12 * bits, packed(lanes, bits))
    for again in (read_mem(mem(memory), memory.width), read_binary(binary(memory), memory.width)):
        assert np.array_equal(unpacked(again.data, bits, 12, signed=True), lanes)


def test_lane_0_lies_in_the_low_bits_in_twos_complement():
    assert mem(Memory("weights", 12, packed(np.array([[1, -1, -4]]), 4))) == b"cf1\n"
    assert mem(Memory("weights", 9, packed(np.array([[1, -1, -4]]), 3))) == b"139\n"
    assert binary(Memory("weights", 9, packed(np.array([[1, -1, -4]]), 3))) == b"\x39\x01"


def test_a_number_without_room_is_refused():
    with pytest.raises(OverflowError, match="from -5 to 3 have no room in 3 bits"):
        packed(np.array([[-5, 3]]), 3)


def test_vendors_files_hold_the_same_rows():
    memory = Memory("lut_0", 8, packed(np.array([[1], [-1]]), 8))
    assert FORMATS["coe"](memory).endswith(b"memory_initialization_vector=\n01,\nff;\n")
    text = FORMATS["mif"](memory).decode()
    assert "DEPTH = 2;\nWIDTH = 8;" in text and "0 : 01;\n1 : ff;\nEND;" in text


@pytest.mark.parametrize("line", ["0", "0g", "xx", "123", "-1"])
def test_rows_that_are_none_are_refused(line):
    with pytest.raises(TargetError, match=r"Row 1 of lut_0\.mem is .*expected 2 hexadecimal digits"):
        read_mem(f"00\n{line}\n".encode(), 8, "lut_0")


@pytest.mark.parametrize("case", ["split_and_join", "blended"])
def test_a_programs_memories_come_back(case):
    net = CASES[case]()
    program = lower(net.graph(), SMALL)
    by_name = {memory.name: memory for memory in memories(program)}
    words = unpacked(by_name["desc"].data, 32, 1, signed=False).reshape(-1).tolist()
    for one in program.instructions:
        header, segments, count = read_descriptor(words)
        assert header["opcode"] == (2 if one.weighted is None else 1) and header["out_groups"] == one.out_groups
        assert header["low"] == one.low and header["zero"] == one.zero and header["pad_top"] == one.pads[0]
        assert header["clamped"] == one.clamped == (one.operator == "Blend")
        assert [segment["groups"] for segment in segments] == [segment.groups for segment in one.segments]
        assert header["first_multiplier"] == one.scaling.multipliers[0]
        words = words[count:]
    assert words == [0] * 14
    tiles = [one.weighted.tiles.reshape(-1, 16) for one in program.instructions if one.weighted]
    bits = program.engine.weight
    found = unpacked(by_name[f"weights_b{bits}"].data, bits, 16, signed=True)
    assert np.array_equal(found, np.concatenate(tiles))
    tables = [one.table for one in program.instructions if one.table is not None]
    assert [name for name in by_name if name.startswith("lut_")] == [f"lut_{k}" for k in range(len(tables))]
    for number, table in enumerate(tables):
        assert np.array_equal(unpacked(by_name[f"lut_{number}"].data, 8, 1, signed=True)[:, 0], table)


@pytest.mark.parametrize("facts", [{}, {"signed": True, "zero": 100, "sizes": ((1, 9), (1, 1)), "strides": (4, 128)}])
def test_a_heads_settings_and_tables_come_back(facts):
    made = case(**facts, limit=1000)
    program = lower(made.graph, SMALL, head=made.head)
    memory = next(one for one in memories(program) if one.name == "head")
    found = read_head(read_mem(mem(memory), 32, "head"))
    head, layout = made.head, made.head.layout
    less = 0 if facts.get("signed") else 128
    assert (found.classes, found.threshold, found.overlap) == (layout.classes, head.threshold - less, head.overlap)
    assert (found.capacity, found.limit) == (head.capacity, head.capacity)  # no more can be found
    assert np.array_equal(found.exponentials, head.exponentials) and np.array_equal(found.scores, head.scores.entries)
    for told, level in zip(found.levels, layout.levels, strict=True):
        assert (told.rows, told.columns, 1 << told.log_stride) == (level.rows, level.columns, level.stride)
        assert told.plane == level.rows * level.columns
        for name, base in ((level.scores, told.scores), (level.distances, told.distances)):
            for number, place in enumerate(program.heads[name].channels):
                at = place.stored.base + place.slot // 4 * place.stored.plane
                assert (at, place.slot % 4) == (base + number // 4 * told.plane, number % 4)


def test_a_heads_stream_that_was_cut_is_refused():
    made = case()
    memory = head_memory(lower(made.graph, SMALL, head=made.head).head)
    assert read_head(head_memory(None)).levels == ()
    for rows in (0, 3, memory.rows - 1):
        with pytest.raises(TargetError, match=f"head.mem has {rows} words, and a head of [03] levels has"):
            read_head(Memory("head", 32, memory.data[:rows]))


def test_widths_of_a_head_are_computed_and_shared():
    made, other = case(), case(classes=17, sizes=((9, 3),), strides=(8,), capacity=50)
    head = lower(made.graph, SMALL, head=made.head).engine.head
    assert (head.levels, head.bins, head.places, head.kept, head.size, head.class_) == (3, 16, 12, 10, 3, 3)
    engine = lower(other.graph, SMALL, lower(made.graph, SMALL, head=made.head).engine, other.head).engine
    assert engine.head.verilog_parameters() == {
        "HEAD_LEVELS": 3, "HEAD_BINS": 16, "HEAD_PLACES": 50, "HEAD_KEPT": 10, "HEAD_SIZE": 4, "HEAD_CLASS": 5,
    }  # fmt: skip
    assert "localparam int HEAD = 1;" in engine.package()
    assert "localparam int HEAD = 0;" in lower(made.graph, SMALL).engine.package()
    assert not any(one.name == "head" for one in memories(lower(made.graph, SMALL)))


def test_widths_are_computed_from_the_program():
    net = Net((1, 4, 9, 9), bits=4)
    net.silu("image", 6, kernel=(3, 3), weight_bits=3, bits=9)
    engine = lower(net.graph(), SMALL).engine
    assert (engine.weight, engine.log_entries, engine.segments) == (3, 9, 1)
    assert 1 << engine.address >= (1 + 2) * 81 and 1 << engine.log_tiles >= 2 * 9
    assert engine.accumulator >= 16 and engine.multiplier == 24
    assert "localparam int WEIGHT = 3;" in engine.package()


def test_memory_is_used_again_and_never_twice_at_a_time():
    rng = np.random.default_rng(0)
    maps = [StoredMap(str(k), int(rng.integers(1, 9)), int(rng.integers(1, 9)), 3) for k in range(40)]
    starts = rng.integers(0, 30, len(maps))
    spans = {one: (int(start), int(start + rng.integers(0, 5))) for one, start in zip(maps, starts, strict=True)}
    words = plan_memory(maps, spans)
    busy = np.zeros((36, words), int)
    for one, (first, last) in spans.items():
        busy[first : last + 1, one.base : one.base + one.words] += 1
    assert busy.max() == 1
    most = max(sum(one.words for one, (a, b) in spans.items() if a <= t <= b) for t in range(36))
    assert most <= words < 1.5 * most < sum(one.words for one in maps)


def test_an_image_is_folded_by_channels_within_rows_within_columns():
    image = np.arange(2 * 3 * 4).reshape(1, 2, 3, 4)
    folded = folded_codes(image, 2, 99)
    assert folded.shape == (1, 8, 2, 2)
    for (py, px), (c, y, x) in zip([(0, 0), (0, 1), (1, 0)], [(1, 0, 0), (0, 1, 1), (1, 0, 1)], strict=True):
        assert folded[0, (2 * py + px) * 2 + c, y, x] == image[0, c, 2 * y + py, 2 * x + px]
    assert (folded[0, 4:, 1] == 99).all()
