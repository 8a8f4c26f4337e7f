"""Which of two outputs over the rows of what was found are numbers of classes, and which are scores.

The first of these that tells anything decides:

1. the entry `detquant.labels` of the metadata, the name of the output with the numbers, in detquant's own files;
2. their names;
3. their values on a picture of noise: numbers of classes are whole, and scores lie within 0 and 1 and are not;
4. the order that the family's exporters write them in.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detquant.families.signature import Signature
from detquant.families.told_by_values import scores_by_values

KEY = "detquant.labels"

_OF_SCORES = ("score", "conf", "prob")
_OF_LABELS = ("class", "cls", "categor", "label")


def labels_and_scores(signature: Signature, first: str, second: str) -> tuple[str, str]:
    """The two outputs, that of the numbers of classes first.

    Args:
        signature: signature of the model.
        first: name of the output that has the numbers as a rule (case 4).
        second: name of the other one.
    """
    pair, turned = (first, second), (second, first)
    said = signature.metadata.get(KEY)
    if said in pair:
        return pair if said == first else turned
    if names_tell(first, second):
        return pair if _rank(first) < _rank(second) else turned
    values = signature.values()
    if first in values and second in values:
        one, other = (np.asarray(values[name], np.float64) for name in pair)
        if _are_labels(other) and _are_scores(one):
            return turned
    return pair


def labels_entry(labels: str, scores: str) -> dict[str, str]:
    """The entry for the metadata of a file that is made from a model with such outputs; none where names tell."""
    return {} if names_tell(labels, scores) else {KEY: labels}


def names_tell(one: str, other: str) -> bool:
    """Whether two names tell which output has the scores."""
    return _rank(one) != _rank(other)


def _rank(name: str) -> int:
    """0 for a name of numbers of classes, 2 for one of scores, 1 for any other."""
    lower = name.lower()
    if any(word in lower for word in _OF_SCORES):
        return 2
    return 0 if any(word in lower for word in _OF_LABELS) else 1


def _are_labels(values: npt.NDArray[np.float64]) -> bool:
    """Whether all are whole numbers, from -1 on, which stands for none."""
    return bool(np.isfinite(values).all() and (values == np.rint(values)).all() and values.min(initial=0) >= -1)


def _are_scores(values: npt.NDArray[np.float64]) -> bool:
    return scores_by_values(values.astype(np.float32)) == "chances" and not _are_labels(values)
