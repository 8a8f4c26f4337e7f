"""Families that a model's shapes would fit too, and why it was not taken for one of theirs."""

from __future__ import annotations

from dataclasses import replace

from detquant.families import FAMILIES, load_family
from detquant.families.signature import Signature


def rivals(signature: Signature, taken: str) -> list[str]:
    """A sentence on each family that would take the model if it were named, but was not told of it.

    Args:
        signature: signature of the model.
        taken: the family that was taken.
    """
    said = []
    for name in FAMILIES:
        named = replace(signature, metadata={**signature.metadata, "detquant.family": name})
        family = load_family(name)
        if name == taken or family.task != load_family(taken).task or family.matches(named) is None:
            continue
        unsaid = replace(signature, metadata={k: v for k, v in signature.metadata.items() if k != "detquant.family"})
        if family.matches(unsaid) is None:
            why = "but its values, its names or how its outputs are joined tell against it, or do not tell it"
        else:
            why = f"and nothing tells it from {taken}, which is looked for first or was named"
        said.append(f"Its shapes are those of {name} too, {why}: --family {name} takes it as that.")
    return said
