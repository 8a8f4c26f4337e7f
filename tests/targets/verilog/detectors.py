"""Embedded detectors in whole numbers, as the RTL is to run them; one of them for pictures of 32x32."""

from __future__ import annotations

import fcntl

import numpy as np
import onnx
from bench import sources_in_order, written
from onnx import numpy_helper

from detquant.calibration import Collector, calibrate
from detquant.data import iter_images, open_dataset
from detquant.embedded import embedded_model
from detquant.integer.detector import IntegerDetector
from detquant.integer.model import IntegerModel
from detquant.numerics import quantize
from detquant.pipeline.detector import load
from detquant.recipes import load_recipe, plan
from detquant.targets.verilog.capability import CAPABILITY
from detquant.targets.verilog.engine import Array, Engine
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.head import HeadSizes
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.proof.simulators import Verilator

ENGINE = Engine(
    array=Array(icp=8, ocp=8, lanes=4), weight=8, accumulator=32, multiplier=25, log_entries=10, address=17,
    log_tiles=9, segments=8, head=HeadSizes(levels=3, bins=16, places=1024, kept=300, size=6, class_=5),
)  # fmt: skip
"""In which all of them have room."""
SIDE, STRIDES, FULL = 32, (8, 16, 32), 256
PARTS = ((7, 96, 160), (9, 32, 224), (10, 32, 144), (16, 32, 64))
"""Scene, row and column of parts of scenes; in the last one all recipes find something, most of it several times."""


def built_once(factory):
    """The test bench of `ENGINE` in Verilator, built by the first process of the tests that needs it."""
    shared = factory.getbasetemp()
    shared = shared.parent if shared.name.startswith("popen-") else shared  # of pytest-xdist
    with (shared / "dq_detectors.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = shared / "dq_detectors"
        if not (told / "done").exists():
            graph, head, images = integers(*small("w8a8", told / "small.onnx"))
            files = hardware_files(lower(graph, ENGINE.array, ENGINE, head), graph, images, ["mem"])
            folder = written(files, told)
            Verilator().build(sources_in_order([folder / path for path in files]), told / "build")
            (told / "done").touch()
    return Verilator().built(told / "build")


def network(model, recipe, data="scenes", **options):
    """The integer network of a model, its head where it is YOLOv8's, and codes of an image that is new to it."""
    one, paths = load(model, **options), open_dataset(data, 0).validation[:3]
    return integers(one, recipe, [image for _, image in iter_images(paths, [])])


def small(recipe, path):
    """The embedded detector for pictures of 32x32, a recipe of one width, and such parts of scenes; see `integers`.

    Nothing of it changes but how many cells there are: those of the small picture are the first of each row and column.
    """
    proto = onnx.load(embedded_model("yolov8-pico"))
    known = {one.name: one for one in proto.graph.initializer}
    anchors, strides = (numpy_helper.to_array(known[name]) for name in ("cat_16", "cat_17"))
    inside = (anchors * strides < SIDE).all(axis=0)
    cells = {(FULL // stride) ** 2: (SIDE // stride) ** 2 for stride in STRIDES}
    cells[sum(cells)] = sum(cells.values())
    for name in ("cat_16", "cat_17"):
        known[name].CopyFrom(numpy_helper.from_array(numpy_helper.to_array(known[name])[:, inside], name))
    for node in proto.graph.node:
        if node.op_type == "Reshape":
            sizes = numpy_helper.to_array(known[node.input[1]])
            smaller = np.array([cells.get(int(size), size) for size in sizes], np.int64)
            known[node.input[1]].CopyFrom(numpy_helper.from_array(smaller, node.input[1]))
    for value, changed in ((proto.graph.input[0], {2: SIDE, 3: SIDE}), (proto.graph.output[0], {2: cells[1344]})):
        for axis, size in changed.items():
            value.type.tensor_type.shape.dim[axis].dim_value = size
    del proto.graph.value_info[:]
    next(one for one in proto.metadata_props if one.key == "imgsz").value = str([SIDE, SIDE])
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(proto, path)
    scenes = iter_images([open_dataset("scenes", 0).validation[scene] for scene, _, _ in PARTS], [])
    parts = [whole[y : y + SIDE, x : x + SIDE] for (_, whole), (_, y, x) in zip(scenes, PARTS, strict=True)]
    return load(path), load_recipe(recipe).no_wider(int(recipe[1])), [np.ascontiguousarray(part) for part in parts]


def integers(one, recipe, images):
    """The integer network of a loaded model, its head, and codes of the last image; calibrated on all others."""
    name = one.family.input_name
    recipe = load_recipe(recipe) if isinstance(recipe, str) else recipe
    *seen, unseen = ({name: one.family.preprocess(image)[0]} for image in images)
    decided = plan(one.model, recipe, CAPABILITY, None, None)
    collector = Collector(model=one.model, plan=decided, by_channel=())
    statistics = collector.collect(lambda which: (seen[k] for k in which), len(seen))
    qdq = calibrate(one.model, decided, statistics, CAPABILITY).qdq()
    if one.family.name != "yolov8":
        graph, head = IntegerModel(qdq).network, None
    else:
        detector = IntegerDetector(qdq, one.family)
        graph, head = detector.network, detector.head
    return graph, head, {image.codes: quantize(unseen[name], image.grid) for name, image in graph.images.items()}
