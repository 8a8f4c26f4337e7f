"""Ultralytics `data.yaml`: image folders or lists, class names, and labels beside the images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from detquant.data._base import Dataset, Skip, count_overlap, make_annotation, make_categories
from detquant.data.coco import Annotated, load_coco, read_annotations
from detquant.data.folder import shuffled
from detquant.data.images import find_images, image_size
from detquant.data.labels import label_path, read_labels
from detquant.errors import DatasetError


def open_yolo(path: Path, seed: int = 0) -> Dataset:
    """Reads a `data.yaml` with the keys train, val, names (or nc) and perhaps path.

    Where `annotations/instances_<split>.json` stands beside `images/`, the validation boxes are read from it
    and not from the label files, because it also knows crowds (Ultralytics does so for COCO).

    Args:
        path: of the YAML file.
        seed: of the order of the calibration images.

    Raises:
        DatasetError: a key, a folder or every image is missing, or names and nc disagree.
    """
    content = _load(path)
    classes = _class_names(content, path)
    train, train_skipped = _split_images(content, "train", path)
    images, val_skipped = _split_images(content, "val", path)
    found = _from_json(images, classes) or _from_labels(images, classes)
    return Dataset(
        name=path.name,
        classes=classes,
        calibration=shuffled(train, seed),
        validation=found.paths,
        ground_truth=found.ground_truth,
        skipped=(*train_skipped, *val_skipped, *found.skipped),
        overlap=count_overlap(train, found.paths),
        notes=found.notes,
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        raise DatasetError(f"{path} is not valid YAML: {error}.") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path} holds no keys: a data.yaml with train, val and names was expected.")
    if "val" not in content and "validation" in content:
        content["val"] = content["validation"]
    return content


def _class_names(content: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """The names by class index, from a list, a dict of index to name, or only a number."""
    names, count = content.get("names"), content.get("nc")
    if names is None and count is None:
        raise DatasetError(f"{path} has no key 'names': list the class names there.")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise DatasetError(f"{path}: 'nc' is {count!r}, but the number of classes was expected.")
    if names is None:
        return tuple(f"class {index}" for index in range(count or 0))
    if isinstance(names, dict):
        if set(names) != set(range(len(names))):
            raise DatasetError(f"{path}: the keys of 'names' must be 0 to {len(names) - 1}, without holes.")
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, list) or not names:
        raise DatasetError(f"{path}: 'names' must be a list of names or a dict of index to name.")
    if count is not None and len(names) != count:
        raise DatasetError(f"{path} has {len(names)} names, but 'nc' is {count}: make them agree.")
    return tuple(str(name) for name in names)


def _split_images(content: Mapping[str, Any], key: str, path: Path) -> tuple[list[Path], list[Skip]]:
    """The images of a split, and those it lists that do not exist."""
    value = content.get(key)
    places = [place for place in (value if isinstance(value, list) else [value]) if isinstance(place, str)]
    if not places or (isinstance(value, list) and len(places) != len(value)):
        raise DatasetError(f"{path} has no key '{key}': give the folder, or the .txt list, of its {key} images there.")
    images: list[Path] = []
    skipped: list[Skip] = []
    for place in places:
        where = _locate(place, _roots(content, path), key, path)
        if where.is_dir():
            images += find_images(where)
        else:
            listed = _listed(where)
            images += [image for image in listed if image.is_file()]
            reason = f"listed in {where.name}, but there is no such file"
            skipped += [Skip(image, reason) for image in listed if not image.is_file()]
    if not images:
        reason = f": {skipped[0].path} is {skipped[0].reason}" if skipped else ""
        raise DatasetError(f"'{key}' of {path} ({', '.join(places)}) has no images{reason}.")
    return list(dict.fromkeys(images)), skipped


def _roots(content: Mapping[str, Any], path: Path) -> list[Path]:
    """Folders that the split paths may be relative to, the likeliest first."""
    beside = path.parent
    root = Path(str(content.get("path") or "."))
    if root.is_absolute():
        return [root, beside]
    # "path: ." exists wherever one stands, so each of these is tried until one holds the split.
    return [root, beside / root, beside] if content.get("path") else [beside]


def _locate(place: str, roots: Iterable[Path], key: str, path: Path) -> Path:
    tried: list[Path] = []
    for root in roots:
        tried.append(root / place)
        if place.startswith("../"):
            # Some exporters write ../train/images and mean the folder of the file itself.
            tried.append(root / place[3:])
    for where in tried:
        if where.exists():
            return where.absolute()
    looked = ", ".join(str(where) for where in dict.fromkeys(tried))
    raise DatasetError(f"'{key}' of {path} is '{place}', which does not exist; looked for {looked}.")


def _listed(path: Path) -> list[Path]:
    """The images that a .txt file lists, a relative one being beside the list or from where one stands."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read as a list of images: {error}.") from error
    images = []
    for line in filter(None, map(str.strip, lines)):
        beside = path.parent / line
        images.append(beside if beside.is_file() or not Path(line).is_file() else Path(line).absolute())
    return list(dict.fromkeys(images))


def _from_json(images: list[Path], classes: tuple[str, ...]) -> Annotated | None:
    """The boxes from a COCO file that stands beside `images/`, if the images are all of one split there."""
    folder = images[0].parent
    annotations = folder.parent.parent / "annotations" / f"instances_{folder.name}.json"
    if folder.parent.name != "images" or any(image.parent != folder for image in images):
        return None
    if not annotations.is_file():
        return None
    content = load_coco(annotations)
    if len(content["categories"]) != len(classes):  # of another data set than the label files
        return None
    wanted = {image.name for image in images}
    known = {str(entry.get("file_name")) for entry in content["images"]}
    content["images"] = [entry for entry in content["images"] if str(entry.get("file_name")) in wanted]
    if not content["images"]:
        return None
    found = read_annotations(content, annotations, folder, classes)
    unknown = [Skip(image, f"not in {annotations.name}") for image in images if image.name not in known]
    note = f"Boxes are from {annotations.parent.name}/{annotations.name}, which also knows crowds."
    return Annotated(found.paths, found.ground_truth, (*found.skipped, *unknown), (note, *found.notes))


def _from_labels(images: list[Path], classes: tuple[str, ...]) -> Annotated:
    """The boxes from the label files; an image with a faulty one is left out."""
    paths: list[Path] = []
    entries: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    skipped: list[Skip] = []
    missing = empty = 0
    for image in images:
        labels = label_path(image)
        try:
            boxes = read_labels(labels, len(classes)) if labels.is_file() else None
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
    return Annotated(tuple(paths), ground_truth, tuple(skipped), _label_notes(missing, empty))


def _label_notes(missing: int, empty: int) -> tuple[str, ...]:
    notes = []
    if missing:
        notes.append(f"{missing} validation images have no label file and count as images without objects.")
    if empty:
        notes.append(f"{empty} validation images have an empty label file: no objects.")
    return tuple(notes)
