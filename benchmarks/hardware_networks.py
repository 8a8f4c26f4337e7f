"""Which networks run on the engine: every model at hand, its RTL in Verilator, every map of every instruction compared.

    python benchmarks/hardware_networks.py
    python benchmarks/hardware_networks.py --only resnet-pico "MobileNet v2"

Each row is one recipe on one array, on one image; cycles are the simulator's, and where they are not those that were
computed, the row says so. What the engine has no instruction for, and files that are not at hand, are sentences in
their rows.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from arguments import Count, Names
from conditions import conditions
from cyclopts import App
from generality import WEIGHTS, Net, cifar, coco, crops, imagenet, people, photographs, scenes
from hardware import image_of, proven, quantised, size_of
from markdown_table import line, markdown, refusal

import detquant
from detquant.errors import DetquantError, OptionError
from detquant.integer.model import IntegerModel
from detquant.targets.verilog.engine import Array

HEADER = ("network", "input", "instructions", "M MAC", "cycles", "use of the array", "RTL = integer model")
NETWORKS: Mapping[str, Net] = {
    "yolov8-pico": Net(Path("yolov8-pico"), scenes),
    "YOLOv8n": Net(WEIGHTS / "detect" / "yolov8n.pt", coco, imgsz=128),
    "YOLOv8n, 18 classes (an ONNX export)": Net(WEIGHTS / "more" / "nudenet_320n.onnx", photographs, imgsz=128),
    "YOLOX-nano": Net(WEIGHTS / "detect" / "yolox_nano.onnx", coco),
    "NanoDet-m": Net(WEIGHTS / "detect" / "nanodet_m_320.onnx", coco),
    "Yolo-Fastest 1.1 (Darknet)": Net(WEIGHTS / "detect" / "yolo-fastest-1.1.cfg", coco),
    "SSD-MobileNet v1": Net(WEIGHTS / "more" / "ssd_mobilenet_v1_coco_float_recovered.onnx.xz", coco),
    "person-detection-0200 (SSD)": Net(WEIGHTS / "more" / "person-detection-0200.xml", people),
    "resnet-pico": Net(Path("resnet-pico"), crops),
    "ResNet-20 of CIFAR-10": Net(WEIGHTS / "classify" / "resnet20_cifar10.th", cifar),
    "MobileNet v2": Net(WEIGHTS / "classify" / "mobilenet_v2_1.0_224.onnx.xz", imagenet),
    "SqueezeNet 1.1": Net(WEIGHTS / "classify" / "squeezenet_v1.1.onnx.xz", imagenet, preprocess="caffe"),
}

app = App(name="hardware_networks", help="Prints which networks run on the engine's RTL, as a Markdown table.")


def row_of(title: str, net: Net, recipe: str, array: Array, calib: int) -> tuple[str, ...]:
    """The row of a network."""
    size = ""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            dataset = net.data(folder)
            detector = detquant.load(net.unpacked(folder), imgsz=net.imgsz, preprocess=net.preprocess)
            size = size_of(detector)
            graph = IntegerModel(quantised(detector, dataset, recipe, calib)).network
            found = proven(graph, array, image_of(detector, dataset, graph))
        except (DetquantError, OSError) as error:
            return refusal((title, size), str(error), len(HEADER))
    result = "bit-exact" if found.verdict == "PASS" else found.verdict
    cycles = f"{found.cycles:,}" if found.cycles else ""
    figures = (str(found.instructions), f"{found.macs / 1e6:.0f}", cycles, f"{found.use:.1f} %")
    return (title, size, *figures, result)


@app.default
def networks(
    *, only: Names = None, recipe: str = "w8a8", side: Count = 16, lanes: Count = 8, calib: Count = 16
) -> None:
    """Prove each network, and print the table.

    Args:
        only: Networks, as the table names them; all unless given.
        recipe: The recipe of all rows.
        side: Of the array.
        lanes: Lanes of requantisation, at most; no more than the array has channels.
        calib: Number of calibration images.
    """
    unknown = [title for title in only or () if title not in NETWORKS]
    if unknown:
        raise OptionError(f"There is no network '{unknown[0]}': expected some of {', '.join(NETWORKS)}.")
    array, rows = Array(icp=side, ocp=side, lanes=min(side, lanes)), []
    for title in only or NETWORKS:
        rows.append(row_of(title, NETWORKS[title], recipe, array, calib))
        print(line(rows[-1]), file=sys.stderr)
    print(markdown(HEADER, rows, texts=2))
    print(conditions(calib, recipe, f"{side} x {side}, {array.lanes} lanes", "one image"))


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(f"hardware_networks: {error}")
