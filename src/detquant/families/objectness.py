"""Whether the rows of an output hold an objectness between box and classes, which their shape alone does not tell.

The first of these that tells anything decides:

1. one value behind the box is the score of the one class;
2. the number of class names in the metadata;
3. how the output is joined: box and classes, or box, one value and classes;
4. COCO's 80 classes;
5. the family, where it is said.
"""

from __future__ import annotations

from detquant.families.class_names import COCO_NAMES, written_names
from detquant.families.reading import BACKGROUND, written_reading
from detquant.families.signature import Signature

BOX = 4
WITH = ("yolox", "yolov6", "yolov5")
WITHOUT = ("yolov8", "rt-detr")


def tells_objectness(signature: Signature, values: int) -> bool | None:
    """Whether rows of so many values hold an objectness; None where nothing tells."""
    if values == BOX + 1:
        return False
    named = written_names(signature.metadata)
    background = written_reading(signature.metadata).get("classes") in BACKGROUND
    if named and values - len(named) - background in (BOX, BOX + 1):
        return values - len(named) - background == BOX + 1
    for parts in next(iter(signature.joined.values()), ()):
        if parts == (BOX, values - BOX):
            return False
        if parts in ((BOX, 1, values - BOX - 1), (BOX + 1, values - BOX - 1)):
            return True
    if not named and values - len(COCO_NAMES) in (BOX, BOX + 1):
        return values - len(COCO_NAMES) == BOX + 1
    said = signature.metadata.get("detquant.family", "")
    return said in WITH if said in (*WITH, *WITHOUT) else None
