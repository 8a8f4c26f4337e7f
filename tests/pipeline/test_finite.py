"""A model whose numbers are not finite has found nothing: no run ends as if all were well."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import detquant
from detquant.cli import main
from detquant.errors import ModelError
from detquant.pipeline.finite import require_finite
from detquant.report import sheets


@pytest.fixture(params=["nan", "inf"])
def broken_model(request, square_model, tmp_path):
    model = onnx.load(square_model)
    [bias] = [one for one in model.graph.initializer if one.name == "stem_b"]
    bias.CopyFrom(numpy_helper.from_array(np.full(bias.dims, float(request.param), np.float32), "stem_b"))
    onnx.save(model, tmp_path / "broken.onnx")
    return tmp_path / "broken.onnx"


def test_a_broken_model_ends_every_run_with_a_sentence(broken_model, square_data, capsys):
    data = square_data(images=1)
    images = data.parent / "images/val"
    with pytest.raises(ModelError, match=r"v0.png' [\d,]+ of the [\d,]+ values of the output 'output0' are NaN or inf"):
        list(detquant.predict(broken_model, images))
    for argv in (
        ["evaluate", str(broken_model), "--data", str(data)],
        ["doctor", str(broken_model), "--data", str(data)],
    ):
        assert main(argv) == 2
        assert "are NaN or infinite, so what the model finds means nothing" in " ".join(capsys.readouterr().err.split())


def test_inspect_warns_of_it(broken_model, square_model):
    found = detquant.inspect(broken_model)
    assert "values of the output 'output0' are NaN or infinite" in found["not_finite"]
    assert "output" in dict(map(tuple, sheets.model(found).rows))["warning"]
    assert detquant.inspect(square_model)["not_finite"] is None


def test_whole_numbers_are_finite():
    require_finite({"labels": np.arange(3), "scores": np.ones(3, np.float16)}, "picture")
    require_finite({"boxes": np.append(np.ones(999), np.inf)}, "picture")  # an exponential of nothing in particular
    with pytest.raises(ModelError, match="1 of the 3 values of the output 'scores'"):
        require_finite({"labels": np.arange(3), "scores": np.array([0, np.inf, 1])}, "picture")
