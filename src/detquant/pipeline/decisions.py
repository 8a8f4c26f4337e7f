"""What a clock decided about a model, as it stands in a report and is taken from one.

Everything else that detquant decides follows from its inputs. A measured decision does not, so it is written into
`report.json`; who gives that report (`--decisions`) gets the same bytes again from the same inputs, on any machine.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detquant.algorithms import placement
from detquant.errors import RecipeError, unknown_name
from detquant.recipes import Recipe
from detquant.targets import Target
from detquant.untrusted import parse_json, read_text

KEY = "decisions"
FAULTS: Mapping[str, Callable[[object, Collection[str]], str]] = {placement.MEMORY: placement.fault}
"""What is wrong with a decision of an algorithm, given the model's operators; by the algorithm's name."""
_MOST = 64 * 2**20  # bytes of a report


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Measured decisions, and what they were made about.

    Attributes:
        model_sha256: SHA-256 of the model's file.
        recipe: name of the recipe.
        recipe_sha256: SHA-256 of all that it says.
        target: where the result runs.
        taken: decisions by algorithm.
    """

    model_sha256: str
    recipe: str
    recipe_sha256: str
    target: str
    taken: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def about(cls, model_sha256: str, recipe: Recipe, target: Target, taken: Mapping[str, Any]) -> Decisions:
        """The decisions of a job, with what they are about."""
        said = hashlib.sha256(repr(recipe).encode("utf-8", "backslashreplace")).hexdigest()
        return cls(
            model_sha256=model_sha256, recipe=recipe.name, recipe_sha256=said, target=target.name, taken=dict(taken)
        )

    def figures(self) -> dict[str, Any]:
        """The decisions as plain values, as they stand in a report."""
        return {**{name: getattr(self, name) for name in _FACTS}, "taken": dict(self.taken)}

    def require_same(self, job: Decisions, source: str) -> None:
        """Refuses decisions about something else.

        Args:
            job: decisions about what is to be done now.
            source: source of these, for the message.

        Raises:
            RecipeError: the model, the recipe or the target is another.
        """
        pairs = (
            ("model", f"with sha256 {self.model_sha256[:12]}...", f"{job.model_sha256[:12]}..."),
            ("recipe", f"'{self.recipe}'", f"'{job.recipe}'"),
            ("target", f"'{self.target}'", f"'{job.target}'"),
        )
        for what, theirs, ours in pairs:
            if getattr(self, _SAME[what]) != getattr(job, _SAME[what]):
                same_name = " of the same name that says something else" if theirs == ours else ""
                raise RecipeError(
                    f"The decisions in '{source}' are about the {what} {theirs}, and this one is {ours}{same_name}: "
                    f"give the report of this model, recipe and target, or leave out the decisions."
                )

    def is_about(self, job: Decisions) -> bool:
        """Whether these are about the same model, recipe and target."""
        return all(getattr(self, name) == getattr(job, name) for name in _FACTS)

    def fault(self, operators: Collection[str]) -> str:
        """A clause on what is wrong with the decisions for a model with these operators; empty where nothing is."""
        for name, decision in self.taken.items():
            if name not in FAULTS:
                return unknown_name("decision", name, FAULTS).rstrip(".")
            if found := FAULTS[name](decision, operators):
                return f"'{name}': {found}"
        return ""


_FACTS = ("model_sha256", "recipe", "recipe_sha256", "target")
_SAME = {"model": "model_sha256", "recipe": "recipe_sha256", "target": "target"}


def read_decisions(path: str | os.PathLike[str]) -> tuple[Decisions, ...]:
    """The decisions in a report: of one model, of each that a workflow quantised, or of each row that was compared.

    Args:
        path: path of a `report.json` or `workflow.json`, or of the figures that `--json` wrote.

    Raises:
        RecipeError: it cannot be read, or holds none.
    """
    file = Path(path)
    try:
        report = parse_json(read_text(file, _MOST))
    except OSError as error:
        raise RecipeError(f"Cannot read the decisions in '{file}': {error.strerror or error}.") from error
    except ValueError as error:
        raise RecipeError(f"'{file}' is no report of detquant: it is not valid JSON ({error}).") from error
    found = [part[KEY] for part in _parts(report) if KEY in part]
    if not found:
        raise RecipeError(f"'{file}' holds no decisions: give the report.json of a run of detquant quantize.")
    if not all(map(_is_well_formed, found)):
        raise RecipeError(f"The decisions in '{file}' are not as detquant writes them: give the report as it was.")
    return tuple(Decisions(**one) for one in found)


def _parts(report: object) -> Iterator[dict[str, Any]]:
    """The report, and what it says of each model and of each row; a workflow's models have rows too."""
    if not isinstance(report, dict):
        return
    yield report
    for key in ("models", "rows"):
        several = report.get(key)
        for part in several if isinstance(several, list) else ():
            if key == "models":
                yield from _parts(part)
            elif isinstance(part, dict):
                yield part


def decisions_about(job: Decisions, given: Sequence[Decisions], source: str | os.PathLike[str]) -> Decisions:
    """The ones among some decisions that are about what is to be done now.

    Args:
        job: decisions about that.
        given: the decisions that were read, at least one.
        source: where they were read, for the message.

    Raises:
        RecipeError: none is about this model, this recipe and this target.
    """
    ours = [one for one in given if one.model_sha256 == job.model_sha256]
    found = next((one for one in ours if one.is_about(job)), next(iter(ours), given[0]))
    found.require_same(job, os.fspath(source))
    return found


def _is_well_formed(found: object) -> bool:
    if not isinstance(found, dict) or set(found) != {*_FACTS, "taken"}:
        return False
    return isinstance(found["taken"], dict) and all(isinstance(found[name], str) for name in _FACTS)
