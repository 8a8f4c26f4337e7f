from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest

from detquant.calibration import Collector, calibrate
from detquant.errors import TargetError
from detquant.graph.traits import OPS
from detquant.numerics import sqnr_db
from detquant.recipes import load_recipe, plan
from detquant.targets import TARGETS, Artefact, load_target


@pytest.fixture
def quantised(small_net, images):
    """The small net quantised for the target with this name."""

    def make(name):
        capability, table = load_target(name).capability, images()
        points = plan(small_net, load_recipe("w8a8"), capability)
        statistics = Collector(model=small_net, plan=points, by_channel=("x",)).collect(
            lambda positions: (table[k] for k in positions), len(table)
        )
        return calibrate(small_net, points, statistics, capability)

    return make


def test_an_unknown_target_names_the_nearest():
    with pytest.raises(TargetError, match="Unknown target 'ortt': did you mean 'ort'"):
        load_target("ortt")


@pytest.mark.parametrize("name", TARGETS)
def test_a_targets_facts_speak_of_known_operators(name):
    target = load_target(name)
    assert target.name == target.capability.name == name
    assert target.capability.kernels.keys() <= OPS.keys() and target.capability.fused <= OPS.keys()


def test_a_digest_is_of_names_and_contents_in_any_order():
    files = {"a": b"1", "b": b"22"}
    artefact = Artefact(files)
    assert artefact.digest() == Artefact(dict(reversed(files.items()))).digest()
    assert artefact.digest() == hashlib.sha256(b"a\x001\x001b\x002\x0022").hexdigest()
    others = [{"a": b"1"}, {"a": b"1", "b": b"23"}, {"a": b"1", "c": b"22"}, {"a": b"12", "b": b"2"}]
    assert len({artefact.digest(), *(Artefact(other).digest() for other in others)}) == 5
    assert artefact.size_bytes == 3


def test_what_an_artefact_takes_when_it_is_zipped():
    files = {"model.xml": b"<layer/>" * 1000, "model.bin": np.random.default_rng(0).bytes(5000)}
    assert 5000 < Artefact(files).zipped_bytes() < 5500 < Artefact(files).size_bytes
    assert Artefact(dict(reversed(files.items()))).zipped_bytes() == Artefact(files).zipped_bytes()


def test_lowering_twice_gives_equal_bytes(quantised):
    target = load_target("ort")
    first, second = (target.lower(quantised("ort").qdq()) for _ in range(2))
    assert dict(first.files) == dict(second.files) and first.digest() == second.digest()
    onnx.checker.check_model(onnx.load_from_string(first.files["model.onnx"]), full_check=True)


def test_the_runtime_computes_nearly_the_same(small_net, quantised, images):
    from detquant.graph.running import OrtRunner

    target = load_target("ort")
    runner = target.open(target.lower(quantised("ort").qdq()))
    feed = images(1)[0]
    found, expected = runner.run(feed), OrtRunner(small_net).run(feed)
    assert list(found) == ["scores"]
    assert 30.0 < sqnr_db(np.asarray(expected["scores"]), np.asarray(found["scores"])) < 120.0


@pytest.mark.parametrize("name", TARGETS)
def test_the_files_that_it_may_write_are_known_beforehand(name):
    files = [Path(file) for file in load_target(name).writes]
    assert files and not any(file.is_absolute() or ".." in file.parts for file in files)
