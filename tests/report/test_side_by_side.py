from __future__ import annotations

import numpy as np
import pytest

from detquant.families import Detections
from detquant.report.drawing import class_colour
from detquant.report.side_by_side import HEAD, MARGIN, Panel, side_by_side

IMAGE = np.full((60, 80, 3), 7, np.uint8)
BOX = Detections(np.array([[20, 15, 60, 45]], np.float32), np.array([0.9]), np.array([1]))


def panel(detections: Detections = BOX, title: str = "float", caption: str = "AP 1.0") -> Panel:
    return Panel(title=title, caption=caption, detections=detections)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("zoom", [1, 2])
def test_size(count, zoom):
    picture = side_by_side(IMAGE, [panel()] * count, ("cat", "dog"), zoom)
    assert picture.dtype == np.uint8
    assert picture.shape == (60 * zoom + HEAD + MARGIN, (80 * zoom + MARGIN) * count + MARGIN, 3)


def test_each_panel_has_its_own_boxes_and_the_image_is_left_alone():
    picture = side_by_side(IMAGE, [panel(), panel(Detections.empty())], ("cat", "dog"))
    first = picture[HEAD : HEAD + 120, MARGIN : MARGIN + 160]
    second = picture[HEAD : HEAD + 120, 2 * MARGIN + 160 : 2 * MARGIN + 320]
    np.testing.assert_allclose(first[60, 40], class_colour(1), atol=2)  # the left edge, twice as far
    assert (second == 7).all() and (IMAGE == 7).all()


def test_words_stand_above_their_own_image():
    wide = panel(Detections.empty(), title="a title that is wider than its image", caption="and a caption too " * 3)
    picture = side_by_side(IMAGE, [wide, panel(Detections.empty(), "", "")], ("cat", "dog"))
    head = picture[:HEAD]
    assert (head[:, MARGIN : MARGIN + 165] < 128).any()
    assert (head[:, 2 * MARGIN + 160 :] == head[0, 0]).all()
    assert (picture[HEAD + 120 :] == head[0, 0]).all()
