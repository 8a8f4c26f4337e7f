"""What narrow weights, and those of few codes, take in a target's files, where that is more than they need."""

from __future__ import annotations

from detquant.calibration import QuantModel
from detquant.numerics import Capability

STORED = (
    "Weights of {widths} bits take {bits} in files for {target}, which hold none narrower: such a file is as large as "
    "one of {bits} bits, and smaller only when it is packed."
)
FEW = (
    "Weights of {codes} different codes a layer take 8 bits in files for {target}, which hold no tables of codes: such "
    "a file is as large as one of all codes, and smaller only when it is packed."
)
"""Said of layers whose book would fit a table of 4 bits."""
PLACES = 16
IN_TABLES = 2
"""Bits of grids that tables of pairs hold as they are, see `detquant.graph.codebook_storage`."""


def said_of_storage(qm: QuantModel, capability: Capability) -> list[str]:
    """Sentences that weights take more bits in the file than they need; none where they do not.

    Args:
        qm: the model, with the grids of its weights and their codebooks.
        capability: capability of the target.
    """
    said = []
    books = [one.book.size for one in qm.allowed.values() if one.book is not None and one.book.size <= PLACES]
    if books and not capability.code_tables:
        said.append(FEW.format(codes=max(books), target=capability.name))
    for bits, widths in sorted(_kept(qm, capability).items()):
        listed = ", ".join(map(str, sorted(widths)))
        said.append(STORED.format(widths=listed, bits=bits, target=capability.name))
    return said


def _kept(qm: QuantModel, capability: Capability) -> dict[int, set[int]]:
    """Width in the file -> widths of grids that are narrower; files hold powers of two."""
    narrowest = IN_TABLES if capability.code_tables else capability.stored_bits
    kept: dict[int, set[int]] = {}
    for grid in qm.weights.values():
        bits = capability.stored(grid.qtype.bits, narrowest)
        if bits > grid.qtype.bits:
            kept.setdefault(bits, set()).add(grid.qtype.bits)
    return kept
