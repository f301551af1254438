"""Sentences for the instructions that compute: each says what it starts from and what comes out."""

from __future__ import annotations

from collections.abc import Callable

from simkernel.sim.narrate.operands import Instant, Operand, mask, number, signed

Saying = Callable[[Instant], str]
_FLAG_CARRY = 1


def _changed(i: Instant, target: Operand, verb: str, result: int | None) -> str:
    """As in "<verb> RAX: 0x1 becomes 0x6"."""
    before = i.value(target, i.size)
    if before is None or result is None:
        return f"{verb} {i.name(target)}, which is unreadable"
    return f"{verb} {i.name(target)}: {number(before)} becomes {number(result & mask(i.size))}"


def _binary(verb: str, compute: Callable[[int, int, int], int]) -> Saying:
    """`verb` with "{}" for the source's value; `compute(target, source, carry)`."""

    def sentence(i: Instant) -> str:
        source, target = i.operands
        a, b = i.value(target, i.size), i.value(source, i.size)
        result = None if a is None or b is None else compute(a, b, i.registers["eflags"] & _FLAG_CARRY)
        shown = number(b) if source.kind == "imm" else i.holds(source, i.size)
        return _changed(i, target, verb.format(shown), result)

    return sentence


def _unary(verb: str, compute: Callable[[int], int]) -> Saying:
    def sentence(i: Instant) -> str:
        (target,) = i.operands
        value = i.value(target, i.size)
        return _changed(i, target, verb, None if value is None else compute(value))

    return sentence


def _swap_bytes(i: Instant) -> str:
    (target,) = i.operands
    value = i.value(target, i.size) or 0
    return _changed(i, target, "turns the byte order of", int.from_bytes(value.to_bytes(i.size, "little"), "big"))


def _xor(i: Instant) -> str:
    source, target = i.operands
    if source == target and source.kind == "reg":
        return f"sets {i.name(target)} to 0x0; it was {number(i.value(target))}"
    return _binary("flips the bits {} of", lambda a, b, _: a ^ b)(i)


def _shift(verb: str, way: str, compute: Callable[[int, int, int], int]) -> Saying:
    """`compute(value, count, bits)`."""

    def sentence(i: Instant) -> str:
        target = i.operands[-1]
        size = target.size or i.size
        count = 1 if len(i.operands) == 1 else (i.value(i.operands[0], 1) or 0)
        count &= 63 if size == 8 else 31
        value = i.value(target, size)
        if value is None:
            return f"{verb} {i.name(target)} {way} by {count}, which is unreadable"
        result = compute(value, count, 8 * size) & mask(size)
        return f"{verb} {i.name(target)} {way} by {count}: {number(value)} becomes {number(result)}"

    return sentence


def _rotate(left: bool) -> Callable[[int, int, int], int]:
    def compute(value: int, count: int, bits: int) -> int:
        count = count % bits if left else -count % bits
        return value << count | value >> (bits - count)

    return compute


def _shift_double(left: bool) -> Saying:
    """SHLD and SHRD: bits of a second register come in."""

    def sentence(i: Instant) -> str:
        *_, source, target = i.operands
        size = target.size or i.size
        bits = 8 * size
        count = (i.value(i.operands[0], 1) or 0) & (63 if size == 8 else 31) if len(i.operands) == 3 else 1
        value, more = i.value(target, size), i.value(source, size)
        if value is None or more is None:
            return f"shifts {i.name(target)} by {count}, which is unreadable"
        wide = value << bits | more if left else more << bits | value
        result = (wide << count >> bits if left else wide >> count) & mask(size)
        way = f"{'left' if left else 'right'} by {count}, with {i.holds(source, size)} behind it"
        return f"shifts {i.name(target)} {way}: {number(value)} becomes {number(result)}"

    return sentence


