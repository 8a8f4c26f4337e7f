"""A head's maps as the head in hardware reads them: channel ``c`` in slot ``c`` behind the beginning of a group.

1. A map that lies so already stays where it is: what a convolution writes does.
2. All else (slices that do not begin at a group, maps side by side, enlarged ones) is copied by the array.
"""

from __future__ import annotations

from detquant.errors import TargetError, UnsupportedOperator
from detquant.integer.head import IntegerHead
from detquant.targets.verilog.head import StoredHead, StoredLevel
from detquant.targets.verilog.lowering.draft import Draft
from detquant.targets.verilog.lowering.reading import in_lanes
from detquant.targets.verilog.maps import CODE_BITS, Place, StoredMap, View, words_of

MOST_CLASSES = 1 << 15


def head_maps(head: IntegerHead) -> list[str]:
    """Names of the maps that a head reads."""
    return [name for level in head.layout.levels for name in (level.distances, level.scores)]


def require_head(head: IntegerHead, outputs: tuple[str, ...]) -> None:
    """Refuses a head that the one in hardware is not.

    Args:
        head: the head.
        outputs: names of the codes that the network gives.

    Raises:
        UnsupportedOperator: its class logits have more than 8 bits, or there are more classes than it counts.
        TargetError: it is the head of another network.
    """
    if head.scores.bits != CODE_BITS:
        raise UnsupportedOperator(
            f"The head's class logits have {head.scores.bits} bits, and the head in hardware reads {CODE_BITS}: choose "
            f"{CODE_BITS} bits for the head, or leave the last layers and the suppression to the host."
        )
    if head.layout.classes > MOST_CLASSES:
        raise UnsupportedOperator(
            f"The head has {head.layout.classes} classes, and the head in hardware counts {MOST_CLASSES}: leave the "
            f"last layers and the suppression to the host."
        )
    missing = [name for name in head_maps(head) if name not in outputs]
    if missing:
        raise TargetError(
            f"The head reads '{missing[0]}', which the network does not give (it gives {', '.join(outputs)}): give the "
            f"network and the head of one detector."
        )


def stored_head(draft: Draft, head: IntegerHead) -> StoredHead:
    """Says where a head's maps lie, and puts those in place that the hardware could not address."""
    levels = []
    for level in head.layout.levels:
        scores, scores_group = _in_place(draft, level.scores)
        distances, distances_group = _in_place(draft, level.distances)
        levels.append(StoredLevel(level, scores, scores_group, distances, distances_group))
    return StoredHead(head, tuple(levels), draft.offset(head.layout.levels[0].scores))


def _in_place(draft: Draft, name: str) -> tuple[StoredMap, int]:
    """The stored map of a tensor and its first group there."""
    view, icp = draft.views[name], draft.array.icp
    first = view.channels[0]
    if first.slot % icp or any(
        place.stored is not first.stored or place.shift or place.slot != first.slot + number
        for number, place in enumerate(view.channels)
    ):
        wanted = StoredMap(name, -(-len(view.channels) // icp), view.height, view.width)
        slots = tuple(Place(wanted, channel) for channel in range(len(view.channels)))
        view = in_lanes(draft, name, view, words_of(View(slots, view.height, view.width), icp))
        draft.views[name], first = view, view.channels[0]
    return first.stored, first.slot // icp
