"""Constant expressions of the sources (`.if`, `.rept`, `.set`): integers, names, C's operators, 64 bits."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping

_NUMBER = re.compile(r"0x[0-9a-fA-F]+|[0-9]")
_BINARY: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.LShift: lambda a, b: a << (b & 0x3F),
    ast.RShift: lambda a, b: a >> (b & 0x3F),
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_COMPARE: dict[type[ast.cmpop], Callable[[int, int], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_UNARY: dict[type[ast.unaryop], Callable[[int], int]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Not: lambda a: int(not a),
}


def evaluate(text: str, names: Mapping[str, int]) -> int:
    """The value of a constant expression.

    Raises:
        ValueError: it is not one; the message says what is wrong with it.
        KeyError: it uses a name that is not in `names` (a label, perhaps).
    """
    if _NUMBER.fullmatch(text):
        return int(text, 16) if "x" in text else int(text)
    source = text.replace("&&", " and ").replace("||", " or ").replace("/", "//")
    source = re.sub(r"!(?!=)", " not ", source)
    source = re.sub(r"(?<![\w.])\.(L\w+)", r"_dot_\1", source)
    try:
        tree = ast.parse(source.strip(), mode="eval")
        value = _value(tree.body, names)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"'{text}' is not a constant expression") from error
    except ZeroDivisionError as error:
        raise ValueError(f"'{text}' divides by zero") from error
    return value


def _value(node: ast.expr, names: Mapping[str, int]) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return int(node.value)
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _wrap(_BINARY[type(node.op)](_value(node.left, names), _value(node.right, names)))
    if isinstance(node, ast.UnaryOp):
        return _wrap(_UNARY[type(node.op)](_value(node.operand, names)))
    if isinstance(node, ast.BoolOp):
        values = [bool(_value(value, names)) for value in node.values]
        return int(all(values) if isinstance(node.op, ast.And) else any(values))
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARE:
        return int(_COMPARE[type(node.ops[0])](_value(node.left, names), _value(node.comparators[0], names)))
    raise SyntaxError("not an integer expression")


def _wrap(value: int) -> int:
    """Keep 64 bits, unsigned where the value needs the top bit and is not negative."""
    if value < 0:
        return value if value >= -(1 << 63) else value & 0xFFFF_FFFF_FFFF_FFFF
    return value & 0xFFFF_FFFF_FFFF_FFFF
