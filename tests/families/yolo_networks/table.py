"""Each detector by its name: its trunk, its head, and the family that it is of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import onnx

from . import blocks, heads, necks
from .necks import Trunk, levels
from .net import Map, Net


@dataclass(frozen=True, kw_only=True)
class Network:
    """A detector.

    Attributes:
        trunk: up to the head.
        head: makes the file of the maps of three strides.
        family: the name that detquant has for what it gives.
        options: what `detquant.load` must be told.
    """

    trunk: Trunk
    head: Callable[[Net, list[Map]], onnx.ModelProto]
    family: str
    options: dict[str, Any] = field(default_factory=dict)

    def make(self, side: int = 128, seed: int = 0) -> onnx.ModelProto:
        net = Net(side=side, seed=seed)
        return self.head(net, levels(net, self.trunk))


C3 = Trunk(block=blocks.c3, stem=5)
V7 = Trunk(block=blocks.elan, down=blocks.mp, pyramid=blocks.sppcspc)
TINY = Trunk(block=blocks.elan_tiny, down=blocks.pooled, pyramid=blocks.sppcspc, act="leaky")
CSP = Trunk(block=blocks.csp_mish, pyramid=blocks.sppcspc, act="mish")
V6 = Trunk(block=blocks.rep, act="relu", fuse=necks.rep_pan)
V8 = Trunk(block=blocks.c2f)
V9 = Trunk(block=blocks.gelan, down=blocks.adown)
V10 = Trunk(block=blocks.c2f, in_neck=blocks.cib, down=blocks.scdown, behind=blocks.c2psa)
V11 = Trunk(block=blocks.c3k2, behind=blocks.c2psa)
V12 = Trunk(block=blocks.c3k2, in_neck=blocks.a2c2f, pyramid=None, behind=blocks.a2c2f)
TOLD = {"anchors": heads.FLAT}
V6_MAPS = {"family": "yolov6-maps"}

NETWORKS = {
    "yolov5": Network(trunk=C3, head=heads.decoded_anchors, family="yolov5"),
    "yolov5 with its raw maps": Network(trunk=C3, head=heads.with_raw_maps, family="yolov5"),
    "yolov5 raw": Network(trunk=C3, head=heads.anchor_maps, family="yolov5-maps", options=TOLD),
    "yolov5u": Network(trunk=C3, head=heads.yolov8, family="yolov8"),
    "yolov7": Network(trunk=V7, head=partial(heads.decoded_anchors, implicit=True), family="yolov5"),
    "yolov7 end2end": Network(trunk=V7, head=heads.yolov7_end2end, family="end-to-end"),
    "yolov7-tiny": Network(trunk=TINY, head=heads.decoded_anchors, family="yolov5"),
    "yolov7-tiny raw": Network(
        trunk=TINY, head=partial(heads.anchor_maps, apart=False), family="yolov5-maps", options=TOLD
    ),
    "yolov7-tiny for an NPU": Network(
        trunk=TINY, head=partial(heads.anchor_maps, apart=False, sigmoid=True), family="yolov5-maps", options=TOLD
    ),
    "yolov4-csp": Network(trunk=CSP, head=heads.decoded_anchors, family="yolov5"),
    "yolor": Network(trunk=CSP, head=partial(heads.decoded_anchors, implicit=True), family="yolov5"),
    "yolov6": Network(trunk=V6, head=heads.yolov6, family="yolov6"),
    "yolov6 end2end": Network(trunk=V6, head=heads.efficient_nms, family="efficient-nms"),
    "yolov8": Network(trunk=V8, head=heads.yolov8, family="yolov8"),
    "yolov8 nms": Network(trunk=V8, head=heads.padded_nms, family="end-to-end"),
    "yolov8-seg": Network(trunk=V8, head=heads.segment, family="yolov8"),
    "yolov8-pose": Network(trunk=V8, head=heads.pose, family="yolov8"),
    "yolov8-obb": Network(trunk=V8, head=heads.obb, family="yolov8-obb"),
    "yolov9": Network(trunk=V9, head=heads.yolov8, family="yolov8"),
    "yolov10": Network(trunk=V10, head=heads.end_to_end, family="end-to-end"),
    "yolo11": Network(trunk=V11, head=partial(heads.yolov8, light=True), family="yolov8"),
    "yolo12": Network(trunk=V12, head=partial(heads.yolov8, light=True), family="yolov8"),
    "yolo26": Network(trunk=V11, head=partial(heads.end_to_end, bins=1), family="end-to-end"),
    "ppyoloe": Network(trunk=Trunk(block=blocks.csp_res), head=heads.two_outputs, family="ppyoloe"),
    "damo-yolo": Network(
        trunk=Trunk(block=blocks.tiny_nas, act="relu", fuse=necks.giraffe),
        head=partial(heads.two_outputs, classes_first=False),
        family="damo-yolo",
    ),
    "gold-yolo": Network(
        trunk=Trunk(block=blocks.rep, act="relu", fuse=necks.gather_and_distribute), head=heads.yolov6, family="yolov6"
    ),
    "yolov6 raw": Network(trunk=V6, head=partial(heads.raw_maps, total=True), family="yolov6-maps", options=V6_MAPS),
    "yolov6 export": Network(
        trunk=V6, head=partial(heads.raw_maps, classes_first=True, whole=True, named=False), family="yolov6-maps"
    ),
    "gold-yolo raw": Network(
        trunk=Trunk(block=blocks.rep, act="relu", fuse=necks.gather_and_distribute),
        head=partial(heads.raw_maps, bins=17),
        family="yolov6-maps",
        options=V6_MAPS,
    ),
    "yolov8 raw": Network(
        trunk=V8, head=partial(heads.raw_maps, bins=16, sigmoid=False, whole=True), family="yolov8-maps"
    ),
    "yolov8 for an NPU": Network(
        trunk=V8, head=partial(heads.raw_maps, bins=16, total=True, named=False), family="yolov8-maps"
    ),
    "ppyoloe raw": Network(
        trunk=Trunk(block=blocks.csp_res),
        head=partial(heads.raw_maps, bins=17),
        family="ppyoloe-maps",
        options={"family": "ppyoloe-maps"},
    ),
    "damo-yolo raw": Network(
        trunk=Trunk(block=blocks.tiny_nas, act="relu", fuse=necks.giraffe),
        head=partial(heads.raw_maps, bins=17, classes_first=True),
        family="damo-yolo-maps",
        options={"family": "damo-yolo-maps"},
    ),
    "rtmdet raw": Network(
        trunk=Trunk(block=blocks.csp_next),
        head=partial(heads.raw_maps, classes_first=True, sigmoid=False, pixels=True),
        family="rtmdet-maps",
    ),
    "yolov7 BatchedNMS": Network(trunk=V7, head=heads.batched_nms, family="efficient-nms"),
    "rtmdet": Network(trunk=Trunk(block=blocks.csp_next), head=heads.dets_labels, family="dets-labels"),
}
"""By name."""
