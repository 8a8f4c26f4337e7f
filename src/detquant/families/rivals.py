"""Families that a model's shapes would fit too, and why it was not taken for one of theirs."""

from __future__ import annotations

from dataclasses import replace

from detquant.families import FAMILIES, Family, load_family
from detquant.families.class_names import written_names
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
        if name == taken or family.task != load_family(taken).task or not _fits(family, named):
            continue
        unsaid = replace(signature, metadata={k: v for k, v in signature.metadata.items() if k != "detquant.family"})
        if family.matches(unsaid) is None:
            why = "but its values or names do not tell it so"
        else:
            why = f"and nothing tells them apart but that {taken} is looked for first, or was named"
        said.append(f"{name}: its shapes fit, {why}; --family {name} takes it as that.")
    return said


def _fits(family: type[Family], signature: Signature) -> bool:
    """Whether a model is of a family, with as many classes as it names."""
    named = written_names(signature.metadata)
    count = family.count_classes(signature) if family.matches(signature) else None
    return count is not None and (named is None or count == len(named))
