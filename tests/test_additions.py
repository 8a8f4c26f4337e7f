"""What is added has a test, a row for users and a word in the changelog; where one is missing, here is the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from detquant.algorithms import ALGORITHMS
from detquant.calibration import OBSERVERS
from detquant.cli import app
from detquant.families import FAMILIES
from detquant.importers import IMPORTERS
from detquant.pipeline.engines import ENGINES
from detquant.recipes import builtin_recipes
from detquant.targets import TARGETS

ROOT = Path(__file__).parents[1]
COMMANDS = [name for name in app if not name.startswith("-")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Things of one table, and where each of them must be named.

    Attributes:
        what: one of them is.
        names: the table.
        page: for users; the name may stand in any other as well, or in the README.
        tests: a pattern of the files one of which must quote the name; where the pattern has a "{name}", of those
            one of which must be there.
        add: what to open or write where no such file names it.
    """

    what: str
    names: Iterable[str]
    page: str
    tests: str
    add: str


KINDS = (
    Kind(
        what="family",
        names=FAMILIES,
        page="docs/families.md",
        tests="tests/families/*.py",
        add="add a case to CASES in tests/families/family_cases.py",
    ),
    Kind(
        what="algorithm",
        names=ALGORITHMS,
        page="docs/recipes.md",
        tests="tests/algorithms/**/test_{name}.py",
        add="write tests/algorithms/test_{name}.py",
    ),
    Kind(
        what="observer",
        names=OBSERVERS,
        page="docs/recipes.md",
        tests="tests/calibration/test_observers.py",
        add="add a test to tests/calibration/test_observers.py",
    ),
    Kind(
        what="target",
        names=TARGETS,
        page="docs/formats.md",
        tests="tests/targets/**/*.py",
        add="write tests/targets/test_{name}.py",
    ),
    Kind(
        what="importer",
        names=IMPORTERS,
        page="docs/formats.md",
        tests="tests/importers/*{name}*",
        add="write tests/importers/test_{name}.py",
    ),
    Kind(
        what="engine",
        names=sorted(ENGINES.keys() - {"detquant"}),  # its own has the tests of all the pipeline
        page="README.md",
        tests="tests/pipeline/engines/*.py",
        add="write tests/pipeline/engines/test_{name}.py",
    ),
    Kind(
        what="recipe",
        names=builtin_recipes(),
        page="docs/formats.md",
        tests="tests/**/*.py",
        add="add it to tests/recipes/test_recipe.py",
    ),
    Kind(
        what="command",
        names=COMMANDS,
        page="README.md",
        tests="tests/**/*.py",
        add="add a test to tests/test_cli.py",
    ),
)
ALL = [pytest.param(kind, name, id=f"{kind.what}-{name}") for kind in KINDS for name in kind.names]


@cache
def text_of(*patterns: str) -> str:
    """What the files say, but this one."""
    files = {file for pattern in patterns for file in ROOT.glob(pattern)} - {Path(__file__)}
    return "\n".join(file.read_text(encoding="utf-8") for file in sorted(files))


def names(text: str, name: str) -> bool:
    """Whether a text for people names it, in capitals or not: "NanoDet-Plus" is nanodet-plus."""
    words = "[-_ ]?".join(map(re.escape, re.split("[-_]", name)))
    return re.search(rf"(?<![a-z0-9]){words}(?![a-z0-9])", text, re.IGNORECASE) is not None


def missing(kind: Kind, name: str) -> list[str]:
    """What is still to be done for something that was added, a sentence each."""
    about = f"{kind.what} '{name}'"
    if "{name}" in kind.tests:
        tested = any(ROOT.glob(kind.tests.format(name=name)))
    else:
        tested = f'"{name}"' in text_of(kind.tests)
    return [
        *([] if tested else [f"No test names the {about}: {kind.add.format(name=name)}."]),
        *([] if names(text_of("README.md", "docs/*.md"), name) else [f"No page has the {about}: open {kind.page}."]),
        *(
            []
            if names(text_of("CHANGELOG.md"), name)
            else [f"The changelog is silent on the {about}: open CHANGELOG.md, and add a line below [Unreleased]."]
        ),
    ]


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_what_was_added_is_tested_and_told(kind: Kind, name: str) -> None:
    if todo := missing(kind, name):
        pytest.fail("\n".join(todo), pytrace=False)


def test_what_is_forgotten_is_said_with_the_file_to_open() -> None:
    said = "\n".join(missing(KINDS[1], "no-such-thing"))
    for file in ("tests/algorithms/test_no-such-thing.py", "docs/recipes.md", "CHANGELOG.md"):
        assert file in said


def test_each_file_of_commands_is_loaded() -> None:
    own = {file.stem for file in ROOT.glob("src/detquant/cli/*.py") if "@app.command" in file.read_text()}
    loaded = (ROOT / "src/detquant/cli/__init__.py").read_text()
    for name in sorted(own):
        if not re.search(rf"\b{name}\b", loaded):
            pytest.fail(f"cli/{name}.py has commands: open cli/__init__.py, and import it there.", pytrace=False)