def _compare(i: Instant) -> str:
    source, target = i.operands
    a, b = i.value(target, i.size), i.value(source, i.size)
    if a is None or b is None:
        return f"compares {i.name(target)} with {i.name(source)}, which is unreadable"
    verdict = "equal" if a == b else "below" if a < b else "above"
    return f"compares {i.holds(target, i.size)} with {i.holds(source, i.size)}: {verdict}"


def _test(i: Instant) -> str:
    source, target = i.operands
    if source == target:
        value = i.value(target)
        return f"tests {i.holds(target)}: {'zero' if value == 0 else 'not zero'}"
    a, b = i.value(target, i.size), i.value(source, i.size)
    common = None if a is None or b is None else a & b
    return f"tests the bits {number(b)} of {i.holds(target, i.size)}: {number(common)} of them are set"


def _exchange(i: Instant) -> str:
    source, target = i.operands
    a, b = i.holds(source, i.size), i.holds(target, i.size)
    return f"exchanges {a} with {b}, atomically"


def _exchange_add(i: Instant) -> str:
    source, target = i.operands
    add, before = i.value(source, i.size), i.value(target, i.size)
    total = None if add is None or before is None else add + before & mask(i.size)
    change = f"{number(before)} becomes {number(total)}"
    return f"adds {number(add)} to {i.name(target)}: {change}; {i.name(source)} gets {number(before)}"


def _compare_exchange(i: Instant) -> str:
    source, target = i.operands
    expected, found, new = i.register("rax") & mask(i.size), i.value(target, i.size), i.value(source, i.size)
    if found == expected:
        return f"finds the expected {number(found)} in {i.name(target)} and writes {number(new)} there, atomically"
    return f"expects {number(expected)} in {i.name(target)} but finds {number(found)}: RAX takes that"


def _multiply(is_signed: bool) -> Saying:
    def sentence(i: Instant) -> str:
        *factors, last = i.operands
        if not factors:
            value, other = i.register("rax") & mask(i.size), i.value(last, i.size)
            if other is None:
                return f"multiplies RAX by {i.name(last)}, which is unreadable"
            a, b = (signed(value, i.size), signed(other, i.size)) if is_signed else (value, other)
            product = a * b & (1 << 16 * i.size) - 1
            high, low = product >> 8 * i.size, product & mask(i.size)
            return f"multiplies {number(value)} by {i.holds(last, i.size)}: {number(low)} in RAX, {number(high)} in RDX"
        values = [i.value(factor, i.size) for factor in ([*factors, last] if len(factors) == 1 else factors)]
        if None in values:
            return f"multiplies {i.name(last)} by an unreadable value"
        a, b = (value or 0 for value in values)
        return f"multiplies {number(b)} by {number(a)}: {i.name(last)} becomes {number(a * b & mask(i.size))}"

    return sentence


def _divide(i: Instant) -> str:
    (operand,) = i.operands
    divisor = i.value(operand, i.size)
    high = i.register("rdx") & mask(i.size)
    dividend = high << 8 * i.size | i.register("rax") & mask(i.size)
    if not divisor:
        return f"divides {number(dividend)} by {i.holds(operand, i.size)}: a divide error"
    if i.mnemonic.startswith("idiv"):
        a, b = signed(dividend, 2 * i.size), signed(divisor, i.size)
        quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        rest = a - quotient * b
    else:
        quotient, rest = divmod(dividend, divisor)
    shown = f"{number(quotient & mask(i.size))} in RAX, the rest {number(rest & mask(i.size))} in RDX"
    return f"divides {number(dividend)} by {i.holds(operand, i.size)}: {shown}"


_BIT_RESULT: dict[str, tuple[str, Callable[[int, int], int]]] = {
    "bt": ("reads", lambda value, bit: value),
    "bts": ("sets", lambda value, bit: value | bit),
    "btr": ("clears", lambda value, bit: value & ~bit),
    "btc": ("flips", lambda value, bit: value ^ bit),
}


