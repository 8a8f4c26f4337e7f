"""Where the tensors of a checkpoint are: in the modules of a pickled network, or in a state dict."""

from __future__ import annotations

from collections.abc import Iterator

from detquant.importers.checkpoint._base import Flaw, Record, StoredTensor, shown

# A module can hold itself, or one module can stand in a thousand places: both have an end here.
MAX_DEPTH = 32
MAX_MEMBERS = 100_000
MAX_NAME = 100

_WRAPPERS = ("state_dict", "model_state_dict", "model", "ema")
_PARALLEL = "module."  # what DataParallel puts before each name


def walk(root: Record) -> Iterator[tuple[str, Record | StoredTensor]]:
    """Goes through a module, all modules below it and all their tensors, by the names that torch's state dict has.

    Args:
        root: a pickled `torch.nn.Module`; it comes first, without a name.

    Raises:
        Flaw: the modules are nested without end, or are too many.
    """
    waiting = [("", root, 0)]
    members = 0
    while waiting:
        name, module, depth = waiting.pop()
        yield name, module
        for table in ("_parameters", "_buffers", "_modules"):
            entries = module.state.get(table)
            if not isinstance(entries, dict):
                continue
            members += len(entries)
            if members > MAX_MEMBERS or (entries and depth == MAX_DEPTH):
                raise Flaw(f"has modules that are nested without end or are too many, at '{shown(name)}'")
            for key, value in entries.items():
                inner = f"{name}.{str(key)[:MAX_NAME]}" if name else str(key)[:MAX_NAME]
                if table == "_modules" and isinstance(value, Record):
                    waiting.append((inner, value, depth + 1))
                elif table != "_modules" and isinstance(value, StoredTensor):
                    yield inner, value


def find_state_dict(tree: object) -> dict[str, StoredTensor] | None:
    """The state dict of a checkpoint: the whole of it, or under one of the names that are in use.

    Args:
        tree: a checkpoint's content, from `parse_checkpoint`.

    Returns:
        Tensors by name, without what DataParallel puts before the names; None if there are none.
    """
    if not isinstance(tree, dict):
        return None
    for found in (tree, *(tree.get(name) for name in _WRAPPERS)):
        if isinstance(found, dict) and found and all(isinstance(value, StoredTensor) for value in found.values()):
            names = [str(name) for name in found]
            parallel = all(name.startswith(_PARALLEL) for name in names)
            return {
                name.removeprefix(_PARALLEL) if parallel else name: tensor
                for name, tensor in zip(names, found.values(), strict=True)
            }
    return None
