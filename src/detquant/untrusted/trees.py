"""JSON and YAML of anyone: parsed within bounds, and everything that goes wrong is one kind of error.

Parsers of Python fail in many ways on hostile text: nesting runs out of the stack, integers of thousands of digits and
dates of the thirteenth month are errors of their own kinds, and YAML's aliases let ten lines stand for a billion
entries. Here a YAML text may nest `DEEPEST` levels, have no more than `MOST_NODES` nodes with its aliases written out,
name no key twice, and make nothing but plain values.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Collection, Hashable
from typing import Any

import yaml

from detquant.untrusted.shown import one_line, shown

DEEPEST = 50
MOST_NODES = 200_000

_TIMESTAMP = "tag:yaml.org,2002:timestamp"


def parse_json(text: str, once: Collection[str] = ()) -> Any:
    """The value of a JSON text.

    Args:
        text: text of the file.
        once: keys that the outermost object may have once only: of a key that stands there twice, the first value would
            be lost without a word.

    Raises:
        ValueError: it is not one, nests too deeply, has a number too long or a key twice; a sentence without its full
            stop.
    """
    try:
        return _with_keys_once(text, once) if once else json.loads(text)
    except RecursionError:
        raise ValueError("it nests too deeply") from None
    except ValueError as error:
        raise ValueError(_in_words(error)) from error


def _with_keys_once(text: str, once: Collection[str]) -> Any:
    """Parses as `json.loads` does; a key of `once` that the outermost object has twice is refused.

    Objects are closed from the inside out, so what was found last is of the outermost.
    """
    twice: list[str] = []

    def closed(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs) or twice:
            times = Counter(key for key, _ in pairs)
            twice[:] = [key for key in once if times[key] > 1]
        return found

    value = json.loads(text, object_pairs_hook=closed)
    if isinstance(value, dict) and twice:
        raise ValueError(f"the key {shown(twice[0])} stands there twice, and only one of them can be meant")
    return value


def parse_yaml(text: str) -> Any:
    """The value of a YAML text: dicts, lists, texts, numbers, booleans and None; dates are texts.

    Raises:
        ValueError: it is not one, or goes beyond the bounds; a sentence without its full stop.
    """
    try:
        return yaml.load(text, Loader=_Bounded)
    except RecursionError:
        raise ValueError("it nests too deeply") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" in line {mark.line + 1}" if mark else ""
        raise ValueError(one_line(f"{error.problem or error.context}{where}", 160)) from error
    # What constructors of YAML's own kinds raise: a date or a number that is none, a tag on what it does not fit.
    except (yaml.YAMLError, ValueError, ArithmeticError, LookupError, AttributeError, TypeError) as error:
        raise ValueError(_in_words(error)) from error


def _in_words(error: Exception) -> str:
    """The message of a parser, but for `int`, which refuses thousands of digits in words for programmers."""
    if "set_int_max_str_digits" in str(error):
        return f"it has a number of more than {sys.get_int_max_str_digits()} digits"
    return one_line(str(error), 160) or type(error).__name__


class _Bounded(yaml.SafeLoader):
    """Counts nodes while they are composed, an alias as all that it stands for."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0
        self._nodes = 0
        self._sizes: dict[str, int | None] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            size = self._sizes.get(str(event.anchor), 0)
            if size is None:
                raise _refusal(f"'*{one_line(str(event.anchor), 30)}' stands for itself", event)
            self._count(size, event)
            return super().compose_node(parent, index)
        before, anchor = self._nodes, getattr(event, "anchor", None)
        self._count(1, event)
        if anchor is not None:
            self._sizes[anchor] = None
        self._depth += 1
        if self._depth > DEEPEST:
            raise _refusal("it nests too deeply", event)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if anchor is not None:
            self._sizes[anchor] = self._nodes - before
        return node

    def _count(self, nodes: int, event: yaml.Event) -> None:
        self._nodes += nodes
        if self._nodes > MOST_NODES:
            problem = f"it has more than {MOST_NODES} entries, those that its aliases repeat among them"
            raise _refusal(problem, event)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        if isinstance(node, yaml.MappingNode):
            self._check_keys(node)
        return super().construct_mapping(node, deep)

    def _check_keys(self, node: yaml.MappingNode) -> None:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if (key.tag, key.value) in seen:
                    raise _refusal(f"the key {shown(key.value)} stands there twice", key)
                seen.add((key.tag, key.value))


def _refusal(problem: str, place: yaml.Event | yaml.Node) -> ValueError:
    mark = place.start_mark
    return ValueError(f"{problem} in line {mark.line + 1}" if mark else problem)


def _as_text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Bounded.add_constructor(_TIMESTAMP, _as_text)
