"""On grids whose steps are powers of two every factor is a shift, and codes are those of the QDQ graph but at ties."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.calibration import Collector, calibrate
from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.graph.taps import with_taps_only
from detquant.integer.model import IntegerModel
from detquant.numerics import INT8, QuantSpec, quantize
from detquant.numerics.multipliers import multipliers
from detquant.numerics.rounding import shift_half_up
from detquant.recipes import Recipe, Rule, plan
from detquant.targets import load_target


def of_powers(model, feeds, target):
    """The model on grids of one power of two each."""
    spec = QuantSpec(qtype=INT8, observer="minmax", power_of_two=True)
    recipe = Recipe(name="powers", rules=(Rule(weight=spec, activation=spec),), head="int")
    capability = load_target(target).capability
    decided = plan(model, recipe, capability)
    statistics = Collector(model=model, plan=decided, by_channel=()).collect(
        lambda k: (feeds[i] for i in k), len(feeds)
    )
    return calibrate(model, decided, statistics, capability)


@pytest.mark.parametrize("target", ["ort", "openvino"])  # a SiLU in steps, and one inside its layer
def test_every_factor_of_a_network_is_a_shift(small_net, images, target):
    network = IntegerModel(of_powers(small_net, images(3), target).qdq()).network
    with_factors = [operator for operator in network.operators if hasattr(operator, "multiplier")]
    assert len(with_factors) >= 4
    assert all(operator.multiplier.shifts is not None for operator in with_factors)


def test_codes_are_those_of_the_qdq_graph_where_no_tie_is(build, images):
    weights = {"w": 0.3 * np.random.default_rng(2).standard_normal((8, 3, 3, 3)), "b": np.linspace(-1, 1, 8)}
    rows = [("Conv", ["x", "w", "b"], ["c"], {"name": "conv"})]
    model = build(rows, {"x": [1, 3, 16, 16]}, {"c": None}, {k: v.astype(np.float32) for k, v in weights.items()})
    qm, feed = of_powers(prepare(model), images(3), "ort"), images(1)[0]
    qdq = qm.qdq()
    conv = next(node for node in qdq.graph if node.op_type == "Conv").outputs[0].name
    real = next(iter(OrtRunner(with_taps_only(qdq, [conv]), optimisation="none").run(feed).values()))  # exactly
    network, grid = IntegerModel(qdq).network, qm.params["c"]
    found, expected = next(iter(network.run(feed).values())), quantize(real, grid)
    steps = real.astype(np.float64) / grid.scale
    ties = steps % 1 == 0.5
    assert 0 < ties.mean() < 0.1
    np.testing.assert_array_equal(found[~ties], expected[~ties])
    np.testing.assert_array_equal(found[ties], np.clip(np.ceil(steps[ties]), -128, 127))


def test_shifts_give_what_multipliers_do():
    numbers = np.arange(-5000, 5000)
    for exponent in range(-12, 5):
        one = multipliers(2.0**exponent)
        assert int(one.shifts) == -exponent
        shifted = shift_half_up(numbers, -exponent) if exponent <= 0 else numbers << exponent
        np.testing.assert_array_equal(one.of(numbers), shifted)
    assert multipliers([0.5, 0.3]).shifts is None and multipliers(0.0).shifts is None
