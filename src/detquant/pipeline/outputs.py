"""Names of the files that a run will write, known before the work: what is in their way is refused first."""

from __future__ import annotations

from detquant.pipeline.arrays import FILES
from detquant.recipes import builtin_recipes
from detquant.report.model_explorer import ERROR_FILE, PRECISION_FILE
from detquant.targets import load_target
from detquant.targets.onnx_file import FILE

REPORT, REPORT_TEXT, REPORT_PAGE = "report.json", "report.md", "report.html"
REPORTS = (REPORT, REPORT_TEXT, REPORT_PAGE)
WORKFLOW_REPORT, WORKFLOW_TEXT = "workflow.json", "workflow.md"
DECODE = "decode.json"
"""What a program needs to know to read a model's outputs, beside its files."""
PICTURE_FOLDER = "pictures"
"""Folder of the images in which most has changed."""
PICTURES = f"{PICTURE_FOLDER}/"
MOST_PICTURES = 12
RECIPE, LOSSES = "recipe.toml", "sensitivity.json"
"""Files of searches for widths."""
FLOAT_FILE, NAIVE_FILE, PICTURE = "float.onnx", "naive.onnx", "comparison.png"
"""Files that the demo writes."""
SHOWN = ("w8a8", "w4a8")
"""Recipes that the demo shows."""


def files_of_quantize(target: str, *, searches: bool = False) -> tuple[str, ...]:
    """Names of all files that a quantisation for this target may write.

    Args:
        target: a key of `detquant.targets.TARGETS`.
        searches: whether widths are searched for.

    Raises:
        TargetError: there is no such target.
    """
    place = load_target(target)
    beside = FILES if place.shows_steps else ()
    more = (DECODE, ERROR_FILE, PRECISION_FILE, *pictures(), *REPORTS)
    return (*place.writes, *beside, *more, *([RECIPE] if searches else []))


def files_of_demo() -> tuple[str, ...]:
    """Names of all files that the demo writes."""
    made = (name for recipe in recipes_of_demo() for name in (file_of_recipe(recipe), f"{recipe}/{DECODE}"))
    return (FLOAT_FILE, NAIVE_FILE, *made, PICTURE, *pictures(), *REPORTS)


def pictures() -> tuple[str, ...]:
    """Names of the pictures of images in which something has changed, as many as there can be."""
    return tuple(f"{PICTURES}{place:02d}.jpg" for place in range(MOST_PICTURES))


def recipes_of_demo() -> list[str]:
    """Names of the recipes to show that are built in."""
    return [name for name in SHOWN if name in builtin_recipes()]


def file_of_recipe(recipe: str) -> str:
    """The demo's model that follows a recipe."""
    return f"{recipe}/{FILE}"
