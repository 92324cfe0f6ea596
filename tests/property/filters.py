"""SQL/JSON paths that the model evaluates itself: the part of PostgreSQL's jsonpath that generated filters are made of.

A path gives a list of items or fails (PathError); a predicate is True, False or None (unknown).  In lax mode, which is
the default, an array met where an object is expected stands for its elements, a single item met where an array is
expected stands for an array of one, and a key that is missing gives nothing.  In strict mode each of these fails.
A predicate whose operand fails is unknown, as is a comparison of, say, a text with a number; with null only != holds.
"""

from __future__ import annotations

import json
import re
from typing import Any, Optional


class PathError(Exception):
    pass


def type_of(item: Any) -> str:
    for python, name in ((dict, "object"), (list, "array"), (bool, "boolean"), (str, "string"), ((int, float), "number")):
        if isinstance(item, python):
            return name
    return "null"


def unwrapped(items: list, lax: bool) -> list:
    """Arrays give way to their elements, one level deep."""
    if not lax:
        return items
    found = []
    for item in items:
        found += item if isinstance(item, list) else [item]
    return found


# --- paths ----------------------------------------------------------------


class Value:
    """A number, text, true, false or null."""

    def __init__(self, value: Any):
        self.value = value

    def __str__(self) -> str:
        return json.dumps(self.value, ensure_ascii=False)

    def items(self, root: Any, current: Any, lax: bool) -> list:
        return [self.value]


class Path:
    """From the document ($) or the item that a filter looks at (@), step by step."""

    def __init__(self, *steps: "Step", start: str = "$"):
        self.steps, self.start = steps, start

    def __str__(self) -> str:
        return self.start + "".join(map(str, self.steps))

    def items(self, root: Any, current: Any, lax: bool) -> list:
        found = [root if self.start == "$" else current]
        for step in self.steps:
            found = [result for item in found for result in step.of(item, root, lax)]
        return found


class Step:
    def of(self, item: Any, root: Any, lax: bool) -> list:
        raise NotImplementedError


class Key(Step):
    def __init__(self, name: str):
        self.name = name

    def __str__(self) -> str:
        return "." + (self.name if re.fullmatch(r"[a-z_]+", self.name) else json.dumps(self.name, ensure_ascii=False))

    def of(self, item: Any, root: Any, lax: bool) -> list:
        found = []
        for one in unwrapped([item], lax):
            if isinstance(one, dict) and self.name in one:
                found.append(one[self.name])
            elif not lax:
                raise PathError
        return found


class Elements(Step):
    """[*], or one of them by its number."""

    def __init__(self, number: Optional[int] = None):
        self.number = number

    def __str__(self) -> str:
        return f"[{'*' if self.number is None else self.number}]"

    def of(self, item: Any, root: Any, lax: bool) -> list:
        if not isinstance(item, list):
            if not lax:
                raise PathError
            item = [item]
        if self.number is None:
            return item
        if self.number >= len(item) and not lax:
            raise PathError
        return item[self.number : self.number + 1]


class Where(Step):
    """? (predicate): the items for which it is true."""

    def __init__(self, predicate: "Predicate"):
        self.predicate = predicate

    def __str__(self) -> str:
        return f" ? ({self.predicate})"

    def of(self, item: Any, root: Any, lax: bool) -> list:
        return [one for one in unwrapped([item], lax) if self.predicate.truth(root, one, lax) is True]


class Method(Step):
    """.size(), .type() or .double()"""

    def __init__(self, name: str):
        self.name = name

    def __str__(self) -> str:
        return f".{self.name}()"

    def of(self, item: Any, root: Any, lax: bool) -> list:
        if self.name == "type":
            return [type_of(item)]
        if self.name == "size":
            if not isinstance(item, list) and not lax:
                raise PathError
            return [len(item) if isinstance(item, list) else 1]
        found = []
        for one in unwrapped([item], lax):
            if type_of(one) not in ("number", "string"):
                raise PathError
            try:
                found.append(float(one))
            except ValueError:
                raise PathError from None
        return found


class Sum:
    """A path and a number added up: both sides must be one number."""

    def __init__(self, path: Path, number: int):
        self.path, self.number = path, number

    def __str__(self) -> str:
        return f"{self.path} + {self.number}"

    def items(self, root: Any, current: Any, lax: bool) -> list:
        found = unwrapped(self.path.items(root, current, lax), lax)
        if len(found) != 1 or type_of(found[0]) != "number":
            raise PathError
        return [found[0] + self.number]


# --- predicates -----------------------------------------------------------


class Predicate:
    def truth(self, root: Any, current: Any, lax: bool) -> Optional[bool]:
        raise NotImplementedError


