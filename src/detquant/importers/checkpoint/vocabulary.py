"""The names that a checkpoint may use, a closed list, and what detquant makes of each: never the thing itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from detquant.importers.checkpoint._base import MAX_SIZE, Flaw, Record, Storage, StoredTensor, shown

MAX_NAME = 200  # characters: a long one, used often, would fill the memory

# torch's storage classes
DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}

# Classes whose objects become Records: whatever these classes do, here they are a name.
INERT_MODULES = ("ultralytics.", "torch.nn.modules.", "models.")
INERT_NAMES = frozenset(
    {
        "__builtin__.bytes",  # how bytes are written in the pickle protocol that torch uses
        "_codecs.encode",
        "argparse.Namespace",
        "collections.Counter",  # in the state of torch's MultiStepLR
        "datetime.datetime",
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar",
        "numpy.dtype",
        "numpy.ndarray",
        "torch.device",
        "types.SimpleNamespace",
    }
    | {f"torch.{name}" for name in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "uint8", "bool")}
)


@dataclass(frozen=True, slots=True)
class Name:
    """A name that a file uses: text, which nothing looks up."""

    full: str


def known(full: str) -> Name:
    """The name, if it is in the vocabulary.

    Raises:
        Flaw: it is not.
    """
    if len(full) > MAX_NAME:
        raise Flaw(f"is damaged: it names '{shown(full)}'")
    if full in MAKERS or full in INERT_NAMES or full.startswith(INERT_MODULES) or _dtype(full):
        return Name(full)
    raise Flaw(f"asks for '{shown(full)}', which no checkpoint of a detector needs: refused, and nothing of it was run")


def make(name: object, args: object) -> object:
    """Makes the value that stands for the object which calling a name would have given.

    Raises:
        Flaw: what is called is no name, or its arguments are not those that torch writes.
    """
    if not isinstance(name, Name) or not isinstance(args, tuple):
        raise Flaw("is damaged: its pickle calls something that is not a class")
    if name.full in MAKERS:
        return MAKERS[name.full](*args)
    if _dtype(name.full):
        raise Flaw(f"is damaged: its pickle calls '{shown(name.full)}'")
    return Record(name.full, args)


def storage(reference: object) -> Storage:
    """The storage that a persistent id names: ("storage", class, key, device, number of elements, ...).

    Raises:
        Flaw: it is anything else.
    """
    match reference:
        # the older format could say at the end that this is part of another storage
        case ("storage", Name(full), str(key), str(), int(numel), *part) if part in ([], [None]):
            if 0 <= numel < MAX_SIZE and _dtype(full):
                return Storage(key, _dtype(full), numel)
    raise Flaw("is damaged: it refers to a storage in a way that torch does not")


def _dtype(full: str) -> str:
    module, _, name = full.rpartition(".")
    return DTYPES.get(name, "") if module in ("torch", "torch.cuda") else ""


def _tensor(held: object, offset: Any, shape: Any, strides: Any, *_: object) -> StoredTensor:
    if not isinstance(held, Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise Flaw("is damaged: a tensor in it has no storage")
    return StoredTensor(held, offset, shape, strides)


def _items(items: object = ()) -> list[Any]:
    if not isinstance(items, (list, tuple)):
        raise Flaw(f"is damaged: its pickle makes a collection of a {type(items).__name__}")
    return list(items)


def _ordered(pairs: object = ()) -> dict[Any, Any]:
    return {hashable(key): value for key, value in _items(pairs)}


def _path(*parts: object) -> str:
    """The text of a path, made of its parts; a path is shown, never opened."""
    return "/".join(shown(part) for part in parts if isinstance(part, str))


def hashable(key: object) -> Any:
    """Gives back a dict's key, checked: other kinds could be nested, or made to collide, so that hashing never ends."""
    if key is None or isinstance(key, str) or (isinstance(key, int) and abs(key) < 2**31):
        return key
    raise Flaw(f"is damaged: a dict in it has a key of type {type(key).__name__}")


_PATHS = ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")
MAKERS: dict[str, Callable[..., object]] = {
    "collections.OrderedDict": _ordered,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
    "torch._utils._rebuild_parameter_with_state": lambda tensor, *_: tensor,
    "torch.Size": lambda sizes=(): tuple(_items(sizes)),
    # sets are lists here: nothing that a file gives is hashed but names and small numbers
    "builtins.set": _items,
    "__builtin__.set": _items,
    **{f"{module}.{name}": _path for module in ("pathlib", "pathlib._local") for name in _PATHS},
}
