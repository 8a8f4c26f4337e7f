"""Channels matched: means and spreads are those of the float net, and the codes stay."""

from __future__ import annotations

import pytest
from output_error import drawn

from detquant.graph.traits import weight_of
from detquant.graph.values import constant
from detquant.numerics import quantize

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch

from detquant.algorithms.finetune.channel_matching import FURTHEST, match_channels
from detquant.algorithms.finetune.network import network_of
from detquant.algorithms.finetune.student import Student, put

pytestmark = pytest.mark.usefixtures("one_thread")


def codes(qm):
    nodes = {node.name: node for node in qm.model.graph}
    return {name: quantize(constant(weight_of(nodes[name])), grid).tolist() for name, grid in qm.weights.items()}


def moments(network, functions, node, images):
    data = torch.cat([network.run(functions, image)[0][node] for image in images])
    return data.mean(dim=(0, 2, 3)), data.std(dim=(0, 2, 3))


def test_means_and_spreads_come_back_and_codes_stay(residuals, narrow):
    feeds = drawn(8)
    qm, context = narrow(residuals, feeds, 3, 8, "pytorch")
    images = [torch.from_numpy(feed["x"]) for feed in feeds]
    network = network_of(qm, "finetune", "cpu")
    student = Student(network, qm, images[0])
    before = put(network, qm)
    node = network.twin.layers["stem"]
    wanted, spread = moments(network, network.twin.exact, node, images)
    _, narrowed = moments(network, before, node, images)
    match_channels(student, before, images, steps=True)
    found = student.model(context.target.capability)
    mean, deviation = moments(network, put(network, found), node, images)
    reached = (spread / narrowed - 1).abs() < FURTHEST - 1
    assert reached.any() and torch.allclose(deviation[reached], spread[reached], rtol=0.02)
    assert torch.allclose(mean, wanted, atol=0.02 * float(spread.max()))
    assert codes(found) == codes(qm) and (found.weights["stem"].scale != qm.weights["stem"].scale).any()
    match_channels(student, put(network, qm), images, steps=False)
    assert (student.model(context.target.capability).weights["stem"].scale == qm.weights["stem"].scale).all()
