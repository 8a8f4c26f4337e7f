from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from detquant.algorithms.finetune.detection.assignment import Objects, assign  # noqa: E402

# four cells in a row, 8 px apart
CENTRES = torch.tensor([[4.0, 4], [12, 4], [20, 4], [28, 4]])
CLASSES = 3


def objects(boxes: list[list[float]], class_id: list[int], filled: int = 0) -> Objects:
    rows = boxes + [[0.0] * 4] * filled
    real = [True] * len(boxes) + [False] * filled
    return Objects(torch.tensor([rows]).float(), torch.tensor([class_id + [0] * filled]), torch.tensor([real]))


def even_scores() -> torch.Tensor:
    return torch.full((1, 4, CLASSES), 0.25)


def test_cells_inside_are_positive_and_the_best_says_its_overlap() -> None:
    boxes = torch.tensor([[[0.0, 0, 16, 8], [0, 0, 12, 8], [0, 0, 16, 8], [0, 0, 16, 8]]])
    found = assign(even_scores(), boxes, CENTRES, objects([[0, 0, 16, 8]], [2], filled=2))
    assert found.positive.tolist() == [[True, True, False, False]]
    assert found.boxes[0, :2].tolist() == [[0, 0, 16, 8]] * 2
    assert found.scores[0, 0].tolist() == pytest.approx([0, 0, 1], abs=1e-5)
    assert 0 < found.scores[0, 1, 2] < 0.3  # overlap to the sixth
    assert found.scores[0, 2:].sum() == 0


def test_score_of_the_class_decides_between_equal_boxes() -> None:
    scores = even_scores()
    scores[0, 1, 1] = 1.0
    boxes = torch.tensor([[0.0, 0, 16, 8]]).repeat(1, 4, 1)
    found = assign(scores, boxes, CENTRES, objects([[0, 0, 16, 8]], [1]))
    assert found.scores[0, :2, 1].tolist() == pytest.approx([0.5, 1.0], abs=1e-5)  # sqrt(0.25), sqrt(1)


def test_a_cell_of_two_objects_goes_to_the_one_it_overlaps_most() -> None:
    boxes = torch.tensor([[[0.0, 0, 16, 8], [8, 0, 24, 8], [8, 0, 24, 8], [0, 0, 1, 1]]])
    found = assign(even_scores(), boxes, CENTRES, objects([[0, 0, 16, 8], [8, 0, 24, 8]], [0, 1]))
    assert found.positive.tolist() == [[True, True, True, False]]
    assert found.boxes[0, :3, 0].tolist() == [0, 8, 8]
    assert found.scores[0, :3].argmax(-1).tolist() == [0, 1, 1]


def test_no_more_than_ten_cells_an_object() -> None:
    centres = torch.stack([torch.arange(24) + 0.5, torch.full((24,), 4.0)], 1)
    boxes = torch.tensor([0.0, 0, 24, 8]).repeat(1, 24, 1)
    found = assign(torch.rand(1, 24, CLASSES), boxes, centres, objects([[0, 0, 24, 8]], [0]))
    assert found.positive.sum() == 10


@pytest.mark.parametrize("filled", [0, 2])
def test_pictures_without_objects(filled: int) -> None:
    nothing = Objects(
        torch.zeros(1, filled, 4), torch.zeros(1, filled, dtype=torch.int64), torch.zeros(1, filled, dtype=torch.bool)
    )
    found = assign(even_scores(), torch.rand(1, 4, 4), CENTRES, nothing)
    assert not found.positive.any()
    assert found.scores.sum() == 0
