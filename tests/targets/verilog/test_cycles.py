"""Cycles without a simulator. `bench.run` holds the count to the simulator's, for every case of every test."""

from __future__ import annotations

import json

import pytest
from nets import Net

from detquant.targets.verilog.cycles import cycles_of
from detquant.targets.verilog.engine import Array
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower

SMALL = Array(icp=4, ocp=4, lanes=2)


def test_a_long_convolution_takes_a_cycle_a_step():
    net = Net((1, 8, 30, 30))
    net.conv("image", 8, kernel=(3, 3), pads=((1, 1), (1, 1)))
    cycles = cycles_of(lower(net.graph(), SMALL))
    steps = 30 * 30 * 2 * 2 * 9
    assert steps < cycles.total < steps + 100 and sum(cycles.each) == cycles.total - 2
    assert cycles.use == pytest.approx(100 * 30 * 30 * 8 * 8 * 9 / (16 * cycles.total))
    assert cycles.milliseconds(100) == pytest.approx(cycles.total / 1e5)


def test_lanes_that_are_too_few_make_the_array_wait():
    net = Net((1, 4, 30, 30))
    net.conv("image", 4)
    slow, fast = (cycles_of(lower(net.graph(), Array(icp=4, ocp=4, lanes=lanes))).total for lanes in (1, 4))
    assert 4 * 900 < slow < 4 * 900 + 100 and 900 < fast < 1000


def test_the_manifest_tells_them():
    net = Net((1, 4, 5, 5))
    net.conv(net.conv("image", 6), 3)
    program = lower(net.graph(), SMALL)
    told, counted = (
        json.loads(hardware_files(program, net.graph(), net.images())["manifest.json"]),
        cycles_of(program),
    )
    assert told["cycles"] == counted.total and told["use_of_the_array"] == round(counted.use, 2)
    assert [one["cycles"] for one in told["instructions"]] == list(counted.each)
