"""A model, its plan and the numbers that fill the plan: what algorithms take and return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import onnx_ir as ir

from detquant.calibration.allowed_codes import AllowedCodes
from detquant.calibration.note import Curve, Note, Speaker
from detquant.calibration.original import Original
from detquant.calibration.statistics import Statistics
from detquant.graph.qdq import insert_qdq
from detquant.numerics import QuantParams
from detquant.recipes import Choice, Derived, Dynamic, Plan, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantModel:
    """A plan filled with numbers.

    Attributes:
        model: the float graph, weights and biases as the algorithms left them.
        reference: the float graph that is approximated.
        original: the float graph that was given, where a step has taken channels away from ``reference``.
        plan: the decision.
        params: grid of each root tensor (see `Plan.root`).
        weights: grid of each weight in codes, by the name of the operator that reads it.
        allowed: masks and codebooks of weights, likewise, where a step has decided on some.
        statistics: statistics of the calibration images on ``reference``; who changes that graph gives others with it.
        choices: what algorithms have chosen for single operators, whatever the recipe says.
        observer: finds the ranges of activations, where an algorithm has chosen another than the recipe's.
        notes: what the steps did, a sentence each, for the report.
        calibrated: the model as calibration made it, before algorithms changed weights or grids: what planning again
            need not find anew is taken from there.
    """

    model: ir.Model
    reference: ir.Model
    plan: Plan
    params: Mapping[str, QuantParams]
    weights: Mapping[str, QuantParams]
    statistics: Statistics
    original: Original | None = None
    allowed: Mapping[str, AllowedCodes] = field(default_factory=dict)
    choices: Mapping[str, Choice] = field(default_factory=dict)
    observer: str | None = None
    notes: tuple[Note, ...] = ()
    calibrated: QuantModel | None = field(default=None, repr=False, compare=False)

    @property
    def activations(self) -> dict[str, QuantParams]:
        """Grid of every quantised activation, shared ones written out."""
        named = (name for name, point in self.plan.points.items() if not isinstance(point, Derived | Dynamic))
        return {name: self.params[self.plan.root(name)] for name in named}

    def qdq(self) -> ir.Model:
        """The QDQ graph that the plan and its numbers make."""
        return insert_qdq(self.model, activations=self.activations, weights=self.weights, nodes=set(self.plan.integer))

    def noted(
        self,
        step: Speaker,
        sentence: str,
        *,
        operators: Iterable[str] = (),
        cost: float | None = None,
        curve: Curve | None = None,
    ) -> QuantModel:
        """The model with one more note, left by a step; see `Note`."""
        operators = tuple(operators)
        said = Note(step=step.name, stage=step.stage, sentence=sentence, operators=operators, cost=cost, curve=curve)
        return replace(self, notes=(*self.notes, said))

    def notes_until(self, stage: Stage) -> tuple[Note, ...]:
        """The notes that are still true of a model on which all behind ``stage`` is made anew."""
        return tuple(note for note in self.notes if note.stage is None or note.stage <= stage)
