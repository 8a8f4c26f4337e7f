"""What `lowbit.py` measures, and the bars that it is held to; nothing was tuned on the images that it measures on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

DETQUANT, AIMET, PLAIN = "detquant", "AIMET AdaRound", "min-max"
"""Who quantises: detquant by its recipe; AIMET at the same widths; the recipe's widths, rounded and nothing more."""
DROP, FOUR_BITS, FILE, LATENCY, MINUTES, PEAK = "drop", "at 4 bits", "file", "latency", "minutes", "peak, GB"
"""What bars are for: points of the measure; share of the weights in per cent; both to the int8 model; what it took."""
LEAST = frozenset({FOUR_BITS})
"""Bars that are to be reached; all others are not to be passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A row of the table.

    Attributes:
        model: a key of `generality.NETS`, by the name of the file.
        recipe: a recipe's name or file.
        target: the runtime.
        by: who quantises.
        calib: number of calibration images; None for as many as the other rows have.
        options: of `detquant.quantize`, besides those that all rows have.
        bars: what the row is held to, by the words above.
    """

    model: str
    recipe: str
    target: str = "ort"
    by: str = DETQUANT
    calib: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    bars: Mapping[str, float] = field(default_factory=dict)

    @property
    def wish(self) -> str:
        """The recipe and its options, as the table says them."""
        own = {**self.options, **({} if self.calib is None else {"calib": self.calib})}
        return " ".join([self.recipe, *(f"{name.replace('_', '-')} {value}" for name, value in own.items())])

    @property
    def key(self) -> str:
        """What --only selects by: "yolov8n/w4a8/ort", "yolov8n/w4a8 budget 5bits/ort"; of peers with their name."""
        return "/".join([self.peerless, *([self.by] if self.by != DETQUANT else [])])

    @property
    def peerless(self) -> str:
        """The key, whoever quantises."""
        return "/".join([self.model, self.wish, self.target])

    def selected(self, only: Iterable[str]) -> bool:
        """Whether one of these names is the beginning of the key, up to a slash; without any, all are selected."""
        return not only or any(f"{self.key}/".startswith(f"{one.rstrip('/')}/") for one in only)


def _case(model: str, recipe: str, drop: float | None = None, target: str = "ort", **more: Any) -> Case:
    bars = {**({} if drop is None else {DROP: drop}), **more.pop("bars", {})}
    return Case(model=model, recipe=recipe, target=target, bars=bars, **more)


SSD, YOLO11 = "ssd_mobilenet_v1_coco_float_recovered", "yolo11n_float_recovered"
MOBILENET, CIFAR20, CIFAR56 = "mobilenet_v2_1.0_224", "resnet20_cifar10", "resnet56_cifar10"
REFIT8, POWERS = "w8a8-refit", "w8a8-pow2"
MEANS = {REFIT8: 0.1}
"""Recipes whose drop is averaged over the runtimes of a model, and the bar for each mean."""
CASES: tuple[Case, ...] = (
    _case("yolov8n", "w4a8", 2.0, bars={FILE: 0.55, LATENCY: 1.02}),
    _case("yolov8n", "w4a8", 2.0, calib=64, bars={MINUTES: 3, PEAK: 2.5}),
    _case("yolov8n", "w4a8", 1.5, "openvino"),
    _case("yolov8n", "w4a8", by=AIMET),
    _case("yolov8n", "w4a8", by=PLAIN),
    _case("nanodet_m_416", "w4a8", 1.3),
    _case("nanodet_m_416", "w4a8", 1.3, "openvino"),
    _case("nanodet_m_416", "w4a8", by=AIMET),
    _case("yolox_nano", "w4a8", 2.5),
    _case("yolox_nano", "w4a8", 2.5, "openvino"),
    _case(YOLO11, "w4a8", 2.0),
    _case(SSD, "w4a8", 1.0),
    _case("yolov8n", "w4a4", 12),
    *(
        _case(model, REFIT8, target=target)
        for model in ("yolov8n", "nanodet_m_416", "yolox_nano")
        for target in ("ort", "openvino", "tflite")
    ),
    _case("yolov8n", POWERS, 0.7),
    _case("yolov8n", "w4a8", 0.7, options={"budget": "5bits"}),
    _case("yolov8n", "w4a8", 0.5, options={"max_drop": 0.5}, bars={FOUR_BITS: 60}),
    _case(CIFAR20, "w4a4", 3.0),
    _case(CIFAR20, "w4a4", by=AIMET),
    _case(CIFAR56, "w4a4", 3.0),
    _case(CIFAR56, "w4a4", by=AIMET),
    _case(MOBILENET, "w8a8", 0.5),
    _case(MOBILENET, "w4a8", 2.0),
    _case("yolov8-pico", "w8a8"),
    _case("yolov8-pico", "w4a8"),
    _case("yolov8-pico", "w4a8", by=AIMET),
    _case("yolov8-pico", "w4a8", by=PLAIN),
)
"""The rows, in the order of the table."""
