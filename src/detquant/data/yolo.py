"""Ultralytics `data.yaml`: image folders or lists, class names, and labels beside the images."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from detquant.data._base import Dataset, Skip, count_overlap, make_annotation, make_categories
from detquant.data.coco import Annotated, load_coco, read_annotations
from detquant.data.data_yaml import class_names, key_points, load_data_yaml, split_places
from detquant.data.folder import shuffled
from detquant.data.images import SUFFIXES, find_images, image_size, no_images, unread
from detquant.data.label_files import label_files
from detquant.data.labels import label_path, read_labels
from detquant.data.pairing import pair_classes
from detquant.data.places import Found, find_named, with_slashes
from detquant.errors import DatasetError
from detquant.untrusted import is_file, one_line, read_text, shown

LARGEST_LIST = 1 << 28
"""Most bytes of a .txt list; two million paths fit."""


def open_yolo(path: Path, seed: int = 0) -> Dataset:
    """Reads a `data.yaml` with the keys val, names (or nc) and perhaps train, path and kpt_shape.

    Where `annotations/instances_<split>.json` stands beside `images/`, the validation boxes are read from it
    and not from the label files, because it also knows crowds (Ultralytics does so for COCO). A `download` entry is
    never run.

    Args:
        path: path of the YAML file.
        seed: seed of the order of the calibration images.

    Raises:
        DatasetError: a key, a folder or every image is missing, or names and nc disagree. What is wrong with train is
            kept for who calibrates with it.
    """
    content = load_data_yaml(path)
    classes, points = class_names(content, path), key_points(content, path)
    val = _split(content, "val", path)
    train, uncalibrated = _calibration(content, path)
    found = _from_json(val.images, classes) or _from_labels(val.images, classes, points)
    return Dataset(
        name=path.name,
        classes=classes,
        calibration=shuffled(train.images, seed),
        validation=found.paths,
        ground_truth=found.ground_truth,
        calibration_objects=label_files(classes, points) if train.images else None,
        skipped=(*train.skipped, *val.skipped, *found.skipped),
        overlap=count_overlap(train.images, found.paths),
        notes=(*train.notes, *val.notes, *found.notes),
        warnings=found.warnings,
        uncalibrated=uncalibrated,
    )


@dataclass(frozen=True, slots=True)
class _Split:
    """The images of a split, those that it lists and that are not there, and what is to be said of it."""

    images: list[Path]
    skipped: list[Skip]
    notes: list[str]


def _calibration(content: Mapping[str, Any], path: Path) -> tuple[_Split, str | None]:
    """The split that calibrates; nothing, and why, where it cannot be had."""
    try:
        return _split(content, "train", path), None
    except DatasetError as error:
        return _Split([], [], []), str(error)


def _split(content: Mapping[str, Any], key: str, path: Path) -> _Split:
    places, roots = split_places(content, key, path), _roots(content, path)
    split = _Split([], [], [])
    instead = []
    for place in places:
        where = _locate(place, roots, key, path, content)
        if where.by_parts:
            split.notes.append(f"'{key}' of {path.name} is {shown(place)}, which is not here: {where.path} was taken.")
        if os.path.isdir(where.path):
            found = find_images(where.path)
            split.images.extend(found)
            instead += [] if found else [no_images(where.path)]
            split.notes.extend(unread([where.path]))
        elif where.path.suffix.lower() in SUFFIXES:
            split.images.append(where.path)
        else:
            _add_listed(where.path, split)
    if not split.images:
        instead += [f"{split.skipped[0].path} is {split.skipped[0].reason}"] if split.skipped else []
        raise DatasetError(
            f"'{key}' of {path} ({one_line(', '.join(places), 200)}) has no images: "
            f"{'; '.join(instead) or 'an empty list'}."
        )
    return replace(split, images=list(dict.fromkeys(split.images)))


def _add_listed(path: Path, split: _Split) -> None:
    """Adds the images that a .txt file lists, a relative one being beside the list or from where one stands."""
    try:
        lines = read_text(path, LARGEST_LIST).splitlines()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise DatasetError(f"{path} cannot be read as a list of images: {why}.") from error
    elsewhere = 0
    for line in dict.fromkeys(filter(None, map(str.strip, lines))):
        found = find_named(line, (path.parent, Path.cwd()), is_file)
        if found is None:
            reason = f"listed in {path.name}, but there is no such file"
            split.skipped.append(Skip(path.parent / with_slashes(line), reason))
        else:
            elsewhere += found.by_parts
            split.images.append(found.path)
    if elsewhere:
        split.notes.append(f"{elsewhere} paths of {path.name} are not here; the files were found by their last parts.")


def _roots(content: Mapping[str, Any], path: Path) -> list[Path]:
    """Folders that the split paths may be relative to, the likeliest first."""
    beside, told = path.parent, content.get("path")
    if told in (None, ""):
        return [beside]
    if not isinstance(told, str):
        raise DatasetError(f"{path}: 'path' is {shown(told)}, but the folder of the data set was expected.")
    root = Path(os.path.expanduser(with_slashes(told)))
    if root.is_absolute():
        return [root, beside]
    # "path: ." exists wherever one stands, so each of these is tried until one holds the split.
    return [root, beside / root, beside]


def _locate(place: str, roots: Sequence[Path], key: str, path: Path, content: Mapping[str, Any]) -> Found:
    place = os.path.expanduser(place)
    # Some exporters write ../train/images and mean the folder of the file itself.
    forms = [place, *([with_slashes(place)[3:]] if with_slashes(place).startswith("../") else [])]
    for root in roots:
        for form in forms:
            found = find_named(form, [root], os.path.exists)
            if found and not found.by_parts:
                return Found(found.path.absolute(), by_parts=False)
    if found := find_named(place, roots, os.path.exists):
        return Found(found.path.absolute(), by_parts=True)
    looked = one_line(", ".join(dict.fromkeys(str(root / with_slashes(form)) for root in roots for form in forms)), 600)
    hint = " Its 'download' is never run: get the data first." if content.get("download") else ""
    raise DatasetError(
        f"'{key}' of {path} is '{one_line(place, 200)}', which does not exist; looked for {looked}.{hint}"
    )


def _from_json(images: list[Path], classes: tuple[str, ...]) -> Annotated | None:
    """The boxes from a COCO file that stands beside `images/`, if the images are all of one split there."""
    folder = images[0].parent
    annotations = folder.parent.parent / "annotations" / f"instances_{folder.name}.json"
    if folder.parent.name != "images" or any(image.parent != folder for image in images):
        return None
    if not is_file(annotations):
        return None
    content = load_coco(annotations)
    wanted = {image.name for image in images}
    known = {with_slashes(str(entry.get("file_name"))) for entry in content["images"] if isinstance(entry, dict)}
    if not wanted & known:
        return None
    found = read_annotations(content, annotations, folder, wanted.__contains__)
    truth, name = found.ground_truth, annotations.name
    used = {one["category_id"] for one in truth["annotations"]}
    try:
        pairing = pair_classes(name, [category["name"] for category in truth["categories"]], classes, used)
    except DatasetError:  # of another data set than the label files
        return None
    if any(pairing.numbers[number] is None for number in used):
        return None
    for one in truth["annotations"]:
        one["category_id"] = pairing.numbers[one["category_id"]]
    truth["categories"] = make_categories(classes)
    unknown = [Skip(image, f"not in {name}") for image in images if image.name not in known]
    note = f"Boxes are from {annotations.parent.name}/{name}, which also knows crowds."
    warnings = (*found.warnings, *filter(None, [pairing.warning]))
    return Annotated(found.paths, truth, (*found.skipped, *unknown), (note, *found.notes), warnings)


def _from_labels(images: list[Path], classes: tuple[str, ...], points: int) -> Annotated:
    """The boxes from the label files; an image with a faulty one is left out."""
    paths: list[Path] = []
    entries: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    skipped: list[Skip] = []
    missing = empty = 0
    for image in images:
        labels = label_path(image)
        try:
            boxes = read_labels(labels, len(classes), points) if is_file(labels) else None
            height, width = image_size(image)
        except (ValueError, DatasetError) as error:
            skipped.append(Skip(image, str(error).rstrip(".")))
            continue
        missing += boxes is None
        empty += boxes == []
        paths.append(image)
        number = len(paths)
        entries.append({"id": number, "file_name": image.name, "height": height, "width": width})
        for class_id, left, top, right, bottom in boxes or []:
            xywh = (left * width, top * height, (right - left) * width, (bottom - top) * height)
            annotations.append(make_annotation(len(annotations) + 1, number, class_id, xywh))
    if not paths:
        raise DatasetError(f"None of the {len(images)} validation images can be used: {skipped[0].reason}.")
    if missing == len(paths):
        raise DatasetError(
            f"None of the {len(images)} validation images has a label file: looked for files such as "
            f"{label_path(paths[0])}. To compare models without labels, give the folder of images."
        )
    ground_truth = {"images": entries, "annotations": annotations, "categories": make_categories(classes)}
    return Annotated(tuple(paths), ground_truth, tuple(skipped), _label_notes(missing, empty, points))


def _label_notes(missing: int, empty: int, points: int) -> tuple[str, ...]:
    notes = ["The labels have key points (kpt_shape); of these lines only the boxes are used."] if points else []
    if missing:
        notes.append(f"{missing} validation images have no label file and count as images without objects.")
    if empty:
        notes.append(f"{empty} validation images have an empty label file: no objects.")
    return tuple(notes)
