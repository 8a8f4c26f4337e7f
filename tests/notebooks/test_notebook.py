"""The notebook runs from top to bottom, as it is and on files of the world, and is kept without outputs."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "object_detection_quantization.ipynb"
ASSETS = Path(__file__).parents[3] / "shared" / "assets"
SETTINGS = 1
"""Place of the cell in which a reader says what is to be done."""
FEW = "CALIBRATION, IMAGES, SHOWN = 4, 8, 1"

# stands in for the network: what would be downloaded lies in a folder here
AT_HAND = """
import types
import detquant.zoo
detquant.zoo.find = lambda name: name
detquant.zoo.fetch = lambda name, folder: types.SimpleNamespace(path=Path({folder!r}) / name)
from pathlib import Path
"""


def read():
    return nbformat.read(NOTEBOOK, as_version=4)


def executed(folder, *settings):
    """The notebook after a run, and what it printed and showed."""
    notebook = read()
    notebook.cells.insert(SETTINGS + 1, nbformat.v4.new_code_cell("\n".join((FEW, *settings))))
    NotebookClient(notebook, timeout=1200, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    text = "".join(output.get("text", "") for output in outputs)
    shown = [output["data"] for output in outputs if "data" in output]
    return text, shown


def tables(shown):
    return [data["text/markdown"] for data in shown if "text/markdown" in data]


def test_it_is_kept_without_outputs():
    code = [cell for cell in read().cells if cell.cell_type == "code"]
    assert code and not any(cell.outputs or cell.execution_count for cell in code)


def test_it_has_the_seven_steps():
    titles = [
        cell.source.splitlines()[0] for cell in read().cells if cell.cell_type == "markdown" and cell.source[:2] == "##"
    ]
    assert [title.split(".")[0] for title in titles] == [f"## {number}" for number in range(1, 8)]


def test_it_runs_on_what_comes_with_detquant(tmp_path):
    text, shown = executed(tmp_path)
    assert "yolov8-pico on ort" in text and "of float's" in text
    assert sum("image/jpeg" in data for data in shown) == 1
    accuracy, report = tables(shown)
    assert "| float |" in accuracy and "| w8a8 |" in accuracy
    assert report.startswith("# yolov8-pico, quantised")
    assert (tmp_path / "notebook-out" / "quantised" / "model.onnx").exists()


@pytest.mark.slow
@pytest.mark.skipif(not ASSETS.exists(), reason="there are no trained detectors beside the checkout")
def test_it_runs_on_a_file_of_ones_own(tmp_path):
    model, data = ASSETS / "weights" / "detect" / "yolov8n.onnx", ASSETS / "coco" / "coco300.yaml"
    text, shown = executed(tmp_path, f"MODEL, DATA = {str(model)!r}, {str(data)!r}")
    assert "yolov8n.onnx on ort" in text
    assert tables(shown)[1].startswith("# yolov8n.onnx, quantised")


@pytest.mark.slow
@pytest.mark.skipif(not ASSETS.exists(), reason="there are no trained detectors beside the checkout")
def test_it_runs_on_what_is_downloaded(tmp_path):
    pytest.importorskip("openvino")
    folder = tmp_path / "zoo"
    for suffix in ("cfg", "weights"):
        wanted = folder / "yolov4" / f"yolov4.{suffix}"
        wanted.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ASSETS / "weights" / "detect" / f"yolo-fastest-1.1.{suffix}", wanted)
    annotations = folder / "coco-annotations-2017" / "annotations"
    annotations.mkdir(parents=True)
    shutil.copy(ASSETS / "coco" / "annotations" / "instances_val2017.json", annotations)
    (folder / "coco-val2017").mkdir()
    (folder / "coco-val2017" / "val2017").symlink_to(ASSETS / "coco" / "images" / "val2017")
    text, shown = executed(tmp_path, 'MODEL = "yolov4"', AT_HAND.format(folder=str(folder)))
    assert "yolov4.cfg on openvino" in text
    assert len(tables(shown)) == 2
