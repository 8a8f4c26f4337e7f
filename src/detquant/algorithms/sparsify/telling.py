"""What sparsify has to say: how many weights are 0, of which layers, and what that is good for."""

from __future__ import annotations

from collections.abc import Mapping

from detquant.calibration import QuantModel
from detquant.graph.traits import weight_of
from detquant.graph.values import constant
from detquant.numerics.arrays import Bools

TRUTH = (
    "zeros take as long as other numbers in every runtime on a processor, and as many bytes until the file is zipped"
)


def sentence(pattern: str, qm: QuantModel, masks: Mapping[str, Bools], layers: int, images: int) -> str:
    """What was done, in words.

    Args:
        pattern: the option.
        qm: the model.
        masks: of the layers that lose weights, by name.
        layers: how many might have lost some.
        images: on how many that was found.
    """
    layers_in_codes = (constant(weight_of(node)) for node in qm.reference.graph if node.name in qm.weights)
    weights = sum(weight.size for weight in layers_in_codes if weight is not None)
    gone, there = (sum(int(count) for count in some) for some in zip(*_counts(masks), strict=True))
    shares = {name: 1 - float(mask.mean()) for name, mask in masks.items()}
    least, most = (min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__))
    left = layers - len(masks)
    parts = [
        f"sparsify ({pattern}): {gone:,} of the {there:,} weights of {len(masks)} layers are 0, {gone / weights:.1%} "
        f"of all that are in codes, by {images} images",
        f"from {shares[least]:.0%} of {least} to {shares[most]:.0%} of {most}" if shares[least] < shares[most] else "",
        f"{left} more layers stay whole, whose input channels are no multiple of four" if left else "",
        TRUTH,
    ]
    return "; ".join(filter(None, parts))


def _counts(masks: Mapping[str, Bools]) -> list[tuple[int, int]]:
    return [(int((~mask).sum()), mask.size) for mask in masks.values()]
