"""COCO annotation files: boxes in JSON, images in a folder nearby."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detquant.data._base import Dataset, Skip, count_overlap, make_annotation, make_categories
from detquant.data.folder import shuffled
from detquant.data.images import find_images, image_size
from detquant.errors import DatasetError

_HOW_MANY_TO_TRY = 20


@dataclass(frozen=True, slots=True)
class Annotated:
    """What an annotation file says about the images that are there.

    Attributes:
        paths: of the images.
        ground_truth: COCO-format dict with those images in that order and contiguous category ids.
        skipped: images that were left out.
        notes: sentences.
    """

    paths: tuple[Path, ...]
    ground_truth: dict[str, Any]
    skipped: tuple[Skip, ...]
    notes: tuple[str, ...]


def open_coco(path: Path, seed: int = 0, images: Path | None = None) -> Dataset:
    """Reads a COCO annotation file such as `annotations/instances_val2017.json`.

    The images are looked for in the folder that the file's name tells (`images/val2017` or `val2017`) and in
    those beside the file. If the same place has a train split, that serves for calibration; otherwise the
    validation images do.

    Args:
        path: of the JSON file.
        seed: of the order of the calibration images.
        images: their folder, if it is elsewhere.

    Raises:
        DatasetError: the file is not such a file, or its images are not there.
    """
    content = load_coco(path)
    found = read_annotations(content, path, images or _image_folder(content, path))
    calibration, note = _calibration_split(path)
    if not calibration:
        calibration = list(found.paths)
        note = "No train split beside the annotations: the validation images serve for calibration too."
    return Dataset(
        name=path.name,
        classes=tuple(category["name"] for category in found.ground_truth["categories"]),
        calibration=shuffled(calibration, seed),
        validation=found.paths,
        ground_truth=found.ground_truth,
        skipped=found.skipped,
        overlap=count_overlap(calibration, found.paths),
        notes=(*found.notes, note),
    )


def load_coco(path: Path) -> dict[str, Any]:
    """The content of an annotation file, checked to have images, annotations and categories.

    Raises:
        DatasetError: it cannot be read or has not.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}.") from error
    except ValueError as error:
        raise DatasetError(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(content, dict):
        raise DatasetError(
            f"{path} holds a {type(content).__name__}, perhaps of results; a COCO annotation file with "
            "'images', 'annotations' and 'categories' was expected."
        )
    for key in ("images", "annotations", "categories"):
        if not isinstance(content.get(key), list):
            raise DatasetError(f"{path} has no list '{key}': a COCO annotation file was expected.")
    for key in ("images", "categories"):
        if not content[key]:
            raise DatasetError(f"{path}: '{key}' is empty.")
    return content


def read_annotations(
    content: Mapping[str, Any], path: Path, folder: Path, classes: Sequence[str] | None = None
) -> Annotated:
    """Brings COCO content into detquant's form.

    Args:
        content: from `load_coco`.
        path: of the file, for messages.
        folder: of the images.
        classes: names whose order is to be used; by default that of the category ids.

    Raises:
        DatasetError: an entry is malformed, `classes` are of another number, or no image is there.
    """
    try:
        index, names = _contiguous(content["categories"], classes, path)
        paths, images, skipped = _present_images(content["images"], path, folder)
        annotations, lost = _boxes(content["annotations"], index, {image["id"] for image in images}, path)
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path} has a malformed entry ({error!r}): a COCO file was expected.") from error
    known = {image["id"] for image in content["images"]}
    stray = sum(number for image_id, number in lost.items() if image_id not in known)
    notes = [f"{stray} annotations of images that {path.name} does not list were left out."] if stray else []
    told = [str(category["name"]) for category in content["categories"]]
    if sorted(told) != sorted(names):
        notes.append(f"Class names differ from those of {path.name}; they were paired in the order of its ids.")
    ground_truth = {"images": images, "annotations": annotations, "categories": make_categories(names)}
    return Annotated(tuple(paths), ground_truth, tuple(skipped), tuple(notes))


