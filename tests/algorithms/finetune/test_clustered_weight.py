"""Weights on few codes, learnt as such: all numbers of one code move together, and the target's limits hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from output_error import drawn

from detquant.algorithms import take_steps
from detquant.algorithms.cluster import Cluster
from detquant.calibration import AllowedCodes, invariant_violation
from detquant.graph.traits import weight_of
from detquant.graph.values import constant
from detquant.numerics import QuantParams, dequantize, quantize
from detquant.numerics.qtype import QType

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch

from detquant.algorithms.finetune.clustered_weight import ClusteredWeight, weight_variable
from detquant.algorithms.finetune.learnt_grids import WeightVariable
from detquant.algorithms.finetune.network import network_of
from detquant.algorithms.finetune.student import Student

pytestmark = pytest.mark.usefixtures("one_thread")
BOOK = np.array([-90, -7, 0, 30])


@pytest.fixture
def weight():
    """A weight of three channels on the book, and its grid."""
    grid = QuantParams(QType(8), np.array([0.01, 0.02, 0.5], np.float32), np.zeros(3, np.int64), 0)
    codes = np.random.default_rng(2).choice(BOOK, (3, 4, 2, 2))
    return dequantize(codes, grid), grid


def test_it_begins_with_the_weight_as_it_is(weight):
    real, grid = weight
    one = weight_variable(real, grid, AllowedCodes(book=BOOK))
    assert isinstance(one, ClusteredWeight) and isinstance(weight_variable(real, grid, None), WeightVariable)
    np.testing.assert_array_equal(one().detach().numpy(), real)
    np.testing.assert_array_equal(one.found()[0], real)
    np.testing.assert_array_equal(one.found_book(), BOOK)


def test_the_gradient_of_a_code_is_the_sum_over_its_numbers(weight):
    real, grid = weight
    one, pull = ClusteredWeight(real, grid, BOOK), np.random.default_rng(3).normal(size=real.shape).astype(np.float32)
    (one() * torch.from_numpy(pull)).sum().backward()
    codes = quantize(real, grid)
    steps = grid.scale.reshape(-1, 1, 1, 1)
    sums = np.array([(pull * steps)[codes == code].sum() for code in BOOK]) * one.unit
    np.testing.assert_allclose(one.moved.grad.numpy(), sums * (BOOK != 0), rtol=1e-4, atol=1e-4)
    of_steps = (pull * codes).sum(axis=(1, 2, 3)) * grid.scale * one.slow  # in shares of themselves
    np.testing.assert_allclose(one.stretched.grad.numpy().reshape(-1), of_steps, rtol=1e-4, atol=1e-4)


def test_codes_stay_whole_and_on_the_grid_and_zero_stays(weight):
    real, grid = weight
    one = ClusteredWeight(real, grid, BOOK)
    with torch.no_grad():
        one.moved.copy_(torch.tensor([-100.0, 0.03, 5.0, 1.0]))
        one.stretched.fill_(0.1)
    np.testing.assert_array_equal(one.found_book(), [-128, -7, 0, 46])
    found, other = one.found()
    np.testing.assert_allclose(other.scale, grid.scale * np.exp(np.float32(0.1)), rtol=1e-6)
    assert set(np.unique(quantize(found, other))) == set(one.found_book())


@pytest.mark.parametrize("target", ["ort", "pytorch"])
def test_what_is_learnt_becomes_a_model_with_its_own_books(residuals, narrow, target):
    qm, context = narrow(residuals, drawn(8), 8, 8, target)
    start = take_steps(qm, [Cluster(clusters=5, samples=20, smallest_share=0.0)], context)
    network, capability = network_of(start, "finetune", "cpu"), context.target.capability
    student = Student(network, start, torch.from_numpy(drawn(1)[0]["x"]))
    with torch.no_grad():
        for variable in student.weights:
            variable.moved += 0.2 * torch.randn(variable.moved.shape, generator=torch.manual_seed(0))
            variable.stretched += 0.05
    found = student.model(capability)
    assert invariant_violation(found, capability) is None
    assert found.allowed.keys() == start.allowed.keys() == {"one0", "two0", "one1", "two1"}
    nodes = {node.name: node for node in found.model.graph}
    for name, allowed in found.allowed.items():
        codes = np.unique(quantize(constant(weight_of(nodes[name])), found.weights[name]))
        assert len(codes) <= 5 and set(codes) <= set(allowed.book) != set(start.allowed[name].book)
    again = replace(found, allowed=start.allowed)
    assert "are not in its codebook" in (invariant_violation(again, capability) or "")
