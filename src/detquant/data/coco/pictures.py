"""The images of an annotation file: which are there, how large they are, and how large the file says that they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detquant.data._base import Skip
from detquant.data.coco.entries import Id, ListedImage
from detquant.data.coco.turns import TURNS
from detquant.data.image_headers import Size
from detquant.data.images import header_size, orientation
from detquant.data.places import Found, find_named, with_slashes
from detquant.errors import DatasetError
from detquant.untrusted import is_file, shown

# Evaluators keep ids in numbers of 64 bits, and JSON's readers in floats.
_LARGEST_ID = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image that is there.

    Attributes:
        number: id of the image in the ground truth.
        path: path of the file.
        size: height and width of the file, upright.
        told: what the annotations say they are; `size` where they do not say.
        turn: how the camera was held, 5 to 8 as EXIF has it, where the annotations are of the image before it is
            turned upright; else 1.
    """

    number: int
    path: Path
    size: Size
    told: Size
    turn: int = 1

    @property
    def labelled(self) -> Size:
        """Height and width of the image as it was labelled: before it is turned upright, where that was forgotten."""
        return self.size[::-1] if self.turn > 1 else self.size

    def entry(self) -> dict[str, Any]:
        """The image as an entry of COCO's "images"."""
        return {"id": self.number, "file_name": self.path.name, "height": self.size[0], "width": self.size[1]}


@dataclass(slots=True)
class Pictures:
    """The images of a file.

    Attributes:
        by_id: by the ids that the file gives them; a file listed under two ids is one picture.
        skipped: images that are not there or cannot be read.
        notes: sentences.
    """

    by_id: dict[Id, Picture] = field(default_factory=dict)
    skipped: list[Skip] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_pictures(listed: Sequence[ListedImage], path: Path, folder: Path) -> Pictures:
    """Finds the listed images in a folder and reads their sizes.

    Args:
        listed: entries of one file.
        path: path of that file, for messages.
        folder: folder of the images.

    Raises:
        DatasetError: an id stands for two images, or none can be used.
    """
    found = Pictures()
    images = _each_once(listed, path, found)
    places = _places(images, path, folder, found)
    numbered = all(isinstance(image.id, int) and 0 <= image.id < _LARGEST_ID for image in images)
    by_path: dict[Path, Picture] = {}
    odd = 0
    for place, image in enumerate(images, start=1):
        file = places.get(image.id)
        if file is None:
            continue
        picture = by_path.get(file)
        if picture is None:
            try:
                size = header_size(file)
            except DatasetError as error:
                found.skipped.append(Skip(file, str(error).rstrip(".")))
                continue
            odd += image.odd_size
            number = image.id if numbered and isinstance(image.id, int) else place
            told = image.size or size
            turn = orientation(file) if told == size[::-1] and told != size else 1
            turn = turn if turn in TURNS else 1
            picture = by_path[file] = Picture(number=number, path=file, size=size, told=told, turn=turn)
        found.by_id[image.id] = picture
    if not found.by_id:
        raise DatasetError(f"None of the {len(listed)} images of {path} can be used: {found.skipped[0].reason}.")
    if twice := len(found.by_id) - len(by_path):
        found.notes.append(f"{twice} images of {path.name} are listed under a second id; each is measured once.")
    if odd:
        found.notes.append(f"{odd} sizes in {path.name} are 0, missing or impossible; those of the images were taken.")
    if not numbered:
        found.notes.append(f"The image ids of {path.name} are words, or too large; the images were numbered.")
    return found


def _each_once(listed: Sequence[ListedImage], path: Path, found: Pictures) -> list[ListedImage]:
    """The images without entries that are repeated as they are."""
    by_id: dict[Id, ListedImage] = {}
    for image in listed:
        if by_id.setdefault(image.id, image).name != image.name:
            raise DatasetError(f"{path} uses image id {shown(image.id)} twice: each image needs its own 'id'.")
    if len(by_id) < len(listed):
        found.notes.append(f"{len(listed) - len(by_id)} repeated entries of images in {path.name} count once.")
    return list(by_id.values())


def _places(images: Sequence[ListedImage], path: Path, folder: Path, found: Pictures) -> dict[Id, Path]:
    """Where the images are, by id; those that are nowhere are skipped."""
    places: dict[Id, Found] = {}
    for image in images:
        place = find_named(image.name, [folder], is_file, any_parts=True)
        if place is None:
            reason = f"listed in {path.name}, but there is no such file"
            found.skipped.append(Skip(folder / with_slashes(image.name), reason))
        else:
            places[image.id] = place
    times = Counter(place.path for place in places.values())
    clear = {one: place for one, place in places.items() if not place.by_parts or times[place.path] == 1}
    for image in images:
        if image.id in places and image.id not in clear:
            reason = f"{path.name} lists several images whose last parts are {places[image.id].path.name}"
            found.skipped.append(Skip(folder / with_slashes(image.name), reason))
    if by_parts := sum(place.by_parts for place in clear.values()):
        found.notes.append(f"{by_parts} images of {path.name} were found by the last parts of 'file_name'.")
    return {one: place.path for one, place in clear.items()}
