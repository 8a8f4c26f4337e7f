"""What the embedded detector sees on one scene with weights of 2 to 8 bits:  cd docs && python -m drawings.boxes [RUNS]

RUNS is a folder for the quantised models, by the names of their recipes; those that are there already are taken.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2

import detquant
from detquant.data import Dataset, read_image
from detquant.evaluation.most_degraded_image import known_objects, most_degraded_image
from detquant.families import Detections

MODEL, DATA, CALIBRATION, IMAGES, LEAST = "yolov8-pico", "scenes", 64, 150, 0.05
WIDTHS = range(2, 9)
FILE = Path(__file__).parents[1] / "play" / "boxes.json"


def main(runs: Path) -> None:
    """Quantises what is not there yet, and writes the JSON of the page."""
    scenes = detquant.open_dataset(DATA)
    models = {f"w{bits}a8": quantised(runs, f"w{bits}a8") for bits in WIDTHS}
    titles = {name: f"{bits} bits" for bits, name in zip(WIDTHS, models, strict=True)}
    models, titles = {**models, "float": MODEL}, {**titles, "float": "float, 32 bits"}
    found = {name: seen(path, scenes.validation[:IMAGES]) for name, path in models.items()}
    truth = known_objects(scenes.ground_truth or {})[:IMAGES]
    place = most_degraded_image(truth, *([one.above(0.25) for one in found[name]] for name in ("float", "w2a8")))
    views = [
        {"name": name, "title": titles[name], "ap": accuracy(path), "found": rows(found[name][place])}
        for name, path in models.items()
    ]
    FILE.write_text(json.dumps({**scene(scenes, place, truth[place]), "views": views}) + "\n", encoding="utf-8")
    print(*(f"{one['name']}: AP {one['ap']:.2f}, {len(one['found'])} boxes" for one in views), sep="\n")


def quantised(runs: Path, recipe: str) -> str:
    """The file of a recipe, made unless it is there."""
    path = runs / recipe / "model.onnx"
    if not path.is_file():
        options = {"calib": CALIBRATION, "val_limit": IMAGES}
        detquant.quantize(MODEL, DATA, recipe=recipe, target="ort", **options).save(path.parent)
    return str(path)


def seen(model: str, images: Sequence[Path]) -> list[Detections]:
    """What a model finds, image by image."""
    return [one.detections for one in detquant.predict(model, images, confidence=LEAST)]


def accuracy(model: str) -> float:
    """AP on the scenes."""
    return round(float(detquant.evaluate(model, DATA, val_limit=IMAGES).accuracy.figures()["ap"]), 2)


def scene(scenes: Dataset, place: int, objects: Detections) -> Mapping[str, Any]:
    """The scene itself, with what is in it."""
    image = read_image(scenes.validation[place])
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
    return {
        "scene": scenes.validation[place].as_posix(),
        "image": "data:image/jpeg;base64," + base64.b64encode(coded).decode(),
        "size": [image.shape[1], image.shape[0]],
        "images": IMAGES,
        "classes": list(detquant.load(MODEL).family.classes),
        "objects": [row[:5] for row in rows(objects)],
    }


def rows(found: Detections) -> list[list[float]]:
    """Left, top, right, bottom, class and score of each."""
    together = zip(found.xyxy.tolist(), found.class_id.tolist(), found.confidence.tolist(), strict=True)
    return [[*(round(side, 1) for side in box), number, round(score, 3)] for box, number, score in together]


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs"))
