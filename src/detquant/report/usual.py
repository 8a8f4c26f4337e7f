"""What models of a family usually lose, by the widths of weights and activations: figures that this repository printed.

Each row holds the least and the greatest drop that was measured of a family with a recipe of these widths, in points of
the measure, where it was printed, and of which models. What is not in the table is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from detquant.report.evidence import Usual

_WIDTHS = re.compile(r"w[2-8](a[0-9]{1,2})?(?![0-9])")
GENERALITY = "docs/results.md, python benchmarks/generality.py"
LOWBIT = "docs/lowbit.md, python benchmarks/lowbit.py"
COCO = "300 COCO images"


@dataclass(frozen=True, slots=True)
class _Known:
    low: float
    high: float
    models: str
    source: str


USUAL: Mapping[tuple[str, str], _Known] = {
    ("yolov8", "w8a8"): _Known(0.00, 0.55, f"YOLOv8n and YOLO11n on two runtimes, AP of {COCO}", GENERALITY),
    ("yolox", "w8a8"): _Known(-0.24, 0.44, f"YOLOX-nano on two runtimes, AP of {COCO}", GENERALITY),
    ("nanodet", "w8a8"): _Known(-0.17, 0.07, f"NanoDet-m 416 on two runtimes, AP of {COCO}", GENERALITY),
    ("ssd-mobilenet", "w8a8"): _Known(-0.11, -0.06, f"SSD-MobileNet-v1 on two runtimes, AP of {COCO}", GENERALITY),
    ("yolov8", "w4a8"): _Known(0.79, 2.18, f"YOLOv8n and YOLO11n, AP of {COCO}", LOWBIT),
    ("yolov8", "w4a4"): _Known(8.06, 8.06, f"YOLOv8n, AP of {COCO}", LOWBIT),
    ("yolox", "w4a8"): _Known(2.03, 2.03, f"YOLOX-nano, AP of {COCO}", LOWBIT),
    ("nanodet", "w4a8"): _Known(0.74, 0.74, f"NanoDet-m 416, AP of {COCO}", LOWBIT),
    ("ssd-mobilenet", "w4a8"): _Known(0.36, 0.36, f"SSD-MobileNet-v1, AP of {COCO}", LOWBIT),
    ("classifier", "w4a4"): _Known(0.5, 2.4, "ResNet-20 and ResNet-56, top-1 of 1,000 CIFAR-10 images", LOWBIT),
    ("classifier", "w4a8"): _Known(1.2, 1.2, "MobileNet-v2, top-1 of 250 ImageNet images", LOWBIT),
}
"""Drops by family and widths."""


def usual(family: str, recipe: str) -> Usual | None:
    """What is usually lost.

    Args:
        family: name of the family.
        recipe: name of the recipe; it begins with its widths, if it tells them.

    Returns:
        None where nothing is known of such models.
    """
    widths = _WIDTHS.match(recipe)
    known = USUAL.get((family, widths.group())) if widths else None
    return Usual(low=known.low, high=known.high, what=known.models, source=known.source) if known else None
