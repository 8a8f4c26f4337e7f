"""Darknet's [yolo] section: no layer of the graph, but how a map is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from detquant.families.yolo_heads import BOX_AND_OBJECT, YoloHead, YoloHeads
from detquant.importers.darknet.cfg import Section, shown
from detquant.importers.darknet.network import Network, size_of

_MOST_CLASSES, _MOST_ANCHORS = 1 << 14, 128


@dataclass(frozen=True, slots=True)
class Yolo:
    """One [yolo] section, read.

    Attributes:
        section: the section itself.
        head: the map of the section and its anchors.
        classes: how many classes it tells apart.
    """

    section: Section
    head: YoloHead
    classes: int


def read_yolo(network: Network, section: Section) -> Yolo:
    """Makes the map before the section an output of the graph.

    Args:
        network: so far.
        section: the [yolo].

    Raises:
        ModelError: its numbers make no sense or do not fit that map.
    """
    value = network.last
    if value is network.image or any(value is output for output in network.outputs):
        section.refuse("there is no layer of its own before it: expected a convolution.")
    classes = section.integer("classes", None, 1, _MOST_CLASSES)
    anchors = _anchors(section)
    channels, rows, columns = size_of(value)
    needed = len(anchors) * (BOX_AND_OBJECT + classes)
    if channels != needed:
        section.refuse(
            f"the map before it has {channels} channels, and {len(anchors)} anchors with {classes} classes need "
            f"{needed}: set filters={needed} there, or correct classes and mask."
        )
    network.outputs.append(value)
    _, height, width = size_of(network.image)
    stride = (width / columns, height / rows)
    new = section.integer("new_coords", 0, 0, 1) == 1  # of YOLOv4-CSP: its last convolution holds the sigmoid
    head = YoloHead(
        output=value.name or "",
        anchors=anchors,
        stride=stride,
        scale_x_y=section.number("scale_x_y", 1.0),
        sizes="squared" if new else "exp",
        chances=new,
    )
    return Yolo(section, head, classes)


def heads_of(yolos: Sequence[Yolo], net: Section) -> YoloHeads:
    """Joins the sections to what the metadata says.

    Raises:
        ModelError: there is none, or they differ in the number of classes.
    """
    if not yolos:
        net.refuse("no [yolo] section follows: expected a detector, whose maps end in [yolo].")
    first = yolos[0]
    for yolo in yolos:
        if yolo.classes != first.classes:
            yolo.section.refuse(
                f"classes={yolo.classes}, and the first [yolo] has {first.classes}: expected one number of classes.",
                yolo.section.line_of("classes"),
            )
    return YoloHeads(
        heads=tuple(yolo.head for yolo in yolos),
        classes=first.classes,
        nms=shown(first.section.text("nms_kind", "default")),
        resize="letterbox" if net.integer("letter_box", 0, 0, 1) else "stretch",
    )


def _anchors(section: Section) -> tuple[tuple[float, float], ...]:
    """The anchors that the mask picks, (width, height) each in pixels; all of them without a mask."""
    count = section.integer("num", 1, 1, _MOST_ANCHORS)
    sides = section.numbers("anchors")
    if len(sides) != 2 * count:
        section.refuse(
            f"num={count} anchors need {2 * count} numbers, width and height of each, and there are {len(sides)}.",
            section.line_of("anchors"),
        )
    pairs = tuple(zip(sides[::2], sides[1::2], strict=True))
    return tuple(pairs[index] for index in section.integers("mask", tuple(range(count)), 0, count - 1))