def any_of(verdicts: list[Optional[bool]], lax: bool) -> Optional[bool]:
    """Of several items: in lax mode one true one is enough, in strict mode one unknown one spoils it."""
    if not lax and None in verdicts:
        return None
    if True in verdicts:
        return True
    return None if None in verdicts else False


class Comparison(Predicate):
    def __init__(self, left: Any, operator: str, right: Any):
        self.left, self.operator, self.right = left, operator, right

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"

    def truth(self, root: Any, current: Any, lax: bool) -> Optional[bool]:
        try:
            left = unwrapped(self.left.items(root, current, lax), lax)
            right = unwrapped(self.right.items(root, current, lax), lax)
        except PathError:
            return None
        return any_of([self.compare(a, b) for a in left for b in right], lax)

    def compare(self, left: Any, right: Any) -> Optional[bool]:
        types = type_of(left), type_of(right)
        if types[0] != types[1]:
            return self.operator == "!=" if "null" in types else None
        if types[0] in ("object", "array"):
            return None
        if types[0] == "null":
            left = right = 0
        return {
            "==": left == right,
            "!=": left != right,
            "<": left < right,
            "<=": left <= right,
            ">": left > right,
            ">=": left >= right,
        }[self.operator]


class Like(Predicate):
    """like_regex with an optional flag i, or starts with."""

    def __init__(self, path: Path, pattern: str, flag: str = "", starts: bool = False):
        self.path, self.pattern, self.flag, self.starts = path, pattern, flag, starts

    def __str__(self) -> str:
        pattern = json.dumps(self.pattern, ensure_ascii=False)
        if self.starts:
            return f"{self.path} starts with {pattern}"
        return f"{self.path} like_regex {pattern}" + (f' flag "{self.flag}"' if self.flag else "")

    def truth(self, root: Any, current: Any, lax: bool) -> Optional[bool]:
        try:
            found = unwrapped(self.path.items(root, current, lax), lax)
        except PathError:
            return None
        return any_of([self.test(item) for item in found], lax)

    def test(self, item: Any) -> Optional[bool]:
        if not isinstance(item, str):
            return None
        if self.starts:
            return item.startswith(self.pattern)
        return re.search(self.pattern, item, re.IGNORECASE if self.flag == "i" else 0) is not None


class Exists(Predicate):
    def __init__(self, path: Path):
        self.path = path

    def __str__(self) -> str:
        return f"exists({self.path})"

    def truth(self, root: Any, current: Any, lax: bool) -> Optional[bool]:
        try:
            return bool(self.path.items(root, current, lax))
        except PathError:
            return None


class And(Predicate):
    def __init__(self, *parts: Predicate):
        self.parts = parts

    def __str__(self) -> str:
        return " && ".join(f"({part})" for part in self.parts)

    def truth(self, root: Any, current: Any, lax: bool) -> Optional[bool]:
        verdicts = [part.truth(root, current, lax) for part in self.parts]
        if False in verdicts:
            return False
        return None if None in verdicts else True


class Or(Predicate):
    def __init__(self, *parts: Predicate):
        self.parts = parts

    def __str__(self) -> str:
        return " || ".join(f"({part})" for part in self.parts)

    def truth(self, root: Any, current: Any, lax: bool) -> Optional[bool]:
        verdicts = [part.truth(root, current, lax) for part in self.parts]
        if True in verdicts:
            return True
        return None if None in verdicts else False


class Not(Predicate):
    def __init__(self, part: Predicate):
        self.part = part

    def __str__(self) -> str:
        return f"!({self.part})"

    def truth(self, root: Any, current: Any, lax: bool) -> Optional[bool]:
        verdict = self.part.truth(root, current, lax)
        return None if verdict is None else not verdict


class IsUnknown(Predicate):
    def __init__(self, part: Predicate):
        self.part = part

    def __str__(self) -> str:
        return f"({self.part}) is unknown"

    def truth(self, root: Any, current: Any, lax: bool) -> Optional[bool]:
        return self.part.truth(root, current, lax) is None


# --- a filter -------------------------------------------------------------


class Filter:
    """A whole path as a rule has it."""

    def __init__(self, predicate: Predicate, lax: bool = True):
        self.predicate, self.lax = predicate, lax

    def __str__(self) -> str:
        return ("" if self.lax else "strict ") + str(self.predicate)

    def __repr__(self) -> str:
        return repr(str(self))

    def holds(self, attributes: Optional[dict]) -> bool:
        document = {} if attributes is None else attributes
        return self.predicate.truth(document, document, self.lax) is True
