"""A report with every view filled, made up, as large as one likes; names in it are as nasty as a file can make them."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from detquant.evaluation.breakdown import Part
from detquant.evaluation.changes import Box, Fate, SeenImage
from detquant.evaluation.resampling import Interval
from detquant.evaluation.thresholds import Point, Thresholds
from detquant.report.evidence import (
    Block,
    Evidence,
    OperatorTime,
    Profile,
    Provenance,
    TensorLoss,
    Usual,
)
from detquant.report.report import Report
from detquant.report.widths import Tried, Width, Widths

NASTY = "<script>alert(1)</script>"
QUOTED = "/model.0/\"conv\" & 'more' onmouseover=alert(1)"
CLASSES = (NASTY, "traffic light", 'a "cup" & saucer', "кошка", "bicycle")
SIDE = (640, 400)


def picture(seed: int, width: int = SIDE[0], height: int = SIDE[1]) -> bytes:
    """A JPEG of shapes."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), rng.integers(60, 160, 3), np.uint8)
    for _ in range(14):
        colour = tuple(int(value) for value in rng.integers(0, 255, 3))
        corner = rng.integers(0, (width, height))
        cv2.circle(image, tuple(map(int, corner)), int(rng.integers(10, 70)), colour, -1)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()


def pictures(images: int = 6) -> dict[str, bytes]:
    return {f"seen/{number}.jpg": picture(number) for number in range(images)}


def seen(images: int = 6) -> tuple[SeenImage, ...]:
    rng, fates = np.random.default_rng(1), list(Fate)
    made = []
    for number in range(images):
        sides: list[list[Box]] = [[], []]
        for at in range(7):
            fate = fates[at % len(fates)]
            left, top = rng.uniform(0, SIDE[0] - 160), rng.uniform(0, SIDE[1] - 120)
            box = (float(left), float(top), float(left + rng.uniform(50, 150)), float(top + rng.uniform(40, 110)))
            one = Box(xyxy=box, confidence=float(rng.uniform(0.25, 0.95)), class_id=at % 5, fate=fate)
            if fate is not Fate.NEW:
                sides[0].append(one)
            if fate is not Fate.LOST:
                sides[1].append(replace(one, confidence=one.confidence * 0.9))
        made.append(
            SeenImage(
                image=f"val/{number:06d}.jpg" if number else f"val/{NASTY}.jpg",
                file=f"seen/{number}.jpg" if number < images - 1 else None,
                width=SIDE[0],
                height=SIDE[1],
                before=tuple(sides[0]),
                after=tuple(sides[1]),
                objects=6 if number % 2 else None,
                change=0.6 - 0.07 * number,
            )
        )
    return tuple(made)


def curve(shift: float, points: int = 101) -> tuple[Point, ...]:
    made = []
    for at in range(points):
        confidence = at / (points - 1)
        moved = min(1.0, confidence * (1 + shift))
        recall = 92 * (1 - moved**1.6)
        precision = 35 + 62 * moved**0.5
        f1 = 2 * precision * recall / (precision + recall) if recall else 0.0
        made.append(Point(confidence=confidence, precision=precision, recall=recall, f1=f1))
    return tuple(made)


def thresholds() -> Thresholds:
    before, after = curve(0.0), curve(0.25)
    return Thresholds(
        labelled=True,
        asked=0.25,
        proposed=0.2,
        by="recall",
        before=before,
        after=after,
        before_at_asked=before[25],
        after_at_asked=after[25],
        after_at_proposed=after[20],
    )


def parts(classes: int = 5) -> tuple[Part, ...]:
    rng = np.random.default_rng(2)
    names = [("size", name) for name in ("small", "medium", "large")]
    names += [("class", CLASSES[at] if at < len(CLASSES) else f"class {at}") for at in range(classes)]
    made = []
    for kind, name in names:
        before, change = float(rng.uniform(20, 70)), float(rng.normal(-0.6, 0.9))
        half = float(rng.uniform(0.4, 1.2))
        made.append(
            Part(
                kind=kind,
                name=name,
                objects=int(rng.integers(4, 900)),
                before=before,
                after=before + change,
                missed_before=int(rng.integers(0, 40)),
                missed_after=int(rng.integers(0, 50)),
                low=change - half,
                high=change + half,
            )
        )
    counts = {"objects": 0, "missed_before": 0, "missed_after": 0}
    made.append(Part(kind="class", name="never there", before=None, after=None, **counts))
    return tuple(made)