def _contiguous(
    categories: Sequence[Mapping[str, Any]], classes: Sequence[str] | None, path: Path
) -> tuple[dict[int, int], tuple[str, ...]]:
    """Category id to class index, and the class names by index."""
    ordered = sorted(categories, key=lambda category: int(category["id"]))
    names = tuple(str(category["name"]) for category in ordered)
    ids = [int(category["id"]) for category in ordered]
    if len(set(ids)) != len(ids):
        raise DatasetError(f"{path} uses a category id twice: each category needs its own.")
    if classes is None:
        return {one: place for place, one in enumerate(ids)}, names
    if len(classes) != len(names):
        raise DatasetError(f"{path} has {len(names)} categories, but {len(classes)} classes were named.")
    if set(classes) == set(names) and len(set(names)) == len(names):
        return {one: list(classes).index(name) for one, name in zip(ids, names, strict=True)}, tuple(classes)
    # Spelt differently ("tv", "tvmonitor"): the order of the ids is the convention.
    return {one: place for place, one in enumerate(ids)}, tuple(classes)


def _present_images(
    listed: Sequence[Mapping[str, Any]], path: Path, folder: Path
) -> tuple[list[Path], list[dict[str, Any]], list[Skip]]:
    """The listed images that are in the folder, with their entries, and those that are not usable."""
    paths: list[Path] = []
    images: list[dict[str, Any]] = []
    skipped: list[Skip] = []
    seen: set[int] = set()
    for entry in listed:
        image_id, file = int(entry["id"]), folder / str(entry["file_name"])
        if image_id in seen:
            raise DatasetError(f"{path} uses image id {image_id} twice: each image needs its own.")
        seen.add(image_id)
        if not file.is_file():
            skipped.append(Skip(file, f"listed in {path.name}, but there is no such file"))
            continue
        try:
            size = (entry["height"], entry["width"]) if "height" in entry else image_size(file)
        except DatasetError as error:
            skipped.append(Skip(file, str(error).rstrip(".")))
            continue
        paths.append(file)
        images.append({"id": image_id, "file_name": file.name, "height": int(size[0]), "width": int(size[1])})
    if not paths:
        raise DatasetError(f"None of the {len(listed)} images of {path} can be used: {skipped[0].reason}.")
    return paths, images, skipped


def _boxes(
    listed: Sequence[Mapping[str, Any]], index: Mapping[int, int], image_ids: set[int], path: Path
) -> tuple[list[dict[str, Any]], Counter[int]]:
    """The annotations of the given images, and how many there are of each other image."""
    kept: list[dict[str, Any]] = []
    lost: Counter[int] = Counter()
    for entry in listed:
        if "bbox" not in entry:
            raise DatasetError(f"{path}: annotation {entry.get('id')} has no 'bbox'; boxes (instances) are needed.")
        if int(entry["category_id"]) not in index:
            raise DatasetError(
                f"{path}: annotation {entry.get('id')} has category {entry['category_id']}, which is not "
                "among its categories."
            )
        if int(entry["image_id"]) not in image_ids:
            lost[int(entry["image_id"])] += 1
            continue
        x, y, w, h = (float(value) for value in entry["bbox"])
        category = index[int(entry["category_id"])]
        annotation = make_annotation(len(kept) + 1, int(entry["image_id"]), category, (x, y, w, h))
        annotation["area"] = float(entry.get("area", w * h))
        annotation["iscrowd"] = int(entry.get("iscrowd", 0))
        kept.append(annotation)
    return kept, lost


def _image_folder(content: Mapping[str, Any], path: Path) -> Path:
    """The folder near the annotation file that holds its images."""
    split = _split_name(path)
    above = path.parent.parent
    tried = [
        above / "images" / split,
        above / split,
        path.parent / split,
        path.parent / "images" / split,
        path.parent,
        path.parent / "images",
        above / "images",
        above,
    ]
    names = [str(entry.get("file_name")) for entry in content["images"][:_HOW_MANY_TO_TRY]]
    for folder in tried:
        if any((folder / name).is_file() for name in names):
            return folder
    raise DatasetError(
        f"The images of {path} (such as {names[0]}) were not found in any of: "
        + ", ".join(str(folder) for folder in tried)
        + "."
    )


def _split_name(path: Path) -> str:
    """The split of a file: val2017 for instances_val2017.json."""
    return path.stem.removeprefix("instances_")


def _calibration_split(path: Path) -> tuple[list[Path], str]:
    """The images of the train split that stands where this one does, and a note."""
    split = _split_name(path)
    if "val" not in split:
        return [], ""
    train = split.replace("val", "train")
    for folder in (path.parent.parent / "images" / train, path.parent.parent / train):
        if folder.is_dir():
            return find_images(folder), f"Calibration images are those of {train}, beside {split}."
    return [], ""
