"""Channels that say nothing are as good as gone: a graph with zeros in their place gives what the smaller one gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import pytest

from detquant.graph.channels import Channels
from detquant.graph.traits import bias_of, weight_of
from detquant.graph.values import constant
from detquant.graph.weights import replace_bias, replace_weight


@pytest.fixture
def unread() -> Callable[..., ir.Model]:
    """unread(model, channels, gone): a copy whose layers multiply what they read of these channels by zero."""

    def make(model: ir.Model, channels: Channels, gone) -> ir.Model:
        copy, roots = model.clone(), np.unique(channels.roots(np.array(gone)))
        for node in copy.graph:
            layer = channels.layers.get(node.name)
            if layer is None or not layer.reads.size:
                continue
            weight, off = np.array(constant(weight_of(node))), np.isin(channels.roots(layer.reads), roots)
            if node.op_type == "Conv":
                for group, some in zip(np.split(weight, len(off)), off, strict=True):  # views
                    group[:, some] = 0
            elif node.op_type == "ConvTranspose" or not node.attributes.get_int("transB", 0):
                weight[off.reshape(-1)] = 0
            else:
                weight[:, off[0]] = 0
            replace_weight(node, weight)
        return copy

    return make


@pytest.fixture
def silent() -> Callable[..., ir.Model]:
    """silent(model, channels, gone): a copy whose layers make zeros of these channels."""

    def make(model: ir.Model, channels: Channels, gone) -> ir.Model:
        copy, roots = model.clone(), np.unique(channels.roots(np.array(gone)))
        for node in copy.graph:
            layer = channels.layers.get(node.name)
            if layer is None:
                continue
            off, weight = np.isin(channels.roots(layer.makes), roots), np.array(constant(weight_of(node)))
            if node.op_type == "Conv" or node.attributes.get_int("transB", 0):
                weight[off] = 0
            elif node.op_type == "ConvTranspose":
                groups = node.attributes.get_int("group", 1)
                for group, some in zip(np.split(weight, groups), np.split(off, groups), strict=True):
                    group[:, some] = 0
            else:
                weight[:, off] = 0
            replace_weight(node, weight)
            bias = constant(bias_of(node))
            if bias is not None:
                replace_bias(node, np.where(off, 0, bias).astype(np.float32))
        return copy

    return make


@pytest.fixture
def some_of() -> Callable[..., list[int]]:
    """some_of(channels, seed): about half of the channels that may go, of each value some left."""

    def choose(channels: Channels, seed: int) -> list[int]:
        rng, taken = np.random.default_rng(seed), set[int]()
        every = np.unique(channels.roots(np.arange(len(channels.atoms))))
        for root in rng.permutation(every[channels.removable(every)]).tolist()[: len(every) // 2 + 1]:
            gone = np.array(sorted({*taken, root}))
            lanes = [
                *(lane.atoms for lane in channels.lanes.values()),
                *(one.makes for one in channels.layers.values()),
            ]
            if all(not np.isin(channels.roots(atoms), gone).all() for atoms in lanes):
                taken.add(root)
        return sorted(taken)

    return choose
