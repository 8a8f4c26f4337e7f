"""The values that a checkpoint is made of once it is read; none of them does anything."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_RANK = 8
MAX_SIZE = 2**40  # of a dimension, in numbers: larger ones only cost time to multiply
_SHOWN = 100


class Flaw(Exception):
    """A fault of a file; the message is a sentence that lacks its subject, the file, and its full stop."""


@dataclass(slots=True, eq=False)
class Record:
    """An object of a class that is not here: its name, what it would have been made of, and its state.

    Attributes:
        name: name of the class, in full.
        args: arguments that the class would have been called with.
        state: the object's attributes; empty where there are none.
    """

    name: str
    args: tuple[object, ...] = ()
    state: dict[Any, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The name of the class without its module."""
        return self.name.rpartition(".")[2]


@dataclass(slots=True, eq=False)
class Storage:
    """A run of numbers that tensors are views of.

    Attributes:
        key: what the file calls it.
        dtype: a numpy dtype, or "bfloat16", which numpy does not have.
        numel: how many numbers.
        content: their bytes, little endian; empty until the file's data are reached.
    """

    key: str
    dtype: str
    numel: int
    content: memoryview = field(default_factory=lambda: memoryview(b""), repr=False)

    @property
    def itemsize(self) -> int:
        """The size of one number, bytes."""
        return 2 if self.dtype == "bfloat16" else np.dtype(self.dtype).itemsize

    def fill(self, content: memoryview) -> None:
        """Gives the storage its bytes.

        Raises:
            Flaw: they are too few or too many.
        """
        if len(content) != self.numel * self.itemsize:
            raise Flaw(
                f"is truncated or damaged: storage '{shown(self.key)}' has {len(content)} bytes where "
                f"{self.numel} × {self.itemsize} are expected"
            )
        self.content = content


@dataclass(frozen=True, slots=True, eq=False)
class StoredTensor:
    """A tensor in a file; nothing is copied before `numpy` is called.

    Attributes:
        storage: where its numbers are.
        offset: place of the first number in the storage, in numbers.
        shape: sizes.
        strides: steps, in numbers.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuses a tensor that its storage cannot hold, before anything is made of it.

        Raises:
            Flaw: the tensor reaches outside, or has more elements than the storage.
        """
        numbers = (self.offset, *self.shape, *self.strides)
        # `type`, for True is an int too
        whole = all(type(number) is int and 0 <= number < MAX_SIZE for number in numbers)
        if len(self.shape) != len(self.strides) or len(self.shape) > MAX_RANK or not whole:
            raise Flaw("is damaged: a tensor in it has no proper shape")
        count = math.prod(self.shape)
        last = sum((size - 1) * step for size, step in zip(self.shape, self.strides, strict=True))
        if count > self.storage.numel or (count and self.offset + last >= self.storage.numel):
            raise Flaw(
                f"is damaged: a tensor of {shown(str(list(self.shape)))} reaches outside its storage "
                f"'{shown(self.storage.key)}' of {self.storage.numel} numbers"
            )

    def numpy(self) -> NDArray[Any]:
        """The values; bfloat16 as float32, which holds it exactly."""
        if not math.prod(self.shape):
            return np.zeros(self.shape, np.float32 if self.storage.dtype == "bfloat16" else self.storage.dtype)
        bits = self.storage.dtype == "bfloat16"
        flat: NDArray[Any] = np.frombuffer(self.storage.content, "<u2" if bits else self.storage.dtype)
        steps = [step * flat.itemsize for step in self.strides]
        view = np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, steps, writeable=False)
        return (view.astype(np.uint32) << 16).view(np.float32) if bits else view


def shown(text: str) -> str:
    """Text of a file as it may stand in a sentence: of one line, not long, nothing that moves a terminal's cursor."""
    start = text[: _SHOWN + 1]
    safe = start if start.isprintable() else ascii(start)[1:-1]
    return safe if len(safe) <= _SHOWN else f"{safe[:_SHOWN]}..."
