"""Pickles, followed by hand: an instruction builds a plain value, a Record or a tensor, and calls nothing.

Python's own Unpickler is not used, though a closed `find_class` and `persistent_load` would keep it from calling
anything foreign. What it does between two names cannot be overridden, and is enough for an attack. Measured with
such a subclass of Python 3.11 that knows no name at all:

- nine bytes (LONG_BINPUT of a large place) take 8 GiB and 46 s, for its memo is an array of that length;
- 300 kB (a deep tuple as a key of a dict) end the process by a segmentation fault, for hashing recurses in C;
- 250 bytes (a tuple that holds the one before twice, 34 times over, in a set) keep it busy for minutes, and twice as
  long for every seven bytes more, for hashing walks all 2^34 leaves;
- BUILD sets attributes of whatever stands on the stack, so of the functions that `find_class` gave, too.

A file cannot be searched for these beforehand without following it: what becomes a key stands on the stack. torch
follows pickles by hand for `weights_only=True` as well. `pickle._Unpickler`, the slow one in Python, has methods
that could be replaced, but it is private, and all that do more than push a value would be: the loop, REDUCE, NEWOBJ,
BUILD, SETITEM, SETITEMS, ADDITEMS, FROZENSET, GLOBAL; what stays is rows of the table at the end. Here

1. an instruction that torch does not write (EXT1, INST, OBJ, NEWOBJ_EX ...) is refused by its name;
2. a name is text, from a closed list (`vocabulary`); others are refused where they are first mentioned;
3. REDUCE and NEWOBJ take what the vocabulary makes of a name;
4. BUILD gives a Record its state; what it would do to a dict or a tensor is left out;
5. instructions, and what they copy, are counted, so that a small file cannot grow without end. Nothing recurses.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from typing import Any

from detquant.importers.checkpoint._base import Flaw, Record, Storage, StoredTensor, shown
from detquant.importers.checkpoint.vocabulary import Name, hashable, known, make, storage

# YOLOv8n has 37 thousand; larger scales, their average and their optimizer have some times as many.
MAX_INSTRUCTIONS = 1_000_000


class Pickle:
    """The pickles of one file.

    Attributes:
        storages: all that they refer to, in the order of the file.
    """

    def __init__(self) -> None:
        self.storages: list[Storage] = []
        self._left = MAX_INSTRUCTIONS
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def follow(self, source: io.BytesIO) -> object:
        """The value of one pickle; the source is left behind its end.

        Raises:
            Flaw: the pickle is refused.
            ValueError, LookupError, TypeError: it is damaged.
        """
        self._stack, self._marks, self._memo = [], [], {}
        while True:
            self._spend(1)
            instruction = _NAMES[source.read(1)]
            if instruction == "STOP":
                return self._stack.pop()
            if instruction not in _STEPS:  # case 1, before its argument is read
                raise Flaw(f"has the pickle instruction {instruction}, which torch does not write: refused")
            argument = _ARGUMENTS[instruction](source) if instruction in _ARGUMENTS else None
            _STEPS[instruction](self, argument)

    def _spend(self, cost: int) -> None:
        """Counts instructions and what they copy, and refuses a file that has too many (case 5)."""
        self._left -= cost
        if self._left < 0:
            raise Flaw(f"has more than {MAX_INSTRUCTIONS} pickle instructions, more than any detector needs: refused")

    def push(self, value: object) -> None:
        """Pushes a value onto the stack."""
        self._stack.append(value)

    def mark(self, _: object) -> None:
        """Marks the present height of the stack."""
        self._marks.append(len(self._stack))

    def since_mark(self) -> list[Any]:
        """Pops and returns what was pushed since the last mark."""
        height = self._marks.pop()
        items = self._stack[height:]
        del self._stack[height:]
        return items

    def last(self, count: int) -> tuple[Any, ...]:
        """Pops and returns the last `count` values of the stack."""
        items = tuple(self._stack.pop() for _ in range(count))
        return items[::-1]

    def recall(self, place: int) -> None:
        """Pushes a value from the memo."""
        self._stack.append(self._memo[place])

    def remember(self, place: int | None) -> None:
        """Puts the value on top of the stack into the memo; protocol 4 counts the places itself."""
        self._memo[len(self._memo) if place is None else place] = self._stack[-1]

    def extend(self, items: list[Any]) -> None:
        """Appends to the list on the stack."""
        target = self._stack[-1]
        if type(target) is not list:
            raise Flaw("is damaged: its pickle appends to something that is not a list")
        target.extend(items)

    def set_items(self, items: list[Any]) -> None:
        """Puts keys and values, which come in turn, into the dict on the stack."""
        target = self._stack[-1]
        if type(target) is not dict:
            raise Flaw("is damaged: its pickle sets items of something that is not a dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[hashable(key)] = value

    def name(self, full: str) -> None:
        """Pushes what stands for a name of the vocabulary (case 2)."""
        self._stack.append(known(full))

    def name_of_stack(self, _: object) -> None:
        """Pushes what stands for the name whose module and class are on the stack (case 2)."""
        module, name = self.last(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise Flaw("is damaged: its pickle names a class by something that is not text")
        self.name(f"{module}.{name}")

    def make(self, _: object) -> None:
        """Pushes what the vocabulary makes of a name and its arguments (case 3)."""
        name, args = self.last(2)
        if isinstance(args, tuple):  # they are handed over one by one; a list or a dict of another one copies it
            self._spend(len(args) + sum(len(arg) for arg in args if isinstance(arg, (list, dict, tuple))))
        self._stack.append(make(name, args))

    def build(self, _: object) -> None:
        """Gives the Record on the stack its state (case 4)."""
        [state] = self.last(1)
        target = self._stack[-1]
        if isinstance(state, tuple) and len(state) == 2:  # attributes, and those of __slots__
            state = state[0]
        if isinstance(target, Record):
            target.state = state if isinstance(state, dict) else {}
        elif not isinstance(target, (dict, StoredTensor)):
            what = f"'{shown(target.full)}'" if isinstance(target, Name) else f"a {type(target).__name__}"
            raise Flaw(f"has a pickle that sets attributes of {what}: refused")

    def persistent(self, _: object) -> None:
        """Pushes the storage that the tuple on the stack refers to."""
        [reference] = self.last(1)
        found = storage(reference)
        self.storages.append(found)
        self._stack.append(found)


def _name(source: io.BytesIO) -> str:
    """Module and name, each on a line of its own; pickletools would look for escapes in them."""
    lines = source.readline(), source.readline()
    if not all(line.endswith(b"\n") for line in lines):
        raise ValueError("a name is cut off")
    return ".".join(line[:-1].decode("ascii") for line in lines)


_NAMES = {instruction.code.encode("latin-1"): instruction.name for instruction in pickletools.opcodes}
_ARGUMENTS: dict[str, Callable[[io.BytesIO], Any]] = {
    **{instruction.name: instruction.arg.reader for instruction in pickletools.opcodes if instruction.arg},
    "GLOBAL": _name,
}

Step = Callable[[Pickle, Any], None]

_PUSHED = (
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
)
_STEPS: dict[str, Step] = {
    **dict.fromkeys(("PROTO", "FRAME"), lambda *_: None),
    **dict.fromkeys(_PUSHED, Pickle.push),
    "NONE": lambda pickle, _: pickle.push(None),
    "NEWTRUE": lambda pickle, _: pickle.push(True),
    "NEWFALSE": lambda pickle, _: pickle.push(False),
    "EMPTY_LIST": lambda pickle, _: pickle.push([]),
    "EMPTY_DICT": lambda pickle, _: pickle.push({}),
    "EMPTY_SET": lambda pickle, _: pickle.push([]),
    "EMPTY_TUPLE": lambda pickle, _: pickle.push(()),
    "TUPLE1": lambda pickle, _: pickle.push(pickle.last(1)),
    "TUPLE2": lambda pickle, _: pickle.push(pickle.last(2)),
    "TUPLE3": lambda pickle, _: pickle.push(pickle.last(3)),
    "TUPLE": lambda pickle, _: pickle.push(tuple(pickle.since_mark())),
    "FROZENSET": lambda pickle, _: pickle.push(pickle.since_mark()),
    "MARK": Pickle.mark,
    "APPEND": lambda pickle, _: pickle.extend(list(pickle.last(1))),
    "APPENDS": lambda pickle, _: pickle.extend(pickle.since_mark()),
    "ADDITEMS": lambda pickle, _: pickle.extend(pickle.since_mark()),
    "SETITEM": lambda pickle, _: pickle.set_items(list(pickle.last(2))),
    "SETITEMS": lambda pickle, _: pickle.set_items(pickle.since_mark()),
    "BINGET": Pickle.recall,
    "LONG_BINGET": Pickle.recall,
    "BINPUT": Pickle.remember,
    "LONG_BINPUT": Pickle.remember,
    "MEMOIZE": Pickle.remember,
    "GLOBAL": Pickle.name,
    "STACK_GLOBAL": Pickle.name_of_stack,
    "REDUCE": Pickle.make,
    "NEWOBJ": Pickle.make,
    "BUILD": Pickle.build,
    "BINPERSID": Pickle.persistent,
}