def tensors(count: int = 40, bins: int = 64) -> tuple[TensorLoss, ...]:
    rng = np.random.default_rng(3)
    made = []
    for at in range(count):
        weight, bits = at % 2 == 1, 4 if at % 7 == 3 else 8
        spread = float(rng.uniform(0.5, 9))
        centre = np.linspace(-3, 3, bins)
        counts = (20000 * np.exp(-(centre**2)) * rng.uniform(0.4, 1.2, bins)).astype(int)
        low, high = (-spread, spread) if weight else (0.0 if at % 4 else -0.278, spread)
        alone = float(rng.uniform(8, 48))
        made.append(
            TensorLoss(
                name=f"/model.{at // 3}/cv{at % 3}/conv/Conv_output_{at}" if at else f"{QUOTED} {NASTY}",
                operator=f"/model.{at // 3}/cv{at % 3}/conv/Conv",
                kind="weight" if weight else "activation",
                bits=bits,
                scale=(high - low) / (2**bits - 1),
                steps=64 if weight and at % 3 else 1,
                zero_point=0 if weight else 8,
                low=low,
                high=high,
                seen_low=low * 1.05 - 0.1,
                seen_high=high * 1.2,
                clipped=None if at % 9 == 8 else float(rng.uniform(0, 0.4)),
                alone_db=None if at % 11 == 10 else alone,
                cumulative_db=None if weight else max(4.0, 36 - 0.5 * at * 40 / count),
                counts=tuple(map(int, counts)) if at % 13 != 12 else (),
            )
        )
    return tuple(made)


def blocks(count: int = 30) -> tuple[Block, ...]:
    rng = np.random.default_rng(4)
    made: list[Block] = []
    for at in range(count):
        inputs = [made[-1].name] if made else []
        if at > 6 and at % 4 == 0:
            inputs.append(made[at - 3].name)
        if at > 14 and at % 11 == 0:
            inputs.append(made[at - 13].name)
        float_ = at >= count - 4
        made.append(
            Block(
                name=f"/model.{at}/conv/Conv" if at else QUOTED,
                operators=(f"/model.{at}/conv/Conv", f"/model.{at}/act/Mul"),
                title=("Conv 3x3 + SiLU", "Concat", "MaxPool 5x5", "Conv 1x1 + SiLU", "Add")[at % 5],
                inputs=tuple(inputs),
                shape=f"1x{16 * (1 + at // 6)}x{80 >> (at // 12)}x{80 >> (at // 12)}",
                planned="float" if float_ else "w8a8" if at % 7 else "w4a8",
                executed=None if at % 10 == 9 else "float" if float_ or at == 5 else "int8",
                error_db=None if at % 8 == 7 else float(rng.uniform(6, 46)),
                why_float="feeds the decode tail" if float_ else None,
                macs=int(rng.integers(10**6, 4 * 10**7)),
            )
        )
    return tuple(made)


FLOAT_KINDS = ("Conv", "Mul", "Sigmoid", "Concat", "Resize")
INTEGER_KINDS = (
    "QLinearConv",
    "QLinearMul",
    "QuantizeLinear",
    "DequantizeLinear",
    "Concat",
    NASTY,
    "Resize",
    "Softmax",
)
INTEGER_KINDS += ("Reshape", "Transpose")


def profiles(count: int = 40) -> tuple[Profile, ...]:
    rng = np.random.default_rng(5)
    sides = (("float", FLOAT_KINDS, "float", 1.0), ("quantized", INTEGER_KINDS, "int8", 0.4))
    made = []
    for row, kinds, precision, share in sides:
        times = []
        for at in range(count):
            kind, ms = kinds[at % len(kinds)], float(rng.exponential(share) / (1 + at % len(kinds)))
            times.append(OperatorTime(name=f"{kind}_{at}", kind=kind, precision=precision, ms=ms))
        made.append(Profile(row=row, operators=tuple(times)))
    return tuple(made)


def evidence(*, tensors_: int = 40, blocks_: int = 30, images: int = 6, classes: int = 5) -> Evidence:
    """All of it filled."""
    return Evidence(
        classes=CLASSES,
        seen=seen(images),
        thresholds=thresholds(),
        parts=parts(classes),
        interval=Interval(drop=0.4, low=-0.1, high=0.9, level=95.0, resamples=1000, images=300),
        usual=Usual(low=0.2, high=0.8, what="YOLOv8n, w8a8, COCO", source="https://example.org/table"),
        tensors=tensors(tensors_),
        blocks=blocks(blocks_),
        profiles=profiles(),
        provenance=Provenance(
            command=f"detquant quantize model.onnx --data '{NASTY}'",
            processor="AMD EPYC 9R14",
            instructions=("avx2", "avx512_vnni"),
            system="Linux 6.1, Python 3.11",
            data_sha256="12" * 32,
            calibration=tuple(f"train/{number:06d}.jpg" for number in range(128)),
            packages={"onnxruntime": "1.31.1", "numpy": "2.4.6"},
        ),
    )


