"""What runs on Ethos-U NPUs, what that takes, and how long Vela thinks that it takes.

    python benchmarks/npu.py
    python benchmarks/npu.py --only yolov8-pico --accelerators ethos-u55-32 ethos-u85-2048

Each network is quantised once, by one recipe without its steps, since neither memory nor time depends on the numbers,
and compiled for each NPU with Vela's usual system and memories. Times are Vela's estimates; nothing is measured.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from arguments import Count, Names
from cyclopts import App
from generality import Net
from hardware_networks import NETWORKS
from markdown_table import line, markdown, refusal

import detquant
from detquant.errors import DetquantError, MissingExtra, OptionError
from detquant.pipeline.job import Job
from detquant.targets import load_target
from detquant.targets.ethosu.chip import ACCELERATORS, Chip
from detquant.targets.ethosu.split import split_of
from detquant.targets.ethosu.vela import Compiled, compile_model, is_installed
from detquant.targets.tflite.target import FILE

HEADER = ("network", "NPU", "operators on the NPU", "parts", "weights, KiB", "SRAM, KiB", "flash or DRAM, KiB", "ms")
NAMES = ("resnet-pico", "yolov8-pico", "Yolo-Fastest 1.1 (Darknet)", "NanoDet-m", "YOLOX-nano", "YOLOv8n, 640 pixels")
NETS = {**NETWORKS, "YOLOv8n, 640 pixels": replace(NETWORKS["YOLOv8n"], imgsz=None)}
USUAL = ("ethos-u55-128", "ethos-u55-256", "ethos-u65-512", "ethos-u85-512")

app = App(name="npu", help="Prints what networks take on Ethos-U NPUs, as a Markdown table.")


def written(net: Net, recipe: str, calib: int) -> bytes:
    """The file that Vela is given."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        detector = detquant.load(net.unpacked(folder), imgsz=net.imgsz, preprocess=net.preprocess)
        wish = replace(detquant.load_recipe(recipe), steps=())
        place = load_target("ethosu")
        job = Job(detector=detector, dataset=net.data(folder), recipe=wish, target=place, calib=calib)
        return place.lower(job.run().model.qdq()).files[FILE]


def rows_of(title: str, accelerators: tuple[str, ...], recipe: str, calib: int) -> Iterator[tuple[str, ...]]:
    """The rows of a network."""
    try:
        content = written(NETS[title], recipe, calib)
    except (DetquantError, OSError) as error:
        yield refusal((title, ""), str(error), len(HEADER))
        return
    for accelerator in accelerators:
        chip = Chip().asked(accelerator=accelerator)
        made = compile_model(FILE, content, chip)
        if not isinstance(made, Compiled):
            yield refusal((title, chip.title), made, len(HEADER))
            continue
        found = split_of(content, made)
        on, off = sum(found.on_npu.values()), sum(found.on_cpu.values())
        other = sum(kib for name, kib in found.memory.items() if name != "SRAM")
        figures = (f"{found.weights[1] / 1024:.0f}", f"{found.memory['SRAM']:.0f}", f"{other:.0f}")
        where = f"all {on}" if not off else f"{on} of {on + off}"
        yield (title, chip.title, where, str(found.parts), *figures, f"{found.milliseconds:.2f}")


@app.default
def table(*, only: Names = None, accelerators: Names = None, recipe: str = "w8a8", calib: Count = 8) -> None:
    """Compile each network for each NPU, and print the table.

    Args:
        only: Networks, as the table names them; those of the table unless given.
        accelerators: NPUs, as Vela names them.
        recipe: Whose widths they have.
        calib: Number of calibration images.
    """
    if not is_installed():
        raise MissingExtra("Vela", "ethosu")
    for asked, known in ((only, NETS), (accelerators, ACCELERATORS)):
        unknown = [one for one in asked or () if one not in known]
        if unknown:
            raise OptionError(f"There is no '{unknown[0]}': expected some of {', '.join(known)}.")
    rows = []
    for title in only or NAMES:
        for row in rows_of(title, tuple(accelerators or USUAL), recipe, calib):
            rows.append(row)
            print(line(row), file=sys.stderr)
    print(markdown(HEADER, rows, texts=2))


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(f"npu: {error}")
