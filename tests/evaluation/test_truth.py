from __future__ import annotations

import numpy as np
from thrown_detections import rows, thrown

from detquant.evaluation.found import Found
from detquant.evaluation.truth import Truth


def test_objects_stand_by_the_images_that_are_asked_for() -> None:
    known, _ = thrown(9, seed=3)
    ids = [image["id"] for image in known["images"]][::-1][:5]
    truth = Truth.of(known, ids)
    assert len(truth) == 5 and truth.known
    for place, image_id in enumerate(ids):
        own = [one for one in known["annotations"] if one["image_id"] == image_id]
        these = slice(truth.starts[place], truth.starts[place + 1])
        assert truth.xywh[these].tolist() == [one["bbox"] for one in own]
        assert truth.class_id[these].tolist() == [one["category_id"] for one in own]
        assert truth.count(place) == sum(not one["iscrowd"] for one in own)
    assert [sorted(ids).index(one) for one in ids] == truth.order.tolist()


def test_an_image_that_is_there_twice_has_its_objects_twice() -> None:
    known, _ = thrown(4, seed=4)
    first = known["images"][0]["id"]
    truth = Truth.of(known, [first, first])
    assert truth.count(0) == truth.count(1) and len(truth.class_id) % 2 == 0


def test_boxes_of_a_model_in_the_place_of_objects() -> None:
    found = Found.of([rows((1, 2, 5, 9, 0.3, 1), (0, 0, 4, 4, 0.2, 0)), rows(), rows((0, 0, 8, 8, 0.25, 2))])
    truth = Truth.supposed(found, 0.25)
    assert truth.starts.tolist() == [0, 1, 1, 2] and not truth.known and truth.limits is None
    assert truth.xywh.tolist() == [[1, 2, 4, 7], [0, 0, 8, 8]] and np.array_equal(truth.class_id, [1, 2])
