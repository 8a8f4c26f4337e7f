"""Which slots the channels of a map get that is about to be written.

1. A map that is added to another one, or multiplied by it, has each channel in the lane where the other has it.
2. All else: channel ``c`` in slot ``c``.
"""

from __future__ import annotations

from detquant.integer.operators import Product, Sum
from detquant.targets.verilog.lowering.draft import Draft, Layout
from detquant.targets.verilog.maps import Word


def layout_for(draft: Draft, name: str, channels: int) -> Layout:
    """The slots for a tensor's channels."""
    for reader in draft.readers.get(name, []):
        if not isinstance(reader, Sum | Product):
            continue
        others = [draft.views[other] for other in reader.inputs if other != name and other in draft.views]
        for other in others:
            if len(other.channels) == channels:
                return layout_like(draft.words(other), channels, draft.array.icp)  # case 1
    return Layout(tuple(range(channels)), -(-channels // draft.array.icp))


def layout_like(words: list[Word], channels: int, icp: int) -> Layout:
    """Slots in as many groups as there are words, in the lanes that these have."""
    slots = [0] * channels
    for group, word in enumerate(words):
        for lane, channel in word.lanes.items():
            slots[channel] = group * icp + lane
    return Layout(tuple(slots), len(words))
