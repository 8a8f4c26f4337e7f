"""Every command that README and the pages name is one that its program takes, option by option."""

from __future__ import annotations

import importlib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from cyclopts import App
from cyclopts.exceptions import MissingArgumentError
from told import ROOT, Command, blocks, commands

from detquant.algorithms import build_steps
from detquant.cli import app
from detquant.recipes import load_recipe, parse_recipe
from detquant.recipes.workflow import load_workflow
from detquant.targets import load_target

ELSEWHERE = {
    "dask": "a program of the extra cluster",
    "edgetpu_compiler": "Coral's own",
    "vela": "Arm's own",
    "trtexec": "NVIDIA's own",
    "pre-commit": "of the development tools",
}
"""Programs that are none of this repository."""
MAKE_OF_A_FOLDER = "src/detquant/targets/verilog/tb/folder.mk"
PAGES_OF_HARDWARE = "docs/hardware", "docs/runtimes/verilog"
"""Pages whose make is that of a folder of hardware."""
LANGUAGES = {"sh", "python", "cpp", "toml", "text", ""}
DIRECTIVE = re.compile(r"^\{[a-z-]+\}$")


def taken(program: App, words: Iterable[str]) -> Mapping[str, Any]:
    """The arguments that a program makes of words; what a sentence leaves out is put in.

    Raises:
        CycloptsError: it does not take them.
    """
    words = [one for one in words if one not in ("...", "[...]")]
    for _ in range(4):
        try:
            _, bound, _ = program.parse_args(words, exit_on_error=False, print_error=False)
            return bound.arguments
        except MissingArgumentError as error:
            name = error.argument.name
            if name.startswith("-") and name not in words:
                words += [name, "x"]
            elif name.startswith("-"):
                words.append("x")
            else:
                words.insert(1 if program is app else 0, "model.onnx")
    return program.parse_args(words, exit_on_error=False, print_error=False)[1].arguments


def named(arguments: Mapping[str, Any], inline: bool) -> None:
    """Each recipe and target that is named is one."""
    options = arguments.get("options")
    asked = {**{name: getattr(options, name, None) for name in ("recipe", "target")}, **arguments}
    for name, load in (("recipe", load_recipe), ("target", load_target)):
        wanted = asked.get(name)
        placeholder = inline and str(wanted).isupper()
        if isinstance(wanted, str) and wanted not in ("auto", "x") and not wanted.endswith(".toml") and not placeholder:
            load(wanted)


def of_detquant(command: Command) -> None:
    words = list(command.words[1:])
    if words[0] not in {name for name in app if not name.startswith("-")}:
        assert command.inline and words[0].startswith(("COMMAND", "-")), f"{command}: no such command"
        return
    if "--help" in words:
        return
    named(taken(app, words), command.inline)


def of_python(command: Command) -> None:
    script = command.words[1]
    if script == "-m":
        assert importlib.util.find_spec(command.words[2]), f"{command}: no such module"
    elif script.startswith(("benchmarks/", "training/")):
        assert (ROOT / script).is_file(), f"{command}: no such file"
        module = importlib.import_module((ROOT / script).stem)
        if isinstance(program := getattr(module, "app", None), App):
            taken(program, command.words[2:])
    else:
        assert (ROOT / script).is_file(), f"{command}: no such file"


def of_make(command: Command) -> None:
    hardware = "-C" in command.words or command.page.startswith(PAGES_OF_HARDWARE)
    path = ROOT / (MAKE_OF_A_FOLDER if hardware else "Makefile")
    rules = path.read_text(encoding="utf-8").replace("$(VENV)", ".venv")
    known = set(re.findall(r"^([.a-z][a-z-]*):", rules, re.MULTILINE))
    words = list(command.words[1:])
    if "-C" in words:
        del words[words.index("-C") : words.index("-C") + 2]
    wanted = {one for one in words if "=" not in one}
    assert wanted <= known, f"{command}: {path.name} has no {wanted - known}"


def of_pip(command: Command) -> None:
    assert command.words[1] == "install"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for one in command.words[2:]:
        for extra in re.findall(r"\[([a-z,]+)\]", one):
            assert set(extra.split(",")) <= extras.keys(), f"{command}: no such extra"


PROGRAMS: dict[str, Callable[[Command], None]] = {
    "detquant": of_detquant,
    "python": of_python,
    "make": of_make,
    "pip": of_pip,
    **dict.fromkeys(ELSEWHERE, lambda command: None),
}


@pytest.mark.parametrize("command", commands(), ids=str)
def test_a_command_is_one_that_its_program_takes(command):
    assert command.words[0] in PROGRAMS, f"{command}: say what this program is, in ELSEWHERE, or write another block"
    PROGRAMS[command.words[0]](command)


def test_what_is_elsewhere_is_still_named():
    assert {command.words[0] for command in commands()} - {"detquant", "python", "make", "pip"} <= ELSEWHERE.keys()
    text = "\n".join(str(command) for command in commands())
    assert all(name in text for name in ELSEWHERE if name != "pre-commit")


def test_a_wrong_option_would_be_found():
    wrong = Command("page.md:1", ("detquant", "quantize", "yolov8n.onnx", "--data", "data.yaml", "--recepi", "w8a8"))
    with pytest.raises(Exception, match="--recepi"):
        of_detquant(wrong)
    with pytest.raises(Exception, match="Unknown recipe"):
        of_detquant(Command("page.md:1", ("detquant", "plan", "yolov8n.onnx", "--recipe", "w8a8-refitt")))
    with pytest.raises(AssertionError, match="no such command"):
        of_detquant(Command("page.md:1", ("detquant", "quantise", "yolov8n.onnx")))


def test_each_block_says_its_language():
    unsaid = [str(one) for one in blocks() if one.language not in LANGUAGES and not DIRECTIVE.match(one.language)]
    bare = [str(one) for one in blocks() if not one.language]
    assert not unsaid and not bare, f"say sh, python, toml or text of {unsaid + bare}"


@pytest.mark.parametrize("block", [one for one in blocks() if one.language == "toml"], ids=str)
def test_a_toml_block_is_a_recipe_or_a_workflow(block, tmp_path):
    if "[[models]]" in block.text:
        path = tmp_path / "mine.toml"
        path.write_text(block.text, encoding="utf-8")
        workflow = load_workflow(str(path))
        load_target(workflow.target)
        return
    table = tomllib.loads(block.text)
    if "weight" in table:  # two lines of a rule
        table = {"rules": [table]}
    table.setdefault("rules", [{"weight": {"qtype": "int8"}, "activation": {"qtype": "uint8"}}])
    steps = table.get("steps", [])
    if any(step["name"] == "finetune" for step in steps) and not any(step["name"] == "refit" for step in steps):
        table["steps"] = [{"name": "refit"}, *steps]
    assert build_steps(parse_recipe({"name": "mine", **table}, str(block))) is not None