def _bit(family: str) -> Saying:
    verb, compute = _BIT_RESULT[family]

    def sentence(i: Instant) -> str:
        index, target = i.operands
        size = target.size or i.size
        at = (i.value(index, size) or 0) % (8 * size) if target.kind == "reg" else i.value(index, size) or 0
        value = i.value(target, size)
        if value is None or at >= 8 * size:
            return f"{verb} bit {at} of {i.name(target)}"
        now = value >> at & 1
        after = compute(value, 1 << at)
        change = "" if family == "bt" else f": {number(value)} becomes {number(after)}"
        return f"{verb} bit {at} of {i.name(target)}, which was {now}{change}"

    return sentence


def _scan(forward: bool, what: str) -> Saying:
    def sentence(i: Instant) -> str:
        source, target = i.operands
        value = i.value(source, i.size)
        if not value:
            return f"looks for the {what} bit of {i.holds(source, i.size)}: there is none"
        at = (value & -value).bit_length() - 1 if forward else value.bit_length() - 1
        return f"looks for the {what} bit of {i.holds(source, i.size)}: {number(at)} into {i.name(target)}"

    return sentence


def _widen(source: str, target: str, bits: int) -> Saying:
    """The sign of a register kept in a wider one (cltq), or spread over RDX (cqto)."""

    def sentence(i: Instant) -> str:
        value = i.register(source)
        size = bits // 8
        wide = signed(value, size) & mask(8 if target == "rax" else 4)
        return f"widens {source.upper()}'s {number(value)} with its sign: {target.upper()} becomes {number(wide)}"

    return sentence


def _spread(source: str, target: str, size: int) -> Saying:
    def sentence(i: Instant) -> str:
        value = i.register(source)
        spread = mask(size) if value >> (8 * size - 1) else 0
        return f"spreads the sign of {source.upper()}'s {number(value)}: {target.upper()} becomes {number(spread)}"

    return sentence


TABLE: dict[str, Saying] = {
    "add": _binary("adds {} to", lambda a, b, _: a + b),
    "adc": _binary("adds {} and the carry to", lambda a, b, carry: a + b + carry),
    "sub": _binary("subtracts {} from", lambda a, b, _: a - b),
    "sbb": _binary("subtracts {} and the borrow from", lambda a, b, carry: a - b - carry),
    "and": _binary("keeps only the bits {} of", lambda a, b, _: a & b),
    "or": _binary("sets the bits {} of", lambda a, b, _: a | b),
    "xor": _xor,
    "inc": _unary("adds 1 to", lambda a: a + 1),
    "dec": _unary("subtracts 1 from", lambda a: a - 1),
    "neg": _unary("changes the sign of", lambda a: -a),
    "not": _unary("flips every bit of", lambda a: ~a),
    "bswap": _swap_bytes,
    "shl": _shift("shifts", "left", lambda a, n, _: a << n),
    "sal": _shift("shifts", "left", lambda a, n, _: a << n),
    "shr": _shift("shifts", "right", lambda a, n, _: a >> n),
    "sar": _shift("shifts", "right, with its sign kept,", lambda a, n, bits: signed(a, bits // 8) >> n),
    "shld": _shift_double(True),
    "shrd": _shift_double(False),
    "rol": _shift("rotates", "left", _rotate(True)),
    "ror": _shift("rotates", "right", _rotate(False)),
    "cmp": _compare,
    "test": _test,
    "xchg": _exchange,
    "xadd": _exchange_add,
    "cmpxchg": _compare_exchange,
    "mul": _multiply(False),
    "imul": _multiply(True),
    "div": _divide,
    "idiv": _divide,
    "bt": _bit("bt"),
    "bts": _bit("bts"),
    "btr": _bit("btr"),
    "btc": _bit("btc"),
    "bsf": _scan(True, "lowest set"),
    "tzcnt": _scan(True, "lowest set"),
    "bsr": _scan(False, "highest set"),
    "cltq": _widen("eax", "rax", 32),
    "cwtl": _widen("ax", "eax", 16),
    "cqto": _spread("rax", "rdx", 8),
    "cltd": _spread("eax", "edx", 4),
}
