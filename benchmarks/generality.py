"""Whether the default recipe holds on nets that it was not tuned on: every model at hand, on several runtimes.

    python benchmarks/generality.py --targets ort openvino --only nudenet_320n yolov8n

Each model is quantised with defaults and measured beside its float file on images that neither calibrated it nor chose
anything. Where nothing is labelled for a model, its agreement with the float model counts: F1 at a confidence of 0.25,
in per cent, and what is missing to 100 is its drop. What is quoted is the worst and the mean, not the best.
"""

from __future__ import annotations

import json
import lzma
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

from arguments import Count
from cyclopts import App, Parameter
from markdown_table import line, markdown

from detquant.data import Dataset, open_dataset
from detquant.errors import DetquantError
from detquant.pipeline.processor import processor_name
from detquant.pipeline.quantize import QUANTIZED, quantize
from detquant.report.progress import show_progress
from detquant.report.report import GUARD
from detquant.report.row import AGREEMENT

ASSETS = Path(__file__).resolve().parents[2] / "shared" / "assets"
COCO, WEIGHTS = ASSETS / "coco", ASSETS / "weights"
HEADER = ("model", "runtime", "measured", "images", "float", "w8a8", "drop", "to float's time", "kept by the guard")
TEXTS = 3
"""Columns before those of numbers."""
TARGETS = ("ort", "openvino")
Opener = Callable[[Path], Dataset]
app = App(name="generality", help="Prints what the default recipe costs on every model at hand, as a Markdown table.")


def coco(_: Path) -> Dataset:
    """Photographs with boxes of 80 classes."""
    return open_dataset(COCO / "coco300.yaml")


def photographs(_: Path) -> Dataset:
    """The same photographs without boxes: calibrated on those of training, compared on the others."""
    calibration = open_dataset(COCO / "images" / "train2017").calibration
    return replace(open_dataset(COCO / "images" / "val2017"), calibration=calibration, overlap=0)


def people(folder: Path) -> Dataset:
    """The same photographs with the boxes of people."""
    for split in ("train2017", "val2017"):
        content = json.loads((COCO / "annotations" / f"instances_{split}.json").read_text(encoding="utf-8"))
        [person] = [one for one in content["categories"] if one["name"] == "person"]
        content["categories"] = [person]
        content["annotations"] = [a for a in content["annotations"] if a["category_id"] == person["id"]]
        file = folder / "annotations" / f"instances_{split}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content), encoding="utf-8")
        images = folder / "images" / split
        images.parent.mkdir(exist_ok=True)
        if not images.exists():
            images.symlink_to(COCO / "images" / split)
    return open_dataset(folder / "annotations" / "instances_val2017.json")


def imagenet(_: Path) -> Dataset:
    """Photographs of a thousand classes."""
    calibration = open_dataset(ASSETS / "imagenet" / "calib").calibration
    return replace(open_dataset(ASSETS / "imagenet" / "labels.csv"), calibration=calibration, overlap=0)


def cifar(_: Path) -> Dataset:
    """Small pictures of ten classes."""
    return open_dataset(ASSETS / "cifar10")


def scenes(_: Path) -> Dataset:
    """The embedded scenes."""
    return open_dataset("scenes")


def crops(_: Path) -> Dataset:
    """The embedded crops."""
    return open_dataset("crops")


@dataclass(frozen=True, slots=True)
class Net:
    """A model, what it is measured on, and what its file does not tell."""

    file: Path
    data: Opener
    imgsz: int | None = None
    preprocess: str | None = None

    @property
    def name(self) -> str:
        """Of the file, without what comes after the first dot of a suffix."""
        return self.file.name.removesuffix(".xz").rpartition(".")[0] or self.file.name

    def unpacked(self, folder: Path) -> Path:
        """The file, unpacked where it is packed."""
        if self.file.suffix != ".xz":
            return self.file
        place = folder / self.file.stem
        place.write_bytes(lzma.decompress(self.file.read_bytes()))
        return place


