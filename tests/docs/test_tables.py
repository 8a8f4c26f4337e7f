"""What the pages tell in tables is what the code has; nothing of it is missing on the site."""

from __future__ import annotations

import importlib
import json
import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from detquant_docs.beside import PAGES as ELSEWHERE
from detquant_docs.beside import of_the_site
from detquant_docs.commands import commands
from detquant_docs.families import family_facts
from detquant_docs.tables import PAGES, TABLES
from told import ROOT, pages

import detquant
from detquant.algorithms import ALGORITHMS
from detquant.calibration import OBSERVERS
from detquant.cli import app
from detquant.families import FAMILIES, load_family
from detquant.importers import IMPORTERS
from detquant.recipes import builtin_recipes
from detquant.recipes.workflow import builtin_workflows
from detquant.targets import TARGETS

DOCS = ROOT / "docs"
OF_CODE = {
    "algorithms": ALGORITHMS,
    "families": FAMILIES,
    "importers": IMPORTERS,
    "observers": OBSERVERS,
    "recipes": builtin_recipes(),
    "targets": TARGETS,
    "workflows": builtin_workflows(),
}
WHERE = {page.relative_to(DOCS).as_posix() for page in pages() if page.is_relative_to(DOCS)}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_one(name):
    lines = TABLES[name]()
    columns = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
    assert len(lines) > 3 and len(columns) == 1 and not any("\n" in line for line in lines)


@pytest.mark.parametrize("name", OF_CODE)
def test_a_table_has_all_of_the_codes(name):
    text = "\n".join(TABLES[name]())
    assert [one for one in OF_CODE[name] if f"`{one}`" not in text] == []


COMMANDS = [name for name in app if not name.startswith("-")]
PLAIN = {"path": "PATH", "whole number": "INT", "number": "FLOAT", "text": "STR", "": ""}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_told_with_all_its_options(name, capsys):
    section = "\n".join(commands()).partition(f"## {name}\n")[2].partition("\n## ")[0]
    app([name, "--help"], exit_on_error=False, result_action="return_value")
    helped = dict(re.findall(r"^│ \*? *(--[a-z0-9-]+)(?: ([A-Z]+)| )", capsys.readouterr().out, re.MULTILINE))
    told = dict(re.findall(r"^\| `(--[a-z0-9-]+)` \| ([^|]*) \|", section, re.MULTILINE))
    assert helped and {option: word_of(takes) for option, takes in told.items()} == helped


def word_of(takes: str) -> str:
    """The word that help has for what an option takes."""
    said = takes.removesuffix(", several")
    [word] = [PLAIN[said]] if said in PLAIN else re.findall(r"^\[?`([A-Z]+)`", said) or ["CHOICE"]
    return word


def test_an_option_says_what_help_says_of_its_values():
    text = "\n".join(commands())
    assert "| `--keeps` | `recall` or `f1` | `recall` |" in text and "| `--seed` | whole number | `0` |" in text
    for kind in ("families", "recipes", "targets", "words-of-reads"):
        assert f"](/reference/tables.md#{kind})" in text


def test_each_table_is_shown():
    told = {found for page in pages() for found in re.findall(r"\{code-table\} ([a-z]+)", page.read_text())}
    assert told == TABLES.keys()


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_has_a_page(name):
    assert f"families/{name}.md" in WHERE and f"families/{name}\n" in (DOCS / "families.md").read_text()
    facts = "\n".join(family_facts(name))
    assert load_family(name).expected(300, 300).split()[0] in facts and "`--family" in facts


@pytest.mark.parametrize("name", TARGETS)
def test_each_target_has_a_page(name):
    assert f"runtimes/{PAGES.get(name, name)}.md" in WHERE
    assert f"`{name}`" in (DOCS / f"runtimes/{PAGES.get(name, name)}.md").read_text()


