"""How much of an error in a layer's outputs arrives at the heads.

A share of a layer's outputs that is lost early goes through all that follows; late, through one head of several. So a
share of noise is put on each layer's outputs alone, and what it changes in the outputs of the heads is looked at, as a
share of their variance: for small shares one is a multiple of the other, which is the layer's reach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from detquant.calibration import Images
from detquant.graph.decode_tail import find_decode_tail
from detquant.graph.running import OrtRunner
from detquant.graph.taps import only_outputs
from detquant.graph.values import fresh_name, new_initializer, static_shape, used_names
from detquant.numerics.arrays import Array

NOISE = 0.05
"""Share of the outputs' variance that is put on them."""
IMAGES = 4
"""Images that are looked at: what is measured is an order of magnitude."""


def reaches(
    model: ir.Model, variances: Mapping[str, float], images: Images, *, seed: int, threads: int
) -> dict[str, float]:
    """What arrives at the heads of a share of error in each layer's outputs, as a multiple of that share.

    Args:
        model: float graph.
        variances: variance of an output of each layer, by its name.
        images: calibration images.
        seed: of the noise.
        threads: of the runtime.
    """
    heads = [node.outputs[0].name or "" for node in find_decode_tail(model.graph).head_convs]
    noisy, amounts = _with_noise(model, list(variances), heads, seed)
    runner, found = OrtRunner(noisy, threads), dict.fromkeys(variances, 0.0)
    silence: dict[str, Array] = {amount: np.zeros((), np.float32) for amount in amounts.values()}
    some = images.part(range(min(IMAGES, len(images))))
    for feed in some:
        plain = runner.run({**feed, **silence})
        for name, variance in variances.items():
            loud = np.asarray(np.sqrt(NOISE * variance), np.float32)
            found[name] += _share(plain, runner.run({**feed, **silence, amounts[name]: loud})) / NOISE / len(some)
    return found


def _share(plain: Mapping[str, Array], noisy: Mapping[str, Array]) -> float:
    """Mean over the heads of how much has changed, as a share of the variance."""
    shares = list[float]()
    for head, array in plain.items():
        one, other = (np.asarray(x, np.float64) for x in (array, noisy[head]))
        shares.append(float(np.square(other - one).mean() / max(float(one.var()), 1e-12)))
    return float(np.mean(shares))


def _with_noise(
    model: ir.Model, names: Sequence[str], heads: Sequence[str], seed: int
) -> tuple[ir.Model, dict[str, str]]:
    """A copy that gives the heads' outputs and adds noise to those of layers; its inputs for how much, by layer."""
    copy, rng = model.clone(), np.random.default_rng(seed)
    graph, taken = copy.graph, used_names(copy.graph)
    noises, amounts, given = dict[Sequence[int], ir.Value](), dict[str, str](), dict[str, ir.Value]()
    for node in tuple(graph):
        out = node.outputs[0]
        last = out
        shape = static_shape(out)
        if node.name in names and shape is not None:
            if shape not in noises:
                array = rng.standard_normal(shape).astype(np.float32)
                noises[shape] = new_initializer(graph, "noise", array, taken)
            scalar = ir.TensorType(ir.DataType.FLOAT)
            amount = ir.Value(name=fresh_name(f"{out.name}_amount", taken), shape=ir.Shape([]), type=scalar)
            graph.inputs.append(amount)
            scaled = ir.node("Mul", [noises[shape], amount])
            added = ir.node("Add", [out, scaled.outputs[0]])
            for made in (scaled, added):
                made.outputs[0].name = fresh_name(f"{out.name}_noisy", taken)
            last = added.outputs[0]
            last.shape, last.type = out.shape, out.type
            for reader, position in tuple(out.uses()):
                if reader is not added:
                    reader.replace_input_with(position, last)
            graph.insert_after(node, [scaled, added])
            amounts[node.name or ""] = amount.name or ""
        if out.name in heads:
            given[out.name or ""] = last
    return only_outputs(copy, [given[head] for head in heads]), amounts