TRIED = (
    ("w8a8", 0.3, 3_200_000, 2.0, False, True),
    ("w4a8, 5 layers wider", 0.8, 2_100_000, 1.9, True, True),
    ("w4a8", 2.4, 1_700_000, 1.9, False, True),
    ("w4a8, 2 layers wider", 2.0, 2_200_000, 2.1, False, False),
)


def tried() -> tuple[Tried, ...]:
    return tuple(
        Tried(
            title=title,
            drop=drop,
            size_bytes=size,
            zipped_bytes=round(size * 0.9),
            base_percent=80.0,
            float_percent=1.0,
            latency_ms=ms,
            taken=taken,
            best=best,
        )
        for title, drop, size, ms, taken, best in TRIED
    )


def full(report: Report, **sizes: int) -> Report:
    """A report of conftest's with all evidence, with warnings and with what a search leaves."""
    given = [
        Width(
            name=f"conv{at}",
            is_weight=at % 2 == 0,
            bits=(4, 8, None)[at % 3],
            loss=1 / (at + 1),
            weights=900,
            size_bytes=450.0,
        )
        for at in range(9)
    ]
    return replace(
        report,
        evidence=evidence(**sizes),
        tried=tried(),
        widths=Widths(why="a budget of 5bits", measure="mse", given=tuple(given)),
        warnings=(*report.warnings, f"'{NASTY}' is slow."),
    )


def chosen(report: Report) -> Report:
    """A report as `choose` makes it: several of one rank."""
    rng = np.random.default_rng(7)
    rows = []
    for target in ("ort", "openvino", "tflite"):
        for precision in ("fp32", "fp16", "w8a8"):
            row = replace(
                report.rows[0],
                name=f"{target} {precision}",
                title=f"{target} {precision}",
                target=target,
                precision=precision,
                accuracy={"ap": 37.3 - float(rng.uniform(0, 2)), "ap50": 52.0, "ap75": 40.0},
                latency_ms=float(rng.uniform(10, 90)),
                size_bytes=int(rng.uniform(3e6, 13e6)),
                best=len(rows) % 3 == 0,
            )
            rows.append(row)
    return replace(report, rows=tuple(rows), about=None, target=None, evidence=None)


def broken(value: float = math.nan) -> Evidence:
    """Evidence of a file that says things that no run does."""
    base = evidence()
    point = Point(confidence=value, precision=value, recall=value, f1=value)
    box = Box(xyxy=(value, -5.0, value, 1e300), confidence=value, class_id=-7, fate=Fate.LOST)
    guess = Box(xyxy=(), confidence=value, class_id=10**9, fate=Fate.NEW)
    seen_ = SeenImage(
        image="", file="../x", width=0, height=-3, before=(box, guess), after=(), objects=-1, change=value
    )
    known = {"objects": -1, "before": value, "after": value, "missed_before": -1, "missed_after": 0}
    grid = {"bits": -3, "scale": value, "steps": 0, "low": value, "high": value, "seen_low": value, "seen_high": -1e308}
    losses = {"clipped": value, "alone_db": value, "cumulative_db": value, "counts": (-5, 10**18)}
    return replace(
        base,
        seen=(seen_,),
        thresholds=Thresholds(
            labelled=False,
            asked=value,
            proposed=value,
            by="f1",
            before=(point,),
            after=(point, point),
            before_at_asked=point,
            after_at_asked=point,
            after_at_proposed=point,
        ),
        parts=(Part(kind="class", name="x", low=value, high=value, **known),),
        interval=Interval(drop=value, low=value, high=value, level=value, resamples=-1, images=0),
        usual=Usual(low=value, high=value, what="", source="javascript:alert(1)"),
        tensors=tuple(replace(one, **grid, **losses) for one in base.tensors[:3]),
        blocks=tuple(
            replace(one, inputs=(one.name, "nobody"), executed="", error_db=value, macs=-5) for one in base.blocks[:5]
        ),
        profiles=(Profile(row="", operators=(OperatorTime(name="", kind="", precision="", ms=value),)),),
    )
