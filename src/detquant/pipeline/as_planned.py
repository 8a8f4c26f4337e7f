"""An artefact that opens is not yet one that computes what was planned: where it loses much, the plan is asked.

The plan is the QDQ graph in ONNX Runtime without fused kernels: Q and DQ around float operators, so nothing depends on
how a place adds its integers. It is run only where the artefact loses more than the tolerance, so a good result costs
nothing. If the plan loses as much, the recipe is to blame, and the figures say so; if it does not, the place is.
"""

from __future__ import annotations

import onnx_ir as ir

from detquant.data import Dataset
from detquant.errors import TargetError
from detquant.evaluation.agreement import agreed
from detquant.evaluation.scorers import headline
from detquant.families import Family
from detquant.graph.running import AS_WRITTEN, OrtRunner
from detquant.graph.saturation import with_saturation
from detquant.pipeline.evaluate import Side, run_over
from detquant.progress import Progress
from detquant.report.sheets.numbers import plural
from detquant.spread import processors
from detquant.targets import Target

POINTS, IMAGES = 1.0, 2.0
MEASURED = {"ap": "AP", "top1": "top-1"}


def tolerance(images: int) -> float:
    """Points of accuracy, 0 to 100, by which an artefact may miss its plan: one, and what two images weigh.

    Args:
        images: number of images that were measured; roundings at a limit change single detections, which weigh more
            among few.
    """
    return POINTS + 100 * IMAGES / images


def require_as_planned(
    family: Family,
    dataset: Dataset,
    qdq: ir.Model,
    place: Target,
    *,
    before: Side,
    after: Side,
    limit: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Refuses an artefact that scores less than its plan.

    Args:
        family: family of the model.
        dataset: the data set that it was measured on.
        qdq: the graph that the artefact was made of.
        place: where the artefact ran.
        before: what the float model gave.
        after: what the artefact gave.
        limit: most images, as in the measurement.
        progress: called with (what, done, total).

    Raises:
        TargetError: it scores less by more than the tolerance; the sentence holds both figures.
    """
    images = len(after.confident)
    allowed = tolerance(images)
    found = _points(family.task, before, after)
    if _points(family.task, before, before) - found <= allowed:
        return
    runner = OrtRunner(with_saturation(qdq), processors(), optimisation=AS_WRITTEN)
    plan = run_over(family, {"plan": runner}, dataset, limit=limit, progress=progress).sides["plan"]
    planned = _points(family.task, before, plan)
    if planned - found > allowed:
        known = f"{fault} " if (fault := place.known_faults(qdq)) else ""
        what = MEASURED[headline(family.task)] if after.accuracy else "agreement with the float model"
        raise TargetError(
            f"The quantised model opens on {place.name} but does not compute what was planned: {what} is {found:.2f} "
            f"there and {planned:.2f} where the plan is run in ONNX Runtime ({plural(images, 'image')}, tolerance "
            f"{allowed:.2f}). {known}Nothing was written: try another recipe, another version of {place.package}, or "
            f"another target."
        )


def _points(task: str, reference: Side, side: Side) -> float:
    """The task's first measure, or how far two models agree; 0 to 100."""
    if side.accuracy:
        return side.accuracy.figures()[headline(task)]
    return agreed(task, reference.confident, side.confident).percent
