"""What users may rely on."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import detquant
from detquant.errors import OptionError

PUBLIC = [name for name in detquant.__all__ if name != "__version__"]
PAGE = Path(__file__).parents[1] / "docs" / "python.md"
FUNCTIONS = [name for name in PUBLIC if inspect.isfunction(getattr(detquant, name))]


def test_all():
    assert detquant.__all__ == [
        "Dataset",
        "Detector",
        "DetquantError",
        "Recipe",
        "Report",
        "Result",
        "Target",
        "__version__",
        "benchmark",
        "choose",
        "evaluate",
        "export",
        "inspect",
        "load",
        "load_recipe",
        "load_target",
        "mixed_precision",
        "open_dataset",
        "plan",
        "predict",
        "quantize",
        "sensitivity",
        "verify",
    ]
    assert detquant.__all__ == sorted(detquant.__all__) and set(detquant.__all__) <= set(dir(detquant))


def test_type_checkers_see_the_same_names():
    source = Path(inspect.getfile(detquant)).read_text(encoding="utf-8")
    [block] = [node for node in ast.parse(source).body if isinstance(node, ast.If)]
    homes = {name.name: line.module for line in block.body for name in line.names}
    assert homes == detquant._HOMES and sorted(homes) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_each_is_described(name):
    found = getattr(detquant, name)
    assert found.__name__ == name and found.__module__.startswith("detquant.")
    assert found.__doc__ and "\n    Examples:\n" in found.__doc__


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_argument_is_described(name):
    function = getattr(detquant, name)
    if name in ("load_recipe", "load_target"):  # a summary says it
        return
    for argument in inspect.signature(function).parameters:
        assert f"\n        {argument}: " in function.__doc__


@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = getattr(detquant, name)
    example = doctest.DocTestParser().get_doctest(found.__doc__, {}, name, None, 0)
    assert len(example.examples) > 1
    told = []
    doctest.DocTestRunner(verbose=False).run(example, out=told.append)
    assert not told, "".join(told)


def test_the_page_runs(tmp_path, monkeypatch, capsys):
    if not PAGE.is_file():
        pytest.skip("docs/ is absent")
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 5
    monkeypatch.chdir(tmp_path)
    names = {}
    for number, block in enumerate(blocks, start=1):
        exec(compile(block, f"{PAGE.name}, block {number}", "exec"), names)
    assert capsys.readouterr().out


def test_the_page_names_each():
    if not PAGE.is_file():
        pytest.skip("docs/ is absent")
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in PUBLIC if not re.search(rf"\b{name}\b", text)] == []


def test_load_is_the_pipelines():
    from detquant.pipeline.detector import load

    assert detquant.load is load
    assert list(inspect.signature(load).parameters) == ["path", "family", "imgsz", "preprocess", "reads", "anchors"]


def test_quantize_is_the_pipelines():
    from detquant.pipeline.quantize import quantize

    assert detquant.quantize is quantize
    assert list(inspect.signature(quantize).parameters)[:4] == ["model", "data", "recipe", "target"]


def test_a_number_out_of_its_bounds_is_a_sentence():
    with pytest.raises(OptionError, match=r"^calib is 0\. Must be >= 1\.$"):
        detquant.quantize("yolov8-pico", "scenes", calib=0)
    with pytest.raises(OptionError, match=r"^val_limit is 2\.5, and a whole number was expected\.$"):
        detquant.evaluate("yolov8-pico", "scenes", val_limit=2.5)
    with pytest.raises(OptionError, match=r"^confidence is 'high', and a number was expected\.$"):
        detquant.predict("yolov8-pico", "scenes", confidence="high")


def test_a_misspelt_keyword_is_a_type_error_with_the_right_one():
    with pytest.raises(TypeError, match=r"quantize\(\) got an unexpected .* 'recepi': did you mean 'recipe'\?"):
        detquant.quantize("yolov8-pico", "scenes", recepi="w8a8")


def test_options_go_by_name():
    with pytest.raises(TypeError, match=r"^quantize\(\) takes model, data; all else is given by name\.$"):
        detquant.quantize("yolov8-pico", "scenes", "w8a8")


def test_one_place_or_an_unknown_one():
    with pytest.raises(detquant.DetquantError, match="Unknown target 'orrt': did you mean 'ort'"):
        detquant.choose("yolov8-pico", "scenes", targets="orrt")


def test_how_to_read_comes_too_late_for_a_detector(square_model):
    detector = detquant.load(square_model)
    with pytest.raises(detquant.DetquantError, match=r"loaded already, so family and reads would change nothing"):
        detquant.plan(detector, family="yolox", reads="bgr")


def test_a_seed_comes_too_late_for_a_data_set_that_is_open(square_model, square_data):
    data = detquant.open_dataset(square_data())
    with pytest.raises(detquant.DetquantError, match=r"data.yaml was opened already, so seed would change nothing"):
        detquant.quantize(square_model, data, seed=1)


def test_one_model_or_none_to_time(square_model):
    [one] = detquant.benchmark(str(square_model), runs=1)
    assert one.ratio == 1
    with pytest.raises(detquant.DetquantError, match="No model was given"):
        detquant.benchmark([])


def test_what_is_named_by_a_path_object(square_model, tmp_path):
    own = tmp_path / "mine.toml"
    own.write_text('[[rules]]\nweight = { qtype = "int8" }\nactivation = { qtype = "uint8" }\n')
    assert detquant.plan(square_model, recipe=own).integer == detquant.plan(square_model, recipe=str(own)).integer
    place = detquant.load_target("openvino")
    assert detquant.plan(square_model, target=place) == detquant.plan(square_model, target="openvino")


def test_arguments_by_name(square_model):
    assert detquant.plan(model=square_model) == detquant.plan(square_model)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'qantize'"):
        detquant.qantize  # noqa: B018


@pytest.mark.parametrize("module", ["detquant", "detquant.cli"])
def test_import_is_light(module):
    program = f"import sys, {module}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert not {"numpy", "onnx", "onnxruntime", "cv2", "faster_coco_eval"} & loaded
    assert importlib.import_module(module)
