from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from detquant.data import Dataset, fit_task
from detquant.data.pairing import has_names, pair_classes, paired_names
from detquant.errors import DatasetError

MODEL = ("person", "traffic light", "airplane", "couch", "tv")


def boxes(classes: tuple[str, ...], *numbers: int) -> Dataset:
    """One image with a box of each of these classes."""
    annotations = [
        {"id": place, "image_id": 1, "category_id": number, "bbox": [0, 0, 5, 5], "area": 25, "iscrowd": 0}
        for place, number in enumerate(numbers, start=1)
    ]
    truth = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": annotations, "categories": []}
    return Dataset(name="d.json", classes=classes, calibration=(), validation=(Path("a.png"),), ground_truth=truth)


def fitted(dataset: Dataset, classes: tuple[str, ...] = MODEL) -> tuple[Dataset, list[int]]:
    found = fit_task(dataset, "detect", classes)
    assert found.ground_truth is not None
    assert fit_task(found, "detect", classes) is found  # once is enough
    return found, [one["category_id"] for one in found.ground_truth["annotations"]]


def test_the_same_names_in_another_order_take_the_models_numbers() -> None:
    found, numbers = fitted(boxes(tuple(sorted(MODEL)), 0, 1, 2, 3, 4))
    assert numbers == [2, 3, 0, 1, 4] and found.classes == MODEL and found.warnings == ()
    assert [one["name"] for one in found.ground_truth["categories"]] == list(MODEL)
    assert found.notes[0].startswith("5 classes are paired by name; 4 of them have another number in d.json")


@pytest.mark.parametrize(
    ("theirs", "number"),
    [
        *(("PERSON", 0), (" Person ", 0), ("traffic_light", 1), ("traffic-light", 1), ("TrafficLight", 1)),
        *(("aeroplane", 2), ("sofa", 3), ("tvmonitor", 4), ("TV_Monitor", 4)),
    ],
)
def test_spellings_of_one_class(theirs: str, number: int) -> None:
    assert paired_names([theirs], MODEL) == (number,)


def test_a_name_that_fits_better_keeps_others_away() -> None:
    assert paired_names(["tvmonitor", "tv"], MODEL) == (None, 4)
    assert paired_names(["person", "Person", "person"], ["Person", "x"]) == (None, 0, None)
    assert paired_names(["a", "a"], ["a", "a"]) == (0, 1)
    assert paired_names(["b", "a"], ["a", "x", "a"]) == (None, None)


def test_a_few_of_the_models_classes_are_fine_by_name() -> None:
    found, numbers = fitted(boxes(("tv", "person"), 1, 0))
    assert numbers == [0, 4] and found.warnings == ()
    assert found.notes[1] == "AP is the mean over the 2 of 5 classes that have objects."
    assert "2 classes are paired by name" in found.notes[0]
    assert "3 of the model's 5 are not in d.json and are not measured" in found.notes[0]


def test_objects_of_other_classes_are_left_out_by_name() -> None:
    found, numbers = fitted(boxes(("person", "helmet", "vest", "unused"), 0, 1, 1, 2))
    assert numbers == [0] and len(found.validation) == 1
    assert found.warnings == (
        "3 objects of 2 classes of d.json that the model does not have (helmet, vest) are left out.",
    )


def test_a_class_without_objects_is_none() -> None:
    found, numbers = fitted(boxes(("shapes", *MODEL), 1, 5))
    assert numbers == [0, 4] and found.warnings == ()


def test_names_that_are_spelt_otherwise_take_the_place_that_is_left() -> None:
    found, numbers = fitted(boxes(("person", "signal", "airplane", "couch", "tv"), 1, 0))
    assert numbers == [1, 0] and "signal / traffic light" in found.warnings[0]


def test_where_no_name_agrees_places_decide_loudly() -> None:
    found, numbers = fitted(boxes(("a", "b", "c", "d", "e"), 3))
    assert numbers == [3] and "place, as no name agrees" in found.notes[0]
    assert found.warnings[0].startswith("No class name of d.json (a, b, c, d, e) is the model's (person,")
    assert found.classes == ("a", "b", "c", "d", "e")  # as the person who labelled calls them


