"""A place that computes something else than planned is found out, and a plan that is bad is not blamed on the place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest

from detquant.calibration import QuantModel
from detquant.errors import TargetError
from detquant.graph.values import constant, is_op
from detquant.pipeline import as_planned
from detquant.pipeline.quantize import quantize
from detquant.recipes import load_recipe
from detquant.targets.ort import Ort

WHOLE = replace(load_recipe("w8a8"), steps=())


@pytest.fixture
def data(square_data):
    return square_data(images=60)


def in_the_dark(model: ir.Model) -> ir.Model:
    """A QDQ graph whose image comes out nearly black; a float graph as it is."""
    wrong = model.clone()
    readers = [n for n in wrong.graph if is_op(n, "DequantizeLinear") and constant(n.inputs[0]) is None]
    for node in readers[:1]:
        scale = np.asarray(constant(node.inputs[1]) / 1000, np.float32)
        dim = ir.Value(name="dim", const_value=ir.tensor(scale, name="dim"))
        wrong.graph.register_initializer(dim)
        node.replace_input_with(1, dim)
    return wrong


@pytest.fixture
def runtime_in_the_dark(monkeypatch):
    lower = Ort.lower
    monkeypatch.setattr(Ort, "lower", lambda self, qdq: lower(self, in_the_dark(qdq)))


@pytest.mark.usefixtures("runtime_in_the_dark")
def test_what_a_runtime_gets_wrong_is_refused_with_both_figures(square_model, data, monkeypatch):
    monkeypatch.setattr(Ort, "known_faults", lambda self, qdq: "It is known.")
    both = r"opens on ort but does not .*: AP is 0\.00 there and (9\d|100)\.\d\d .*\(60 images, tolerance 4\.33\)"
    both += r"\. It is known\. Nothing was written"
    with pytest.raises(TargetError, match=both):
        quantize(square_model, data, recipe=WHOLE, calib=4)


@pytest.mark.usefixtures("runtime_in_the_dark")
def test_without_labels_agreement_is_compared(square_model, data):
    both = r"agreement with the float model is 0\.00 there and (9\d|100)\.\d\d "
    with pytest.raises(TargetError, match=both):
        quantize(square_model, data.parent / "images" / "val", recipe=WHOLE, calib=4)


def test_a_bad_plan_is_not_the_runtimes_fault(square_model, data, monkeypatch):
    qdq, run_over, asked = QuantModel.qdq, as_planned.run_over, []
    monkeypatch.setattr(QuantModel, "qdq", lambda self: in_the_dark(qdq(self)))
    monkeypatch.setattr(as_planned, "run_over", lambda *a, **k: asked.append(a) or run_over(*a, **k))
    assert quantize(square_model, data, recipe=WHOLE, calib=4).report.figures()["quantized"]["ap"] < 1
    assert len(asked) == 1


def test_a_good_result_costs_nothing(square_model, data, monkeypatch):
    monkeypatch.setattr(as_planned, "run_over", None)
    assert quantize(square_model, data, recipe=WHOLE, calib=4).report.figures()["quantized"]["ap"] > 90


def test_the_tolerance_is_wider_among_few():
    assert [round(as_planned.tolerance(n), 2) for n in (4, 100, 5000)] == [51.0, 3.0, 1.04]
