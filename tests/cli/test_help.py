"""What `--help` says: names that people can type, not the types of a program."""

from __future__ import annotations

import re

import pytest

from detquant.cli import app, main
from detquant.recipes import load_recipe
from detquant.targets import TARGETS

COMMANDS = [name for name in app if not name.startswith("-")]


@pytest.fixture
def helped(capsys, monkeypatch):
    """helped(command): its help as one line of words, without the frames."""
    monkeypatch.setenv("COLUMNS", "100")

    def read(*command: str) -> str:
        assert main([*command, "--help"]) == 0
        return " ".join(re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().out).split())

    return read


@pytest.mark.parametrize("command", COMMANDS)
def test_no_option_takes_a_type(helped, command):
    assert not re.search(r"\b(STR|TEXT|LIST|ANY)\b", helped(command))


@pytest.mark.parametrize("command", ["quantize", "plan", "inspect", "sensitivity", "mixed-precision"])
def test_targets_are_named(helped, command):
    said = helped(command)
    listed = re.search(r"--target TARGET Where the result is to run: (.*?); detquant targets", said)
    assert listed, said
    assert re.split(r", | or ", listed[1]) == list(TARGETS)  # what is missing goes into TargetOptions


def test_recipes_that_are_named_are_there(helped):
    said = re.search(r"--recipe RECIPE (.*?) \[default", helped("quantize"))
    assert said
    named = re.findall(r"\bw\d+(?:a\d+)?(?:-\w+)?\b|\bdynamic\b|\bfp16\b", said[1])
    assert {"w8a8", "w4a8", "w4", "dynamic"} <= {*named}
    for name in named:
        assert load_recipe(name).name == name


def test_the_program_names_each_command(helped):
    said = helped()
    assert all(f" {name} " in said for name in COMMANDS)
