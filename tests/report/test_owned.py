from __future__ import annotations

import json
import os

import pytest

from detquant.errors import OutputError
from detquant.report import together
from detquant.report.files import require_place, staged, write_json
from detquant.report.owned import RECORD, require_free, require_free_file

NAMES = ("model.onnx", "report.md", "deep/x.bin")


def save(folder, text="1", names=NAMES, inputs=()):
    with staged(folder, inputs) as put:
        for name in names:
            put(name, text)


def everything(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_second_run_replaces_what_the_first_one_wrote(tmp_path):
    for text in ("1", "2", "2", "3"):
        require_place(tmp_path / "out", NAMES)
        save(tmp_path / "out", text)
    assert {(tmp_path / "out" / name).read_text() for name in NAMES} == {"3"}


def in_the_way(path, kind):
    path.parent.mkdir(parents=True, exist_ok=True)
    elsewhere = path.parent / "elsewhere"
    elsewhere.write_text("mine")
    if kind == "file":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(elsewhere)
    elif kind == "dangling link":
        path.symlink_to(path.parent / "nowhere")
    elif kind == "pipe":
        os.mkfifo(path)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling link", "pipe"])
def test_what_detquant_did_not_write_is_refused_before_and_after(tmp_path, name, kind):
    in_the_way(tmp_path / name, kind)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(OutputError, match=rf"'.*{name}' (is|was) .*: move it away, or name another folder\."):
        require_place(tmp_path, NAMES)
    with pytest.raises(OutputError, match=name):
        save(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    assert (tmp_path / name).parent.joinpath("elsewhere").read_text() == "mine"


def test_what_was_changed_since_is_the_users(tmp_path):
    save(tmp_path)
    (tmp_path / "report.md").write_text("my remarks")
    with pytest.raises(OutputError, match=r"'.*report\.md' was changed since detquant wrote it"):
        require_free(tmp_path, NAMES)
    assert (tmp_path / "report.md").read_text() == "my remarks"
    (tmp_path / "report.md").unlink()
    save(tmp_path, "2")
    assert (tmp_path / "report.md").read_text() == "2"


def test_a_link_in_the_place_of_a_result_is_refused_whatever_it_leads_to(tmp_path):
    save(tmp_path)
    (tmp_path / "model.onnx").rename(tmp_path / "moved.onnx")
    (tmp_path / "model.onnx").symlink_to("moved.onnx")
    with pytest.raises(OutputError, match="is a link"):
        require_free(tmp_path, NAMES)


def test_a_folder_may_be_reached_by_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    save(tmp_path / "out")
    save(tmp_path / "real", "2")
    save(tmp_path / "out", "3")
    assert (tmp_path / "real/model.onnx").read_text() == "3"


@pytest.mark.parametrize("how", ["itself", "link to it", "other spelling"])
def test_what_is_read_is_not_replaced_though_detquant_wrote_it(tmp_path, how):
    save(tmp_path, names=("model.onnx",))
    given = {"itself": tmp_path / "model.onnx", "other spelling": tmp_path / "x" / ".." / "model.onnx"}
    if how == "link to it":
        (tmp_path / "linked.onnx").symlink_to("model.onnx")
    (tmp_path / "x").mkdir()
    read = given.get(how, tmp_path / "linked.onnx")
    with pytest.raises(OutputError, match=r"model\.onnx' is read by this run"):
        require_free(tmp_path, NAMES, [read])
    with pytest.raises(OutputError, match="is read by this run"):
        save(tmp_path, "2", inputs=[read])
    assert (tmp_path / "model.onnx").read_text() == "1" and not (tmp_path / "report.md").exists()


def test_inputs_that_are_no_files_are_in_nobodys_way(tmp_path):
    require_free(tmp_path, NAMES, ["yolov8-pico", tmp_path, tmp_path / "gone", "\0", "x" * 5000])


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"files": {}}', "[" * 100_000, '{"a": ' + "1" * 6000 + "}"])
def test_a_list_that_is_not_detquants_is_refused(tmp_path, content):
    (tmp_path / RECORD).write_text(content)
    with pytest.raises(OutputError, match=r"\.detquant\.json' is not the list of results"):
        require_free(tmp_path, NAMES)
    with pytest.raises(OutputError, match=r"\.detquant\.json"):
        save(tmp_path)
    assert everything(tmp_path) == {RECORD: content.encode()}


@pytest.mark.parametrize("files", [[], None, {"model.onnx": "x"}, {"model.onnx": [1]}, {"model.onnx": []}])
def test_a_list_that_is_damaged_protects_all(tmp_path, files):
    save(tmp_path)
    (tmp_path / RECORD).write_text(json.dumps({"detquant_version": "0", "files": files}))
    with pytest.raises(OutputError, match=r"model\.onnx"):
        require_free(tmp_path, NAMES)


@pytest.mark.parametrize("killed_at", [1, 2, 3, 4])
def test_a_run_that_is_killed_between_two_files_leaves_nothing_that_the_next_does_not_know(
    tmp_path, monkeypatch, killed_at
):
    save(tmp_path)
    calls, real = [], os.replace

    class Killed(BaseException):
        pass

    def replace(source, target):
        calls.append(target)
        if len(calls) >= killed_at:  # from then on nothing happens: neither the rest nor taking it back
            raise Killed
        real(source, target)

    monkeypatch.setattr(together.os, "replace", replace)
    monkeypatch.setattr(together.Batch, "discard", lambda _: None)
    with pytest.raises(Killed):
        save(tmp_path, "2")
    monkeypatch.undo()
    require_place(tmp_path, NAMES)
    save(tmp_path, "3")
    assert {(tmp_path / name).read_text() for name in NAMES} == {"3"}


def test_a_result_that_cannot_be_saved_leaves_no_list(tmp_path):
    (tmp_path / "report.md").mkdir()
    with pytest.raises(OutputError):
        save(tmp_path)
    assert everything(tmp_path) == {}


def test_names_that_no_file_can_have(tmp_path):
    with pytest.raises(OutputError, match=r"cannot be looked at \(File name too long\)"):
        require_free(tmp_path, ["x" * 300])


def test_names_that_are_no_text(tmp_path):
    names = [os.fsdecode(b"caf\xe9.jpg")]
    save(tmp_path, names=names)
    save(tmp_path, "2", names=names)
    (tmp_path / names[0]).write_text("mine")
    with pytest.raises(OutputError, match="was changed"):
        require_free(tmp_path, names)


# ---------------------------------------------------------------- one file of figures


def test_figures_replace_figures(tmp_path):
    for number in (1, 2):
        write_json(tmp_path / "f.json", {"number": number})
    assert json.loads((tmp_path / "f.json").read_text())["number"] == 2


def test_an_empty_file_holds_nothing_to_lose(tmp_path):
    (tmp_path / "f.json").touch()
    write_json(tmp_path / "f.json", {"a": 1})
    assert "a" in json.loads((tmp_path / "f.json").read_text())


@pytest.mark.parametrize("content", ["mine", "{}", '{"images": []}', '["detquant_version"]', "[" * 100_000, "\0"])
def test_a_file_that_detquant_did_not_write_is_refused(tmp_path, content):
    (tmp_path / "f.json").write_text(content)
    with pytest.raises(
        OutputError, match=r"'.*f\.json' is there already and was not written by detquant: name another"
    ):
        require_free_file(tmp_path / "f.json")
    with pytest.raises(OutputError, match="was not written by detquant"):
        write_json(tmp_path / "f.json", {"a": 1})
    assert (tmp_path / "f.json").read_text() == content


def test_a_link_is_no_place_for_figures(tmp_path):
    (tmp_path / "mine.json").write_text("{}")
    (tmp_path / "f.json").symlink_to("mine.json")
    with pytest.raises(OutputError, match="it is a link"):
        require_free_file(tmp_path / "f.json")


def test_what_is_read_takes_no_figures_though_detquant_wrote_it(tmp_path):
    write_json(tmp_path / "f.json", {"a": 1})
    with pytest.raises(OutputError, match="is read by this run"):
        write_json(tmp_path / "f.json", {"a": 2}, [tmp_path / "f.json"])
    assert json.loads((tmp_path / "f.json").read_text())["a"] == 1


def test_results_of_an_earlier_run_take_no_figures(tmp_path):
    save(tmp_path, json.dumps({"detquant_version": "0"}), names=("report.json",))
    with pytest.raises(OutputError, match="belongs to the results of an earlier run"):
        require_free_file(tmp_path / "report.json")
