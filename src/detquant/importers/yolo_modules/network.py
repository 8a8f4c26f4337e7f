"""The whole network: its layers in order, each reading those that it names, and a head at the end.

A layer says where it stands (``i``) and what it reads (``f``): numbers of layers, -1 for the one before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from detquant.importers.checkpoint._base import Record
from detquant.importers.openvino.writer import IR_VERSION, OPSET
from detquant.importers.yolo_modules import blocks, heads, layers
from detquant.importers.yolo_modules.part import Graph, Map, Part

INPUT, OUTPUT = "images", "output0"
MOST_LAYERS = 1000

BUILDERS: dict[str, Callable[[Graph, Part, list[Map]], Map]] = {
    "Attention": blocks.attention,
    "BatchNorm2d": layers.batch_norm,
    "Bottleneck": blocks.bottleneck,
    "BottleneckCSP": blocks.bottleneck_csp,
    "C2PSA": blocks.c2_psa,
    "C2f": blocks.c2f,
    "C2fCIB": blocks.c2f,
    "C3": blocks.c3,
    "C3k": blocks.c3,
    "C3k2": blocks.c2f,
    "CIB": blocks.cib,
    "Concat": layers.concat,
    "Conv": layers.conv,
    "Conv2d": layers.conv2d,
    "DWConv": layers.conv,
    "Focus": layers.focus,
    "Hardswish": layers.hard_swish,
    "Identity": layers.identity,
    "LeakyReLU": layers.leaky_relu,
    "MP": layers.pool_of,
    "MaxPool2d": layers.max_pool,
    "PSA": blocks.psa,
    "PSABlock": blocks.psa_block,
    "ReLU": layers.relu,
    "RepConv": blocks.rep_conv,
    "RepVGGDW": blocks.rep_vgg_dw,
    "SCDown": blocks.sc_down,
    "SP": layers.pool_of,
    "SPP": blocks.spp,
    "SPPCSPC": blocks.sppcspc,
    "SPPF": blocks.sppf,
    "Sequential": layers.sequential,
    "Shortcut": layers.shortcut,
    "SiLU": layers.silu,
    "Upsample": layers.upsample,
}
"""What writes a module, by the name of its class."""

HELD = frozenset({"DFL", "ImplicitA", "ImplicitM", "ModuleList"})
"""Modules that those around them read."""

HEADS: dict[tuple[str, bool], Callable[[Graph, Part, list[Map], int], ir.Value]] = {
    ("Detect", False): heads.detect,
    ("v10Detect", False): heads.detect,
    ("Detect", True): heads.anchored,
    ("IDetect", True): heads.anchored,
}
"""What writes a head, by the name of its class and whether it has anchors."""

KINDS = frozenset({*BUILDERS, *HELD, *(kind for kind, _ in HEADS)})
"""Names of all classes that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A network as ONNX.

    Attributes:
        model: the graph, input "images", output "output0".
        classes: number of classes.
        end_to_end: whether it gives what was found, without suppression behind it.
    """

    model: ir.Model
    classes: int
    end_to_end: bool


def write(network: Record, side: int) -> Written:
    """A network as an ONNX graph.

    Args:
        network: the pickled model, whose "model" is a row of layers.
        side: of the square input, pixels.

    Raises:
        Flaw: a module is of a kind that is not read, or not as its class makes it.
    """
    graph, root = Graph(BUILDERS), Part(network, "")
    image = ir.Value(name=INPUT, shape=ir.Shape([1, 3, side, side]), type=ir.TensorType(ir.DataType.FLOAT))
    graph.writer.taken |= {INPUT, OUTPUT}
    row = [Part(one.record, f"model.{place}") for place, one in enumerate(root["model"].children())]
    if not 1 < len(row) <= MOST_LAYERS:
        raise root.wrong(f"has {len(row)} layers")
    made: list[Map] = []
    for place, part in enumerate(row[:-1]):
        made.append(graph.run(part, *_read(part, place, made or [Map(image, 3, side, side)])))
    head = row[-1]
    kind = head.kind, head.tensor("anchors") is not None
    if kind not in HEADS:
        raise head.wrong("is no head that is read")
    output = HEADS[kind](graph, head, _read(head, len(row) - 1, made), side)
    output.name, output.type = OUTPUT, ir.TensorType(ir.DataType.FLOAT)
    model = _model(graph, image, output)
    end_to_end = not kind[1] and heads.is_end_to_end(head)
    return Written(model=model, classes=_classes(head, kind[1]), end_to_end=end_to_end)


def _read(part: Part, place: int, made: list[Map]) -> list[Map]:
    """The maps that a layer reads."""
    sources = part.setting("f", -1)
    found = []
    for source in sources if isinstance(sources, list) else [sources]:
        if type(source) is not int or not -len(made) <= source < max(place, 1):
            raise part.wrong("reads a layer that is not before it")
        found.append(made[source])
    return found


def _classes(head: Part, anchored: bool) -> int:
    """The number of classes, as the last layer of a branch tells it."""
    if anchored:
        anchors = head.needed("anchors")
        return int(len(head["m"].children()[0].needed("weight")) // anchors.shape[1] - 5)
    name = f"{heads.ONE_TO_ONE if heads.is_end_to_end(head) else ''}cv3"
    return len(head[name].children()[0].children()[-1].needed("weight"))


def _model(graph: Graph, image: ir.Value, output: ir.Value) -> ir.Model:
    """The graph, checked, without what nobody reads, with all shapes."""
    whole = ir.Graph(
        [image],
        [output],
        nodes=graph.writer.nodes,
        initializers=graph.writer.constants,
        opset_imports={"": OPSET},
        name="main_graph",
    )
    model = ir.Model(whole, ir_version=IR_VERSION)
    RemoveUnusedNodesPass()(model)
    proto = onnx.shape_inference.infer_shapes(ir.to_proto(model), strict_mode=True, data_prop=True)
    onnx.checker.check_model(proto)
    return ir.from_proto(proto)