NETS = (
    Net(WEIGHTS / "detect" / "yolov8n.onnx", coco),
    Net(WEIGHTS / "detect" / "yolox_nano.onnx", coco),
    Net(WEIGHTS / "detect" / "nanodet_m_416.onnx", coco),
    Net(WEIGHTS / "more" / "yolo11n_float_recovered.tflite.xz", coco),
    Net(WEIGHTS / "more" / "ssd_mobilenet_v1_coco_float_recovered.onnx.xz", coco),
    Net(WEIGHTS / "more" / "person-detection-0200.xml", people),
    Net(WEIGHTS / "more" / "nudenet_320n.onnx", photographs, imgsz=320),
    Net(WEIGHTS / "detect" / "nanodet_m_320.onnx", coco),
    Net(WEIGHTS / "detect" / "yolo-fastest-1.1.cfg", coco),
    Net(WEIGHTS / "detect" / "yolo-fastest-1.1-xl.cfg", coco),
    Net(Path("yolov8-pico"), scenes),
    Net(WEIGHTS / "classify" / "mobilenet_v2_1.0_224.onnx.xz", imagenet),
    Net(WEIGHTS / "classify" / "squeezenet_v1.1.onnx.xz", imagenet, preprocess="caffe"),
    Net(WEIGHTS / "classify" / "resnet20_cifar10.th", cifar),
    Net(WEIGHTS / "classify" / "resnet56_cifar10.th", cifar),
    Net(Path("resnet-pico"), crops),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table, and the number that is quoted of it."""

    cells: tuple[str, ...]
    target: str = ""
    drop: float | None = None
    labelled: bool = True


def measured(net: Net, target: str, calib: int, limit: int | None) -> Row:
    """One model on one runtime."""
    print(f"{net.name} on {target}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder, show_progress() as progress:
        try:
            file, data = net.unpacked(Path(folder)), net.data(Path(folder))
            options: dict[str, Any] = {"imgsz": net.imgsz, "preprocess": net.preprocess, "calib": calib}
            found = quantize(file, data, target=target, val_limit=limit, progress=progress, **options).report
        except DetquantError as error:
            return Row((net.name, target, "–", *[""] * (len(HEADER) - 4), str(error)[:120]))
    row = found.row(QUANTIZED)
    labelled = found.measure != AGREEMENT
    before, after = (one.value(found.measure) or 0.0 for one in (found.reference, row))
    key = found.measure if labelled else "F1" if found.task == "detect" else "same guess"
    shown = (f"{value:.2f}" for value in (before, after, before - after))
    guilty = str(len(row.kept_by(GUARD)))
    cells = (net.name, target, key, str(found.images), *shown, f"{row.ratio or 0.0:.2f}", guilty)
    return Row(cells, target, before - after, labelled)


def quoted(rows: Sequence[Row]) -> Iterator[str]:
    """Worst and mean of what was labelled, by runtime and of all."""
    for target in (*dict.fromkeys(row.target for row in rows if row.target), ""):
        drops = [r.drop for r in rows if r.drop is not None and r.labelled and target in (r.target, "")]
        if drops:
            yield f"{target or 'all'}: worst drop {max(drops):.2f}, mean {mean(drops):.2f}, of {len(drops)}"


@app.default
def generality(
    *,
    targets: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    only: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    calib: Count = 128,
    limit: Count | None = None,
) -> None:
    """Quantise every model at hand with defaults, and measure what that costs.

    Args:
        targets: Runtimes.
        only: Names of models, as the table has them.
        calib: Number of calibration images.
        limit: Measure on the first so many validation images only.
    """
    rows: list[Row] = []
    for net in NETS:
        if only and net.name not in only:
            continue
        for target in targets or TARGETS:
            rows.append(measured(net, target, calib, limit))
            print(line(rows[-1].cells), file=sys.stderr)
    print(markdown(HEADER, [row.cells for row in rows], texts=TEXTS))
    print("\n" + "; ".join(quoted(rows)) + f". {processor_name()}, 1 thread, at most {calib} calibration images.")


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(f"generality: {error}")
