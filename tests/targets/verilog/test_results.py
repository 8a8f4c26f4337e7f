"""Results read back from the simulation are the integer model's, behind what the host moves too."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from bench import sources_in_order, written
from nets import Net

from detquant.errors import TargetError
from detquant.targets.verilog.engine import Array
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.proof.results import dumped_codes
from detquant.targets.verilog.proof.simulators import Icarus
from detquant.targets.verilog.proof.vectors import image_vectors


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
def test_a_new_image_needs_no_more_than_its_words(tmp_path):
    net = Net((1, 3, 5, 4))
    net.move(net.conv(net.conv("image", 5), 6), lambda a: a.transpose(0, 2, 3, 1), "Transpose")
    graph, first, other = net.graph(), net.images(), net.images()
    program = lower(graph, Array(icp=4, ocp=4, lanes=2))
    files = hardware_files(program, graph, first, ["mem"])
    written(files, tmp_path)
    built = Icarus().build(sources_in_order([tmp_path / path for path in files]), tmp_path / "build")
    vectors = written(image_vectors(program, graph, other), tmp_path / "other")
    options = {"mem": tmp_path / "mem", "vectors": vectors, "check": 0, "dump": tmp_path / "dump"}
    outcome = Icarus().run(built, options)
    assert outcome.passed, outcome.verdict
    text = (tmp_path / "dump").read_text()
    [(name, codes)] = dumped_codes(program, graph, text).items()
    assert np.array_equal(codes, graph.run_codes(other)[name])
    assert not np.array_equal(codes, graph.run_codes(first)[name])
    with pytest.raises(TargetError, match="words of results"):
        dumped_codes(program, graph, text.split("\n", 1)[1])
