"""What is said of an annotation file whose boxes are not what the format says."""

from __future__ import annotations

from detquant.data.coco.frames import USUAL, Boxes, Reading
from detquant.data.coco.pictures import Pictures

_MANY = 0.1
"""Share of the boxes from which it is no chance that they stick out of their images."""


def counted(count: int, what: str) -> list[str]:
    """A phrase with a count, such as "3 boxes"; none for 0."""
    return [f"{count} {what}"] if count else []


def of_reading(reading: Reading, boxes: Boxes, found: Pictures, name: str) -> list[str]:
    """How boxes were read, where not as the format says."""
    notes = []
    if reading.in_parts:
        notes.append(
            f"The {len(boxes.told)} boxes of {name} are between 0 and 1 and were read as {reading.form} in parts of "
            f"the image."
        )
    elif not reading.usual:
        notes.append(
            f"The {len(boxes.told)} boxes of {name} were read as {reading.form}: so they lie inside their images, and "
            f"as {USUAL} they do not."
        )
    pictures = list(dict.fromkeys(found.by_id.values()))
    if turned := sum(one.turn > 1 for one in pictures):
        notes.append(
            f"{name} has the boxes of {turned} images as they are stored, and their EXIF turns them: the boxes were "
            f"turned with them."
        )
    other = [one for one in pictures if one.labelled != one.told]
    if not other or reading.in_parts:
        return notes
    (height, width), (told_height, told_width) = other[0].labelled, other[0].told
    first = f"such as {told_width} x {told_height} for {width} x {height}"
    sizes = f"{name} says another size of {len(other)} images ({first})"
    what = "their boxes fit the images as they are" if reading.sizes_wrong else "their boxes were scaled"
    return [*notes, f"{sizes}; {what}."]


def doubts(reading: Reading, count: int, name: str) -> tuple[str, ...]:
    """Boxes that stick out of their images, of so many, where there are any."""
    if not reading.outside:
        return ()
    said = f"{reading.outside} of the {count} boxes of {name} stick out of their images"
    if reading.outside > _MANY * count:
        return (f"{said}, read as {reading.form}: check 'bbox' ({USUAL} in pixels), 'width' and 'height'.",)
    return (f"{said}.",)