@pytest.mark.parametrize("numbers", [("class 0", "class 1"), ("0", "1"), ("obj_7", "obj_8"), ("1", "2")])
def test_numbers_are_no_names(numbers: tuple[str, ...]) -> None:
    assert not has_names(numbers) and has_names(("class 0", "cat"))
    found, placed = fitted(boxes(("cat", "dog"), 1, 0), numbers)
    assert placed == [1, 0] and found.warnings == () and "the model's file does not name them" in found.notes[0]
    found, placed = fitted(boxes(numbers, 1), ("cat", "dog"))
    assert placed == [1] and "as they are numbers" in found.notes[0]
    for theirs in (("a", "b", "c"), ("class 0", "class 1", "class 2")):
        with pytest.raises(DatasetError, match=r"d\.json has 3 classes, the model has 2"):
            fitted(boxes(theirs, 0, 2 if theirs[0] == "a" else 1), numbers)


def test_digits_that_are_classes_are_paired_as_names() -> None:
    assert fitted(boxes(("1", "2", "0"), 0, 2), ("0", "1", "2"))[1] == [1, 0]


@pytest.mark.parametrize(("used", "expected"), [((1, 2), [0, 1]), ((0, 1), [0, 1])])
def test_a_first_or_last_class_without_objects_is_not_counted(used: tuple[int, ...], expected: list[int]) -> None:
    found, numbers = fitted(boxes(("a", "b", "c"), *used), ("class 0", "class 1"))
    assert numbers == expected and "no object of" in found.warnings[0]


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        (("a", "b"), r"2 classes, the model has 5, and no name is on both sides \(a, b; person, traffic light"),
        (("cat", "person"), r"objects of 1 classes \(cat\), and the model has none of these"),
    ],
)
def test_other_classes_are_refused(theirs: tuple[str, ...], words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        fitted(boxes(theirs, 0))


def test_equal_classes_are_said_too() -> None:
    assert pair_classes("d", MODEL, MODEL, {0}).note == (
        "5 classes are paired by name: all are the model's, in its order."
    )
    assert "by place: they are numbered on both sides" in pair_classes("d", ["class 0"], ["class 0"], {0}).note
    assert pair_classes("d", ["a"], ["a"], ()).note.startswith("1 class is")


def test_labels_of_whole_images_are_paired_too() -> None:
    images = tuple(Path(name) for name in "abc")
    dataset = Dataset(
        name="d",
        classes=("Cat", "unicorn", "dog"),
        calibration=(),
        validation=images,
        ground_truth=None,
        labels=(2, 1, 0),
    )
    found = fit_task(dataset, "classify", ("dog", "cat"))
    assert found.labels == (0, 1) and found.validation == (images[0], images[2])
    assert found.warnings == ("1 images of 1 classes of d that the model does not have (unicorn) are left out.",)
    numbered = replace(dataset, classes=None)
    found = fit_task(numbered, "classify", ("a", "b", "c"))
    assert found.labels == (2, 1, 0) and "labels are numbers" in found.notes[-1]
    assert fit_task(found, "classify", ("a", "b", "c")) is found


# ---------------------------------------------------------------- names that nobody told

OWN = tuple(f"thing {letter}" for letter in "abcde")


def supposed(theirs: tuple[str, ...], *used: int) -> tuple[Dataset, list[int]]:
    found = fit_task(boxes(theirs, *used), "detect", MODEL, supposed=True)
    assert found.ground_truth is not None
    return found, [one["category_id"] for one in found.ground_truth["annotations"]]


@pytest.mark.parametrize("theirs", [OWN, ("thing a", "person", *OWN[2:]), ("tv", "person", *OWN[2:])])
@pytest.mark.parametrize("used", [(0, 1, 2, 3, 4), (0, 1)])
def test_supposed_names_that_most_of_the_data_sets_deny_count_for_nothing(theirs, used) -> None:
    found, numbers = supposed(theirs, *used)
    assert numbers == list(used) and found.classes == theirs and found.warnings == ()
    assert found.notes[0] == "5 classes are paired by place, as the model's file does not name them."
    if theirs is not OWN:  # the same names in the file are to be believed
        _, told = fitted(boxes(theirs, *used))
        assert told != numbers


def test_supposed_names_that_the_data_set_bears_out_count() -> None:
    found, numbers = supposed(tuple(sorted(MODEL)), 0, 1, 2, 3, 4)
    assert numbers == [2, 3, 0, 1, 4] and found.notes[0].endswith("those of COCO are supposed, as there are as many.")
    found, numbers = supposed(("tv", "person"), 1, 0)
    assert numbers == [0, 4] and "those of COCO are supposed" in found.notes[0]
    assert "supposed" not in supposed(MODEL, 0)[0].notes[0]


def test_supposed_names_do_not_stand_in_a_refusal() -> None:
    with pytest.raises(DatasetError) as error:
        supposed(("thing a", "thing b"), 0, 1)
    assert "has 2 classes, the model has 5: " in str(error.value) and "person" not in str(error.value)