def test_each_picture_is_there_and_loads_nothing():
    told = {found for page in pages() for found in re.findall(r"\{picture\} ([a-z-]+)", page.read_text())}
    assert told == {path.stem for path in (DOCS / "pictures").glob("*.svg")}
    drawn = importlib.import_module("drawings.__main__").PICTURES
    assert told == drawn.keys()
    for path in [*(DOCS / "pictures").glob("*.svg"), *(DOCS / "play").glob("*")]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|url\(|@import|\bfetch\(|XMLHttpRequest", text), path.name


def test_the_learning_curve_is_the_one_that_was_kept():
    methods, kept = (importlib.import_module(f"drawings.{name}") for name in ("methods", "learning"))
    told = kept.kept()
    losses = dict(told["points"])
    best = min(losses, key=losses.get)
    assert told["recipe"] == kept.RECIPE and told["steps"] == kept.STEPS == max(losses) and min(losses) == 0
    drawn = methods.qat().text()
    assert (
        f"best, after {best} steps: {losses[best]:.0%}" in drawn
        and f"{told['recipe']}, {told['images']} scenes" in drawn
    )
    assert drawn == (DOCS / "pictures/qat.svg").read_text(encoding="utf-8")


def test_the_boxes_to_play_with_are_what_the_detector_finds():
    told = json.loads((DOCS / "play/boxes.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in told["views"]] == [*(f"w{bits}a8" for bits in range(2, 9)), "float"]
    [image] = [path for path in detquant.open_dataset("scenes").validation if path.as_posix() == told["scene"]]
    [found] = detquant.predict("yolov8-pico", [image], confidence=0.05)
    there = np.array(told["views"][-1]["found"])
    np.testing.assert_allclose(there[:, :4], found.detections.xyxy, atol=0.06)
    assert there[:, 4].tolist() == found.detections.class_id.tolist()
    few, float_ = told["views"][0], told["views"][-1]
    assert few["ap"] < float_["ap"] and few["found"] != float_["found"]


def test_links_of_readme_and_contributing_lead_somewhere():
    for name in ("README.md", "CONTRIBUTING.md", "training/README.md"):
        page = ROOT / name
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
            assert (page.parent / target).exists(), f"{name}: {target}"


def test_pages_from_beside_lead_within_the_site():
    for path in ("CONTRIBUTING.md", *ELSEWHERE):
        text = of_the_site(ROOT / path)
        for target in re.findall(r"\]\(/([^)#\s]+)", text):
            assert target in WHERE, f"{path}: {target}"


def test_the_frameworks_are_those_of_the_tested_versions():
    text = (DOCS / "frameworks.md").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\d+\.\d+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    names = {"torch": "torch", "onnxruntime": "onnxruntime", "openvino": "openvino", "nncf": "nncf"}
    for name, package in {**names, "tensorflow": "tensorflow-cpu", "ai-edge-litert": "ai-edge-litert"}.items():
        assert f"{name} {pinned[package]}" in text, (
            f"docs/frameworks.md speaks of another {name} than {pinned[package]}"
        )


def test_what_is_said_of_onnxruntime():
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.registry import IntegerOpsRegistry

    if version("onnxruntime").split(".")[:2] != ["1", "31"]:
        pytest.skip("another onnxruntime than that of constraints.txt")
    assert {"QInt4", "QUInt4", "QInt16", "QUInt16"} <= set(QuantType.__members__) and "Conv" in IntegerOpsRegistry


def test_what_is_said_of_torch():
    torch = pytest.importorskip("torch")
    if not torch.__version__.startswith("2.13"):
        pytest.skip("another torch than that of constraints.txt")
    assert importlib.util.find_spec("torch.ao.quantization.quantize_fx")
    assert importlib.util.find_spec("torch.ao.quantization.quantize_pt2e") is None


def test_pages_are_no_longer_than_can_be_read():
    long = {path.name: len(path.read_text()) for path in Path(DOCS / "concepts").glob("*.md")}
    assert max(long.values()) < 6000
