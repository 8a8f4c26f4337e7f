"""One list of options for the command line and for Python."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Annotated, get_args, get_origin, get_type_hints

import numpy as np
import pytest

import detquant
from detquant.cli import app
from detquant.errors import OptionError
from detquant.pipeline.keywords import as_keywords
from detquant.pipeline.options import (
    IN_PYTHON,
    BenchmarkOptions,
    ChooseOptions,
    EvaluateOptions,
    ExportOptions,
    MixedPrecisionOptions,
    PlanOptions,
    PredictOptions,
    QuantizeOptions,
    SensitivityOptions,
    WorkflowOptions,
)
from detquant.recipes import load_recipe

KINDS = {
    "benchmark": BenchmarkOptions,
    "choose": ChooseOptions,
    "evaluate": EvaluateOptions,
    "export": ExportOptions,
    "inspect": PlanOptions,
    "mixed-precision": MixedPrecisionOptions,
    "plan": PlanOptions,
    "predict": PredictOptions,
    "quantize": QuantizeOptions,
    "sensitivity": SensitivityOptions,
}


def shown(kind: type) -> list[str]:
    """The fields that the command line has."""
    hints = get_type_hints(kind, include_extras=True)
    hidden = {name for name, hint in hints.items() if get_origin(hint) is Annotated and IN_PYTHON in get_args(hint)}
    return [one.name for one in fields(kind) if one.name not in hidden]


@pytest.mark.parametrize(("command", "kind"), [*KINDS.items(), ("workflow", WorkflowOptions)])
def test_each_option_is_on_the_command_line_with_what_is_said_of_it(command, kind):
    found = app[command].assemble_argument_collection(parse_docstring=True)
    arguments = [one for one in found if one.parameter.parse is not False]
    told = {one.keys[-1] if one.keys else one.name: one.parameter.help for one in arguments}
    assert [name for name in told if name in shown(kind)] == shown(kind)
    assert [name for name in shown(kind) if not told[name]] == []
    assert not {"progress", "work", "skipped"} & told.keys()


@pytest.mark.parametrize(("command", "kind"), KINDS.items())
def test_each_option_is_a_keyword_in_python_with_its_default_and_what_is_said_of_it(command, kind):
    function = getattr(detquant, command.replace("-", "_"))
    parameters, defaults = inspect.signature(function).parameters, kind()
    for one in fields(kind):
        assert parameters[one.name].default == getattr(defaults, one.name)
        assert parameters[one.name].kind is inspect.Parameter.KEYWORD_ONLY
        assert f"\n        {one.name}: " in function.__doc__
    assert "options" not in parameters


def test_bounds_hold_in_python_too():
    assert QuantizeOptions(calib=1, val_limit=None, seed=np.int64(3)).seed == 3
    for given in ({"calib": 0}, {"seed": -1}, {"threads": True}, {"val_limit": 0}, {"imgsz": 320.0}):
        [name] = given
        with pytest.raises(OptionError, match=f"^{name} is "):
            QuantizeOptions(**given)
    with pytest.raises(OptionError, match=r"^confidence is 1\.5"):
        PredictOptions(confidence=1.5)


def test_files_are_those_that_options_name(tmp_path):
    own = QuantizeOptions(recipe=tmp_path / "mine.toml", preprocess="unit")
    assert [one.name for one in own.files] == ["mine.toml", "unit"]
    assert QuantizeOptions(recipe=load_recipe("w8a8")).files == []


def test_as_keywords():
    changed = as_keywords(EvaluateOptions(threads=2), val_limit=3)
    assert EvaluateOptions(**changed) == EvaluateOptions(threads=2, val_limit=3)
