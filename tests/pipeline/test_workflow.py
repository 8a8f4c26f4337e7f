"""A whole project, from what a server on this machine holds to the table."""

from __future__ import annotations

import json
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import onnx
import pytest

from detquant.architectures import SEEDED
from detquant.cli import main
from detquant.families import COCO_NAMES
from detquant.pipeline import workflow_inputs as module
from detquant.pipeline.saved_runs import report_page
from detquant.report.saved import project_of
from detquant.targets import Artefact
from detquant.targets.ort import Ort
from detquant.zoo import Entry, Source, fetch

TOML = """
name = "squares"
description = "White squares."
target = "ort"
calib = 4
predict = 2
[[models]]
zoo = "squares"
[data]
zoo = ["pictures", "boxes"]
images = "pictures/val"
annotations = "boxes/instances_val.json"
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def project(tmp_path, monkeypatch, square_proto, square_data):
    """The files of a zoo behind a web server, and the path of a workflow that wants them."""
    served, root = tmp_path / "served", square_data(images=8).parent
    served.mkdir()
    onnx.save(square_proto, served / "squares.onnx")
    images, annotations = [], []
    with zipfile.ZipFile(served / "pictures.zip", "w") as archive:
        for number, path in enumerate(sorted((root / "images/val").iterdir())):
            archive.write(path, f"val/{path.name}")
            images.append({"id": number, "file_name": path.name, "height": 96, "width": 96})
            for line in (root / f"labels/val/{path.stem}.txt").read_text().splitlines():
                _, x, y, w, h = (float(word) * 96 for word in line.split())
                box = {"id": len(annotations), "image_id": number, "category_id": 1, "area": w * h, "iscrowd": 0}
                annotations.append({**box, "bbox": [x - w / 2, y - h / 2, w, h]})
    categories = [{"id": place, "name": name} for place, name in enumerate(COCO_NAMES, 1)]
    with zipfile.ZipFile(served / "boxes.zip", "w") as archive:
        content = {"images": images, "annotations": annotations, "categories": categories}
        archive.writestr("instances_val.json", json.dumps(content))

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    files = {"squares": "squares.onnx", "pictures": "pictures.zip", "boxes": "boxes.zip"}

    def find(name):
        source = Source(address=f"http://127.0.0.1:{server.server_address[1]}/{files[name]}")
        return Entry(name=name, kind="detector", licence="MIT", page="https://example.org", sources=(source,))

    monkeypatch.setattr(module, "find", find)
    monkeypatch.setattr(module, "fetch", partial(fetch, schemes=("http",), timeout=5))
    path = tmp_path / "squares.toml"
    path.write_text(TOML)
    yield path
    server.shutdown()
    server.server_close()


def test_one_command_does_all_of_it(project, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["workflow", str(project), "--out", str(out), "--runs", "2"]) == 0
    found = json.loads((out / "workflow.json").read_text())
    [told] = found["models"]
    assert found["workflow"] == "squares" and told["measure"] == "ap" and told["images"] == 8
    assert [row["precision"] for row in told["rows"]] == ["fp32", "fp16", "w8a8"]
    for row in told["rows"]:
        assert row["ap"] > 90 and row["latency_ms"] > 0 and row["size_bytes"] > 0
        assert all((out / name).is_file() for name in row["files"])
    assert told["rows"][0]["ratio"] == 1.0
    assert len(told["predictions"]) == 2 and all((out / name).is_file() for name in told["predictions"])
    text = (out / "workflow.md").read_text()
    assert text.startswith("# squares\n\nWhite squares.") and "| w8a8 |" in text
    assert "squares.onnx on ort: 8 images of instances_val.json" in capsys.readouterr().out
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") == len(told["predictions"]) + len(told["evidence"]["seen"])
    assert report_page([out]) == page  # made again of what was saved, it is the same
    said = [one for one in told["warnings"] if "times as long as fp32" in one]
    assert [one.split()[0] for one in said] == [row["precision"] for row in told["rows"][1:] if row["ratio"] > 1]
    assert all(page.count(one) == text.count(one) == 1 for one in said)
    names = [path.name for path in out.rglob("*")]
    assert not [name for name in names if name.endswith(".partial")]


def test_own_files_go_where_the_zoos_would(project, square_model, square_data, tmp_path, capsys):
    given = ["--model", str(square_model), "--data", str(square_data().parent / "images/val"), "--val-limit", "3"]
    out = tmp_path / "out"
    assert main(["workflow", str(project), *given, "--target", "opencv", "--out", str(out), "--runs", "2"]) == 0
    [told] = json.loads((out / "workflow.json").read_text())["models"]
    assert told["measure"] == "agreement" and told["images"] == 3 and told["rows"][0]["agreement"] == 100
    assert not (out / "fetched").exists()
    assert "agreement, %" in capsys.readouterr().out


def test_the_vendors_compiler_has_its_turn(project, square_model, square_data, tmp_path, monkeypatch, capsys):
    def flashed(self, made, family, image):
        return Artefact({**made.files, "model.blob": b"blob"}), ("Flash it.",)

    monkeypatch.setattr(Ort, "finish", flashed)
    given = ["--model", str(square_model), "--data", str(square_data()), "--val-limit", "2", "--runs", "1"]
    assert main(["workflow", str(project), *given, "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out/squares/w8a8/model.blob").read_bytes() == b"blob"
    [told] = json.loads((tmp_path / "out/workflow.json").read_text())["models"]
    row = told["rows"][-1]
    assert row["files"] == ["squares/w8a8/model.onnx", "squares/w8a8/model.blob"] and told["runtime"] == ["Flash it."]
    assert row["size_bytes"] == (tmp_path / "out/squares/w8a8/model.onnx").stat().st_size
    assert "Flash it." in capsys.readouterr().out


def test_where_a_place_has_no_float_the_own_file_is_compared_with(project, square_model, square_data, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
    given = ["--model", str(square_model), "--data", str(square_data()), "--val-limit", "2", "--runs", "1"]
    out = tmp_path / "out"
    assert main(["workflow", str(project), *given, "--target", "edgetpu", "--out", str(out)]) == 0
    [told] = json.loads((out / "workflow.json").read_text())["models"]
    first, row = told["rows"]
    assert (first["precision"], row["precision"]) == ("float", "w8a8") and first["files"] == []
    assert (
        first["size_bytes"] == square_model.stat().st_size and row["ratio"] == row["latency_ms"] / first["latency_ms"]
    )


def test_a_place_that_takes_no_integers_is_refused_before_anything_is_fetched(project, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["workflow", str(project), "--target", "oak", "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert "Target oak takes no INT8 model" in said and "detquant export MODEL --target oak" in said
    assert not (out / "fetched").exists()


def test_decisions_are_written_down_and_taken_again(project, square_model, square_data, tmp_path, monkeypatch, capsys):
    def clock(ratio):
        def alternate(sides, feed, turns):
            return {"reference": [1.0] * turns, "candidate": [ratio] * turns}

        monkeypatch.setattr("detquant.algorithms.placement.alternate", alternate)

    def made(out, *more):
        images = square_data().parent / "images/val"
        given = ["--model", square_model, "--data", images, "--val-limit", 2, "--runs", 1]
        given += ["--out", tmp_path / out, *more]
        assert main(["workflow", str(project), *map(str, given)]) == 0
        return (tmp_path / out / "squares/w8a8/model.onnx").read_bytes()

    clock(0.5)
    first = made("a")
    clock(2.0)
    assert made("b") != first
    assert made("c", "--decisions", tmp_path / "a/workflow.json") == first
    gone = ["--decisions", str(tmp_path / "gone.json")]
    assert main(["workflow", str(project), *gone, "--out", str(tmp_path / "d")]) == 2
    assert "gone.json" in capsys.readouterr().err and not (tmp_path / "d").exists()


def test_what_cannot_be_fetched_is_one_sentence(project, tmp_path, capsys):
    project.write_text(TOML.replace('annotations = "boxes/', 'annotations = "boxes/not_'))
    assert main(["workflow", str(project), "--out", str(tmp_path / "out")]) == 2
    assert "not_instances_val.json cannot be read" in capsys.readouterr().err


@pytest.fixture
def small(monkeypatch):
    """Seeded networks of few blocks."""
    pytest.importorskip("torch", reason="the extra torch is not installed")
    pytest.importorskip("onnxscript", reason="the extra torch is not installed")
    monkeypatch.setitem(SEEDED, "resnet-18", ("resnet-torchvision", {"blocks": (1, 1, 1, 1), "classes": 20}))


@pytest.fixture
def unreached(project, monkeypatch):
    """The workflow where no server answers."""

    def find(name):
        source = Source(address=f"http://127.0.0.1:1/{name}.zip")
        return Entry(name=name, kind="detector", licence="MIT", page="https://example.org", sources=(source,))

    monkeypatch.setattr(module, "find", find)
    return project


def test_several_recipes_stand_beside_one_float_model(project, square_model, square_data, tmp_path, capsys):
    given = ["--model", str(square_model), "--data", str(square_data()), "--runs", "1", "--out", str(tmp_path / "out")]
    project.write_text(TOML.replace("calib", "recipe = ['w8a8', 'dynamic']\ncalib"))
    assert main(["workflow", str(project), *given]) == 0
    found = json.loads((tmp_path / "out/workflow.json").read_text())
    [told] = found["models"]
    assert [row["precision"] for row in told["rows"]] == ["fp32", "fp16", "w8a8", "dynamic"]
    assert told["about"] is None and found["recipe"] == "w8a8, dynamic"
    assert all(row["int8"]["operators"] > 0 for row in told["rows"][2:])
    assert all((tmp_path / "out" / name).is_file() for row in told["rows"] for name in row["files"])
    said = capsys.readouterr().out
    assert "w8a8: " in said and "dynamic: " in said
    assert "- w8a8: " in (tmp_path / "out/workflow.md").read_text()
    assert project_of(found).figures() == {key: found[key] for key in project_of(found).figures()}

    again = ["--decisions", str(tmp_path / "out/workflow.json"), "--out", str(tmp_path / "again")]
    assert main(["workflow", str(project), *given[:-2], *again]) == 0
    for name in ("squares/w8a8/model.onnx", "squares/dynamic/model.onnx"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_two_recipes_of_one_name_are_refused_before_anything_is_fetched(project, tmp_path, capsys):
    assert main(["workflow", str(project), "--recipe", "w8", "--recipe", "w8", "--out", str(tmp_path / "out")]) == 2
    assert "There are two recipes 'w8'" in capsys.readouterr().err and not (tmp_path / "out/fetched").exists()


@pytest.mark.slow
def test_seeded_weights_stand_in_where_no_server_answers(unreached, small, tmp_path, capsys):
    text = TOML.replace('zoo = "squares"', 'zoo = "squares"\nseeded = "resnet-18"').replace("calib = 4", "calib = 2")
    unreached.write_text(text.replace("annotations", "embedded = 'scenes'\nannotations"))
    out = tmp_path / "out"
    given = ["--recipe", "dynamic", "--val-limit", "2", "--runs", "1", "--out", str(out)]
    assert main(["workflow", str(unreached), *given]) == 0
    [told] = json.loads((out / "workflow.json").read_text())["models"]
    assert told["model"] == "resnet-18-seeded.pth" and told["measure"] == "agreement" and told["data"] == "scenes"
    assert told["rows"][-1]["agreement"] is not None and (out / "resnet-18-seeded/dynamic/model.onnx").is_file()
    said = capsys.readouterr().out
    assert "squares cannot be had here, so resnet-18 stands in: 127.0.0.1 cannot be reached" in said
    assert "The weights of resnet-18 are seeded and not trained" in said
    assert "pictures, boxes cannot be had here, so the images of 'scenes' stand in" in said
    assert (out / "workflow.md").read_text().count("seeded and not trained") == 1


def test_what_is_known_of_the_images_is_not_asked_of_seeded_weights(project, small, tmp_path):
    project.write_text(TOML.replace('zoo = "squares"', 'seeded = "resnet-18"').replace("calib = 4", "calib = 2"))
    given = ["--val-limit", "2", "--runs", "1", "--recipe", "dynamic", "--out", str(tmp_path / "out")]
    assert main(["workflow", str(project), *given]) == 0  # the images have boxes, and this is a classifier
    [told] = json.loads((tmp_path / "out/workflow.json").read_text())["models"]
    assert told["measure"] == "agreement" and not any("stands in" in one for one in told["warnings"])


def test_nothing_stands_in_unless_the_workflow_says_so(unreached, tmp_path, capsys):
    assert main(["workflow", str(unreached), "--out", str(tmp_path / "out")]) == 2
    assert "127.0.0.1 cannot be reached" in capsys.readouterr().err


def test_a_file_that_is_another_one_is_no_reason_to_stand_in(project, small, tmp_path, capsys):
    text = TOML.replace('zoo = "squares"', 'zoo = "boxes"\nfile = "*.onnx"\nseeded = "resnet-18"')
    project.write_text(text)
    assert main(["workflow", str(project), "--out", str(tmp_path / "out")]) == 2
    assert "there is no '*.onnx' in it" in capsys.readouterr().err
