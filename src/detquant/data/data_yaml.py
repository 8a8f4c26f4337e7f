"""What a `data.yaml` says: its keys, class names and key points, checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from detquant.errors import DatasetError
from detquant.untrusted import parse_yaml, printable, read_text, shown

LARGEST = 1 << 21
"""Most bytes of a data.yaml; the 22 thousand names of ImageNet-21k take half a million."""

MOST_CLASSES = 100_000
_MOST_KEY_POINTS = 1000


def load_data_yaml(path: Path) -> dict[str, Any]:
    """The content, checked to be keys; "validation" also counts as "val".

    Raises:
        DatasetError: it cannot be read, or has none.
    """
    try:
        text = read_text(path, LARGEST)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    try:
        content = parse_yaml(text)
    except ValueError as error:
        raise DatasetError(f"{path} is not valid YAML: {str(error).rstrip('.')}.") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path} holds no keys: a data.yaml with train, val and names was expected.")
    if content.get("val") is None and "validation" in content:
        content["val"] = content["validation"]
    return content


def class_names(content: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """The names by class index, from a list, a dict of index to name, or only a number.

    Raises:
        DatasetError: there are none, they have holes, or they are not as many as `nc`.
    """
    names, count = content.get("names"), _count(content.get("nc"), path)
    if names is None and count is None:
        raise DatasetError(f"{path} has no key 'names': list the class names there.")
    if names is None:
        return tuple(f"class {index}" for index in range(count or 0))
    if isinstance(names, dict):
        names = _by_index(names, path)
    if not isinstance(names, list) or not names:
        raise DatasetError(f"{path}: 'names' must be a list of names or a dict of index to name.")
    if len(names) > MOST_CLASSES:
        raise DatasetError(f"{path} has {len(names)} names: no more than {MOST_CLASSES} classes are read.")
    if count is not None and len(names) != count:
        raise DatasetError(f"{path} has {len(names)} names, but 'nc' is {count}: make them agree.")
    return tuple(_name(name, index, path) for index, name in enumerate(names))


def key_points(content: Mapping[str, Any], path: Path) -> int:
    """How many numbers of key points stand behind each box of the labels: `kpt_shape`, points times 2 or 3.

    Raises:
        DatasetError: `kpt_shape` is not such a pair.
    """
    shape = content.get("kpt_shape")
    if shape is None:
        return 0
    match shape:
        case [int(points), 2 | 3 as each] if 0 < points <= _MOST_KEY_POINTS and not isinstance(points, bool):
            return points * int(each)
    raise DatasetError(
        f"{path}: 'kpt_shape' is {shown(shape)}, but the number of key points and 2 or 3 for each was expected."
    )


def split_places(content: Mapping[str, Any], key: str, path: Path) -> list[str]:
    """The folders and lists that a split names; lists in lists are as if written one after the other.

    Raises:
        DatasetError: there is no text, or something else.
    """
    if content.get(key) is None:
        found = f"nothing behind '{key}'" if key in content else f"no key '{key}'"
        raise DatasetError(f"{path} has {found}: give the folder, or the .txt list, of its {key} images there.")
    places = list(_flat(content[key]))
    named = [place for place in places if isinstance(place, str) and place.strip()]
    if not named or len(named) < len(places):
        raise DatasetError(
            f"{path}: '{key}' is {shown(content[key])}, but the folder, or the .txt list, of its {key} images was "
            f"expected there."
        )
    return named


def _flat(value: object) -> Iterator[object]:
    if isinstance(value, list):
        for one in value:
            yield from _flat(one)
    else:
        yield value


def _count(count: object, path: Path) -> int | None:
    if count is None:
        return None
    if isinstance(count, str) and count.strip().isdecimal() and len(count) < 10:
        count = int(count)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise DatasetError(f"{path}: 'nc' is {shown(count)}, but the number of classes was expected.")
    if count > MOST_CLASSES:
        raise DatasetError(f"{path}: 'nc' is {shown(count)}, and no more than {MOST_CLASSES} classes are read.")
    return count


def _by_index(names: Mapping[Any, Any], path: Path) -> list[Any]:
    """The names in the order of their keys, which may be in quotes."""
    by_index: dict[int, Any] = {}
    for key, name in names.items():
        index = int(key) if isinstance(key, str) and key.strip().isdecimal() and len(key) < 10 else key
        if isinstance(index, bool) or not isinstance(index, int) or index < 0:
            raise DatasetError(
                f"{path}: 'names' has the key {shown(key)}, but the numbers of the classes were expected."
            )
        if index in by_index:
            raise DatasetError(f"{path}: 'names' has the key {index} twice, with and without quotes.")
        by_index[index] = name
    if by_index and set(by_index) == set(range(1, len(by_index) + 1)):
        raise DatasetError(
            f"{path}: the keys of 'names' are 1 to {len(by_index)}, but label files count classes from 0: make them "
            f"0 to {len(by_index) - 1}."
        )
    if set(by_index) != set(range(len(by_index))):
        missing = next(index for index in range(len(by_index)) if index not in by_index)
        raise DatasetError(
            f"{path}: the keys of 'names' must be 0 to {len(names) - 1}, without holes, and {missing} is missing."
        )
    return [by_index[index] for index in range(len(by_index))]


def _name(name: object, index: int, path: Path) -> str:
    if isinstance(name, (dict, list)):
        raise DatasetError(f"{path}: name {index} of 'names' is {shown(name)}, but a text was expected.")
    if name is None:
        return f"class {index}"
    return printable(name) if isinstance(name, str) else shown(name)
