"""Formulas over named rewards, such as `0.7 * quality + 0.3 * min(length, 1)`: read by a parser, never by Python.

Operators + - * / ^ (power, from the right, before a sign: -2^2 is -4), parentheses, and the functions of `FUNCTIONS`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

FUNCTIONS: dict[str, tuple[Callable[..., float], int | None]] = {  # with the number of arguments, if it is fixed
    "min": (min, None),
    "max": (max, None),
    "abs": (abs, 1),
    "floor": (math.floor, 1),
    "ceil": (math.ceil, 1),
    "exp": (math.exp, 1),
    "sqrt": (math.sqrt, 1),
    "log": (math.log, 1),
}
MAX_DEPTH = 64  # of parentheses, functions, signs and powers
MAX_CHARACTERS = 4096
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)|(?P<sign>[-+*/^(),]))"
)

Names = Mapping[str, float]
Node = Callable[[Names], float]


class Formula(NamedTuple):
    """A formula that was read, and the names in it."""

    value: Node
    names: frozenset[str]


def parse(text: str) -> Formula:
    """Read a formula. `value` raises ArithmeticError or ValueError where it has none, such as 1/0.

    Raises:
        ValueError: it is no formula; the message says where.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"a formula has at most {MAX_CHARACTERS} characters, not {len(text)}")
    parser = _Parser(_tokens(text))
    return Formula(parser.whole(), frozenset(parser.names))


def _tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    end = len(text.rstrip())
    while position < end:
        token = _TOKEN.match(text, position)
        if token is None:
            raise ValueError(f"unexpected {text[position:].lstrip()[0]!r} in the formula; {_advice()}")
        found.append((str(token.lastgroup), token[str(token.lastgroup)]))
        position = token.end()
    return found


def _advice() -> str:
    return f"it takes names of graders, numbers, + - * / ^ ( ) and {', '.join(FUNCTIONS)}"


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens, self._position, self._depth = tokens, 0, 0
        self.names: set[str] = set()

    def whole(self) -> Node:
        node = self._sum()
        if self._position < len(self._tokens):
            raise ValueError(f"unexpected {self._tokens[self._position][1]!r} in the formula; {_advice()}")
        return node

    def _next_is(self, *signs: str) -> str | None:
        """The next token, which is then read, if it is one of these signs."""
        if self._position < len(self._tokens):
            kind, text = self._tokens[self._position]
            if kind == "sign" and text in signs:
                self._position += 1
                return text
        return None

    def _expect(self, sign: str) -> None:
        if self._next_is(sign) is None:
            raise ValueError(f"a {sign!r} is missing in the formula")

    def _sum(self) -> Node:
        return self._chain(self._product, "+", "-")

    def _product(self) -> Node:
        return self._chain(self._signed, "*", "/")

    def _chain(self, operand: Callable[[], Node], *signs: str) -> Node:
        """Operands joined from the left; a flat list, so that a long sum is not a deep one."""
        first, rest = operand(), []
        while sign := self._next_is(*signs):
            rest.append((sign, operand()))
        return _chained(first, rest) if rest else first

    def _signed(self) -> Node:
        sign = self._next_is("+", "-")
        if sign is None:
            return self._power()
        node = self._deeper(self._signed)
        return (lambda names: -node(names)) if sign == "-" else node

    def _power(self) -> Node:
        base = self._atom()
        if self._next_is("^") is None:
            return base
        exponent = self._deeper(self._signed)
        return lambda names: math.pow(base(names), exponent(names))

    def _atom(self) -> Node:
        if self._next_is("("):
            node = self._deeper(self._sum)
            self._expect(")")
            return node
        kind, text = self._tokens[self._position] if self._position < len(self._tokens) else ("end", "")
        if kind == "end":
            raise ValueError(f"the formula ends where a value is expected; {_advice()}")
        if kind == "sign":
            raise ValueError(f"unexpected {text!r} in the formula; {_advice()}")
        self._position += 1
        if kind == "number":
            number = float(text)
            return lambda _: number
        if self._next_is("("):
            return self._call(text)
        self.names.add(text)
        return lambda names: names[text]

    def _call(self, name: str) -> Node:
        if name not in FUNCTIONS:
            raise ValueError(f"unknown function {name!r} in the formula; use one of {', '.join(FUNCTIONS)}")
        arguments = [self._deeper(self._sum)]
        while self._next_is(","):
            arguments.append(self._deeper(self._sum))
        self._expect(")")
        function, count = FUNCTIONS[name]
        if count is not None and len(arguments) != count:
            raise ValueError(f"{name} takes one argument, not {len(arguments)}")
        if count is None and len(arguments) == 1:
            return arguments[0]
        return lambda names: float(function(*(argument(names) for argument in arguments)))

    def _deeper(self, read: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError(f"the formula is nested more than {MAX_DEPTH} levels deep")
        node = read()
        self._depth -= 1
        return node


def _chained(first: Node, rest: list[tuple[str, Node]]) -> Node:
    def value(names: Names) -> float:
        found = first(names)
        for sign, operand in rest:
            right = operand(names)
            if sign == "+":
                found += right
            elif sign == "-":
                found -= right
            elif sign == "*":
                found *= right
            else:
                found /= right
        return found

    return value
