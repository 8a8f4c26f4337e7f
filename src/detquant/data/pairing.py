"""Which class of the model each class of a data set is: by name where both have names, else by place.

Names are the same when they differ only in case and in what stands between words, or are COCO's two spellings of one
thing. Numbers are no names, whatever stands before them: "class 0", "1". Where both sides have names and none agrees,
the places are all there is to go by, and that is a warning.

A model's names may be supposed: COCO's, since its file has none and it has as many classes. They count where the data
set bears them out: it has another number of classes, so that names are the only way, or half of its names are among
them. Else they say nothing, and places decide.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from detquant.errors import DatasetError
from detquant.untrusted import one_line

SYNONYMS = {
    "aeroplane": "airplane",
    "motorbike": "motorcycle",
    "sofa": "couch",
    "tvmonitor": "tv",
    "television": "tv",
    "cellphone": "mobilephone",
    "hairdryer": "hairdrier",
    "doughnut": "donut",
}
"""Other spellings of one class, without case and blanks, by the one that is taken for both."""

_MADE_UP = re.compile(r"(class|cls|category|cat|label|object|obj|id|item)?[ _#-]*[0-9]+", re.IGNORECASE)
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
_HOW_MANY_NAMED = 5

_SUPPOSED = "The model's file does not name its classes; those of COCO are supposed, as there are as many."
_TRAINED = "give the data set that the model was trained for."


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """How the classes of a data set correspond to a model's.

    Attributes:
        numbers: the model's class for each class of the data set; None where it has none.
        by_name: whether names decided.
        note: how they were paired, in a sentence.
        warning: what a user should check; None where nothing is in doubt.
    """

    numbers: tuple[int | None, ...]
    by_name: bool
    note: str
    warning: str | None = None


def pair_classes(
    name: str, theirs: Sequence[str], ours: Sequence[str], used: Collection[int], *, supposed: bool = False
) -> Pairing:
    """Pairs the classes of a data set with a model's.

    Args:
        name: name of the data set.
        theirs: class names of the data set, by number.
        ours: the model's, by class_id.
        used: numbers of the data set's classes that have an object or an image; the others may be left unpaired.
        supposed: whether the model's names are not its file's own.

    Raises:
        DatasetError: the names tell that the model does not know these classes, or there are no names and their
            numbers differ.
    """
    used = set(used) or set(range(len(theirs)))
    if tuple(theirs) == tuple(ours):
        return _in_order(len(ours), has_names(ours))
    found = paired_names(theirs, ours)
    if supposed:
        if not _bears_out(found, len(ours)):
            return _by_place(name, theirs, [f"class {number}" for number in range(len(ours))], used)
        named = pair_classes(name, theirs, ours, used)
        return replace(named, note=f"{named.note} {_SUPPOSED}") if named.by_name else named
    same_names = len(theirs) == len(ours) == len({number for number in found if number is not None})
    if not any(number is not None for number in found) or not (same_names or (has_names(theirs) and has_names(ours))):
        return _by_place(name, theirs, ours, used)
    missing = [number for number in sorted(used) if found[number] is None]
    if not missing:
        return _by_name(name, theirs, ours, found)
    in_order = [number == place for place, number in enumerate(found) if number is not None]
    if len(theirs) == len(ours) and all(in_order) and 2 * len(in_order) >= len(theirs):
        spelt = some([f"{theirs[one]} / {ours[one]}" for one in missing])
        return Pairing(
            numbers=tuple(range(len(theirs))),
            by_name=True,
            note=f"Classes are paired by name: {len(in_order)} of {len(theirs)}, the others by their place.",
            warning=f"{len(missing)} class names of {name} are not the model's ({spelt}); all others stand in the "
            f"model's order, so these are paired by their place.",
        )
    if len(missing) == len(used):
        raise DatasetError(
            f"{name} has objects of {len(used)} classes ({some([theirs[one] for one in missing])}), and the model "
            f"has none of these ({some(ours)}): {_TRAINED}"
        )
    return _by_name(name, theirs, ours, found)


def _bears_out(found: Sequence[int | None], count: int) -> bool:
    """Whether names of a data set speak for the names that so many classes of a model are supposed to have."""
    agreeing = sum(number is not None for number in found)
    return 2 * agreeing >= count if len(found) == count else agreeing > 0


def has_names(classes: Sequence[str]) -> bool:
    """Whether classes are named, and not only numbered: "0", "class 7"."""
    return not all(_MADE_UP.fullmatch(name.strip()) for name in classes)


def paired_names(theirs: Sequence[str], ours: Sequence[str]) -> tuple[int | None, ...]:
    """The place among `ours` of each of `theirs`, or None; a name that fits better keeps others from its place."""
    found: list[int | None] = [None] * len(theirs)
    taken: set[int] = set()
    for key in (str, _plain, _usual):
        places: dict[str, list[int]] = {}
        for place, name in enumerate(ours):
            places.setdefault(key(name), []).append(place)
        new = {}
        for place, name in enumerate(theirs):
            fits = places.get(key(name), ()) if found[place] is None else ()
            number = fits[0] if len(fits) == 1 else place if place in fits else None
            if number is not None and number not in taken:
                new[place] = number
        for place, number in new.items():
            found[place] = number
        taken.update(new.values())
    return tuple(found)


def _plain(name: str) -> str:
    return _BETWEEN_WORDS.sub("", unicodedata.normalize("NFKC", name).casefold())


def _usual(name: str) -> str:
    plain = _plain(name)
    return SYNONYMS.get(plain, plain)


def _in_order(count: int, named: bool) -> Pairing:
    how = "name: all are the model's, in its order" if named else "place: they are numbered on both sides"
    return Pairing(numbers=tuple(range(count)), by_name=named, note=f"{_classes(count)} paired by {how}.")


def _by_name(name: str, theirs: Sequence[str], ours: Sequence[str], found: tuple[int | None, ...]) -> Pairing:
    paired = [(place, number) for place, number in enumerate(found) if number is not None]
    moved = sum(place != number for place, number in paired)
    without = len(ours) - len({number for _, number in paired})
    parts = [f"{_classes(len(paired))} paired by name"]
    if moved:
        parts.append(f"{moved} of them have another number in {name} than in the model, whose numbers are used")
    if without:
        parts.append(f"{without} of the model's {len(ours)} are not in {name} and are not measured")
    return Pairing(numbers=found, by_name=True, note=f"{'; '.join(parts)}.")


def _by_place(name: str, theirs: Sequence[str], ours: Sequence[str], used: Collection[int]) -> Pairing:
    named = has_names(theirs)
    count, both = len(ours), named and has_names(ours)
    shift = _shift(len(theirs), len(ours), used if named else range(len(theirs)))
    if shift is None:
        why = f", and no name is on both sides ({some(theirs)}; {some(ours)})" if both else ""
        raise DatasetError(f"{name} has {len(theirs)} classes, the model has {count}{why}: {_TRAINED}")
    numbers = tuple(place - shift if 0 <= place - shift < count else None for place in range(len(theirs)))
    warning = ""
    if both:
        warning = (
            f"No class name of {name} ({some(theirs)}) is the model's ({some(ours)}); as there are {count} on both "
            f"sides, they are paired by their place: make sure that they stand in the same order."
        )
    elif len(theirs) != count:
        left = [theirs[place] for place, number in enumerate(numbers) if number is None]
        warning = f"{name} has no object of {some(left)}, which the model has no class for; the others are paired."
    where = "the model's file does not name them" if named else "they are numbers"
    why = "no name agrees" if both else where
    return Pairing(
        numbers=numbers, by_name=False, note=f"{_classes(count)} paired by place, as {why}.", warning=warning
    )


def _shift(theirs: int, ours: int, used: Collection[int]) -> int | None:
    """How many first classes of the data set the model leaves out; None where it leaves out no first or last ones."""
    if theirs == ours:
        return 0
    first, last = min(used), theirs - 1 - max(used)
    if 0 < theirs - ours <= max(first, last) and min(first, last) == 0:
        return theirs - ours if first else 0
    return None


def _classes(count: int) -> str:
    return "1 class is" if count == 1 else f"{count} classes are"


def some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - _HOW_MANY_NAMED} more" if len(names) > _HOW_MANY_NAMED else ""
    return ", ".join(one_line(name, 40) for name in names[:_HOW_MANY_NAMED]) + more
