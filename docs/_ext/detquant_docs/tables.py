"""The tables of the pages, each from the table of the code that it tells."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path

from detquant import calibration
from detquant.algorithms import ALGORITHMS
from detquant.calibration import OBSERVERS
from detquant.errors import RecipeError, load_named
from detquant.families import FAMILIES, load_family
from detquant.families.reading import WORDS
from detquant.importers import IMPORTERS
from detquant.recipes import builtin_recipes, load_recipe
from detquant.recipes.widths import FORMS
from detquant.recipes.workflow import builtin_workflows, load_workflow
from detquant.targets import TARGETS, load_target
from detquant_docs.families import shapes, summary
from detquant_docs.markdown import code, first_sentence, table

ROOT = Path(__file__).parents[3]


def targets() -> list[str]:
    """Each place to run, what its files are, and what it needs."""
    rows = []
    for place in map(load_target, TARGETS):
        forms = [*([] if place.float_only else ["int8"]), *place.precisions]
        needs = f"`detquant[{place.extra}]`" if place.extra else "the core"
        measured = "yes" if place.runs_here else "no: another runtime stands in"
        rows.append([_target(place.name), place.title, code(forms), code(place.writes), needs, measured])
    return table(["target", "what it is", "forms", "files", "needs", "run by detquant"], rows)


def kernels() -> list[str]:
    """What the integer kernels of each place take."""
    rows = []
    for facts in (load_target(name).capability for name in TARGETS if not load_target(name).float_only):
        of_layers = facts.kernels["Conv"]
        rows.append(
            [
                _target(facts.name),
                _widths(of_layers.weight_bits),
                _widths(of_layers.activation_bits - facts.float_bits),
                f"{facts.stored_bits}" if not facts.any_width else "any",
                "around zero" if facts.symmetric else "with a zero point",
                ", ".join(sorted(kind.words for kind in of_layers.granularities)),
                "yes" if facts.dynamic_ops else "no",
                "yes" if facts.weight_only else "no",
                ", ".join(sorted(facts.fused_activations)) or "none",
            ]
        )
    header = ["target", "bits of weights", "of activations", "narrowest in the file", "grids of activations"]
    return table([*header, "of weights", "dynamic", "weights alone", "inside the layer's kernel"], rows)


def operators() -> list[str]:
    """Which operators have an integer kernel where."""
    places = [load_target(name).capability for name in TARGETS if load_target(name).capability.kernels]
    known = sorted({operator for facts in places for operator in facts.kernels})
    rows = [[f"`{one}`", *("yes" if one in facts.kernels else "" for facts in places)] for one in known]
    return table(["operator", *(f"`{facts.name}`" for facts in places)], rows)


def recipes() -> list[str]:
    """The recipes by name, with their steps."""
    found = {name: load_recipe(name) for name in builtin_recipes()}
    rows = [[f"`{name}`", one.description, code(step.name for step in one.steps)] for name, one in found.items()]
    return table(["recipe", "is", "steps"], [*rows, *([f"`{name}`", words, ""] for name, words in FORMS.items())])


def algorithms() -> list[str]:
    """The steps of recipes, with their options."""
    rows = []
    for name in ALGORITHMS:
        kind = load_named("algorithm", name, ALGORITHMS, RecipeError)
        says = first_sentence(importlib.import_module(ALGORITHMS[name].partition(":")[0]).__doc__)
        rows.append([f"`{name}`", str(kind.stage), says, code(one.name for one in fields(kind))])
    return table(["step", "stage", "does", "options"], rows)


def observers() -> list[str]:
    """The estimators of ranges."""
    told = calibration.observers.__doc__ or ""
    says = {
        line.split()[0]: line.split(maxsplit=1)[1] for line in told.splitlines() if line[:1].isalpha() and "  " in line
    }
    rows = [[f"`{name}`", says[name], "yes" if one.needs_histogram else "no"] for name, one in OBSERVERS.items()]
    return table(["observer", "range", "looks at a histogram"], rows)


def importers() -> list[str]:
    """What reads which files."""
    rows = [[f"`{name}`", first_sentence(importlib.import_module(home).__doc__)] for name, home in IMPORTERS.items()]
    return table(["importer", "reads"], rows)


def families() -> list[str]:
    """The families, in the order in which they are looked for."""
    rows = [
        [f"[`{one.name}`](/families/{one.name}.md)", summary(one), shapes(one)] for one in map(load_family, FAMILIES)
    ]
    return table(["family", "in and out", "known by"], rows)


def words() -> list[str]:
    """The words of `--reads`."""
    rows = [[kind, f"`{word}`", meaning] for kind, known in WORDS.items() for word, meaning in known.items()]
    return table(["kind", "word", "means"], rows)


def workflows() -> list[str]:
    """The workflows that come with detquant."""
    found = map(load_workflow, builtin_workflows())
    return table(
        ["workflow", "is", "runs on"], [[f"`{one.name}`", one.description, f"`{one.target}`"] for one in found]
    )


def extras() -> list[str]:
    """What each extra installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = [[f"`detquant[{name}]`", code(needs)] for name, needs in project["optional-dependencies"].items()]
    return table(["extra", "installs"], [["the core", code(project["dependencies"])], *rows])


def _target(name: str) -> str:
    return f"[`{name}`](/runtimes/{PAGES.get(name, name)}.md)"


def _widths(bits: frozenset[int]) -> str:
    return f"{min(bits)} to {max(bits)}" if len(bits) > 2 and max(bits) - min(bits) == len(bits) - 1 else _listed(bits)


def _listed(bits: frozenset[int]) -> str:
    narrow = sorted(one for one in bits if one <= 8)
    wide = sorted(one for one in bits if one > 8)
    first = f"{narrow[0]} to {narrow[-1]}" if len(narrow) > 2 else ", ".join(map(str, narrow))
    return ", ".join([first, *map(str, wide)])


PAGES = {"ort-qoperator": "ort", "tflite-integer": "tflite"}
"""The page of a target that has none of its own."""

TABLES: Mapping[str, Callable[[], list[str]]] = {
    "algorithms": algorithms,
    "extras": extras,
    "families": families,
    "importers": importers,
    "kernels": kernels,
    "observers": observers,
    "operators": operators,
    "recipes": recipes,
    "targets": targets,
    "words": words,
    "workflows": workflows,
}
"""The tables by the name that `code-table` takes."""
