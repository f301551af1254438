r"""Macros, repeats and conditions, expanded in Python: Keystone sees labels, data and instructions only.

What GNU as calls `.macro`, `.rept`, `.irp`, `.if`, `.set`, with `\arg`, `\()`, `\@`, `arg=default`, `:req`,
`:vararg`, and the labels `1:` with `1b` and `1f`. Doing it here gives each statement its place in the source, lets
names of constants stand for their values (so that a constant can never be taken for a label), and bounds the output
before any C code sees it.

The pairs SYM_FUNC_START.. / SYM_FUNC_END and their CODE and DATA twins are macros of `guest/macros.S`, and so are the
names of places inside, SYM_INNER_LABEL and HOST_LABEL; the expander reports each use as a `SymbolMark`, from which
`link.py` makes symbols, sizes and the list of sites.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from simkernel.asm import words
from simkernel.asm.expression import evaluate
from simkernel.asm.faults import Faults, Unfinished
from simkernel.asm.operands import split_operands
from simkernel.asm.source import NAME, STRING, Statement

MAX_STATEMENTS = 30_000
MAX_DEPTH = 16
MAX_COMPARED = 2000  # names that a wrong one is held against
MAX_LINE = 1000

START = re.compile(r"SYM_(FUNC|CODE|DATA)_START\w*$")
END = re.compile(r"SYM_(FUNC|CODE|DATA)_END$")
PLACE = {"SYM_INNER_LABEL": "INNER", "HOST_LABEL": "HOST"}
GLOBAL = "SYM_L_GLOBAL"
LABEL_NAME = re.compile(r"[A-Za-z_.][\w.]*|[0-9]+")
# How directives begin that have an end of their own; `.irpc` and `.ifeq` are among them, though they are refused.
_MACRO, _REPEATS, _IF = ".macro", (".rept", ".irp"), ".if"
SETS = (".set", ".equ", ".equiv")
_ASSIGNMENT = re.compile(r"[\w.]+\s*=(?!=)")


@dataclass(frozen=True, slots=True)
class SymbolMark:
    """A use of SYM_*_START or SYM_*_END at this place: the object `name` begins (after its alignment) or ends.

    Or one of SYM_INNER_LABEL or HOST_LABEL: the place `name` inside an object. `shared`: other files of Linux know it.
    """

    start: bool
    kind: str  # FUNC, CODE or DATA; INNER or HOST
    name: str
    traced: bool
    shared: bool
    at: Statement


Item = Statement | SymbolMark


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    default: str = ""
    required: bool = False
    rest: bool = False


@dataclass(frozen=True, slots=True)
class _Macro:
    name: str
    parameters: tuple[_Parameter, ...]
    body: tuple[Statement, ...]
    at: Statement


@dataclass
class Expander:
    """Expands statements; `names` (constants) and macros live on from file to file.

    `broken`: macros whose definition is wrong; their uses are not judged. `aliases`: names that `.set` gives to labels
    plus or minus something, as text. `places`: the labels that stand for a `.` in them.
    """

    names: dict[str, int]
    faults: Faults
    macros: dict[str, _Macro] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    aliases: dict[str, str] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    uses: int = 0
    count: int = 0

    def expand(self, statements: Sequence[Statement], depth: int = 0) -> Iterator[Item]:
        """Yield what is left for the assembler, with every constant replaced by its value.

        A wrong statement is gathered in `faults` and left out.

        Raises:
            Unfinished: a block has no end, or the whole goes beyond a bound.
        """
        i = 0
        while i < len(statements):
            statement = statements[i]
            behind, block = self._extent(statements, i)
            with self.faults.gathering():
                if statement.head.startswith(_IF):
                    yield from self.expand(self._condition(block), depth)
                elif statement.head == _MACRO:
                    self._define(block)
                elif statement.head.startswith(_REPEATS):
                    yield from self._repeat(statement, block[1:], depth)
                else:
                    yield from self._one(statement, depth)
            i = behind

    def _extent(self, statements: Sequence[Statement], i: int) -> tuple[int, Sequence[Statement]]:
        """Where the block that begins at `i` is over, and the block without its last statement."""
        head = statements[i].head
        for opens, closes in (_MACRO, ".endm"), (_REPEATS, ".endr"), (_IF, ".endif"):
            if head.startswith(opens):
                end = _block_end(statements, i, opens, closes)
                return end + 1, statements[i:end]
        return i + 1, statements[i : i + 1]

    def _one(self, statement: Statement, depth: int) -> Iterator[Item]:
        head = statement.head if statement.head in self.macros else words.synonym(statement.head)
        if head != statement.head:
            statement = replace(statement, text=f"{head} {statement.operands}".strip())
        if head in (".endm", ".endr", ".endif", ".else", ".elseif"):
            raise statement.error(f"{head} without its beginning")
        if head in SETS or _ASSIGNMENT.match(statement.text):
            yield from self._set(statement)
        elif head in self.macros:
            yield from self._use(self.macros[head], statement, depth)
        elif head not in self.broken:
            yield from self._plain(statement)

    def _plain(self, statement: Statement) -> Iterator[Statement]:
        self._counted(statement)
        if statement.text.endswith(":"):
            name = statement.text[:-1].strip()
            if not LABEL_NAME.fullmatch(name):
                raise statement.error(f"'{name}' cannot be a name: one has letters, digits, _ and . only")
            yield statement
            return
        head = statement.head
        if words.means_nothing(head):
            return
        if re.fullmatch(r"[A-Z][A-Z0-9_]+", head):
            hint = words.of_linux(head) or ("" if self.faults.full else nearest(head, set(self.macros)))
            raise statement.error(f"unknown macro '{head}'{hint}")
        text = head
        if statement.operands:
            text += " " + substitute(statement.operands, self.names, self.aliases)
        yield replace(statement, text=text)

    def _counted(self, statement: Statement) -> None:
        self.count += 1
        if self.count > MAX_STATEMENTS:
            raise Unfinished(
                statement.file, statement.line, f"this kernel expands to more than {MAX_STATEMENTS} statements"
            )

    def _set(self, statement: Statement) -> Iterator[Statement]:
        name, _, value = (part.strip() for part in statement.operands.partition(","))
        if statement.head not in SETS:
            name, _, value = (part.strip() for part in statement.text.partition("="))
        if name == ".":
            raise statement.error("the place cannot be set: write .zero or .fill for room")
        if not re.fullmatch(r"[A-Za-z_.]\w*", name) or not value:
            raise statement.error(".set takes a name and a value")
        self.aliases.pop(name, None)
        try:
            self.names[name] = evaluate(value, self.names)
        except ValueError as error:
            self.names.setdefault(name, 0)  # so that its uses are not called wrong too
            raise statement.error(str(error)) from error
        except KeyError:  # of labels: `len = . - text`
            self.names.pop(name, None)
            place = f".Lplace_{len(self.places)}"
            text = substitute(value, self.names | {".": place}, self.aliases)
            if len(text) > MAX_LINE:
                self.names[name] = 0
                raise statement.error(f"'{name}' stands for more than {MAX_LINE} characters") from None
            if "." in NAME.findall(value):
                self.places.append(place)
                yield replace(statement, text=f"{place}:")
            self.aliases[name] = f"({text})"

    def _evaluate(self, statement: Statement, text: str) -> int:
        try:
            return evaluate(text, self.names)
        except ValueError as error:
            raise statement.error(str(error)) from error
        except KeyError as error:
            name = str(error.args[0])
            near = nearest(name, self.names)
            raise statement.error(f"'{name}' is not a constant{near}; a label has no value here") from error

    def _define(self, block: Sequence[Statement]) -> None:
        at = block[0]
        name, _, rest = re.sub(r"\s*,\s*", " ", at.operands).partition(" ")
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise at.error(".macro needs a name")
        if name in self.macros:
            first = self.macros[name].at
            raise at.error(f"macro '{name}' exists already: {first.file}:{first.line}")
        self.broken.add(name)
        parameters = []
        for word in rest.split():
            match = re.fullmatch(r"(\w+)(?::(req|vararg))?(?:=(.*))?", word)
            if not match:
                raise at.error(f"'{word}' is not a macro parameter")
            flag = match.group(2)
            parameters.append(_Parameter(match.group(1), match.group(3) or "", flag == "req", flag == "vararg"))
        self.broken.remove(name)
        self.macros[name] = _Macro(name, tuple(parameters), tuple(block[1:]), at)

    def _use(self, macro: _Macro, at: Statement, depth: int) -> Iterator[Item]:
        if depth >= MAX_DEPTH:
            raise _too_deep(at, "macros")
        values = self._arguments(macro, at)
        self.uses += 1
        body = [self._fill(line, values, at, macro.name) for line in macro.body]
        start, end = START.match(macro.name), END.match(macro.name)
        object_name = values[macro.parameters[0].name] if macro.parameters else ""
        if (start or end or macro.name in PLACE) and not re.fullmatch(r"[A-Za-z_][\w.]*", object_name):
            raise at.error(f"{macro.name} takes a name, and '{object_name}' cannot be one")
        if end:
            yield SymbolMark(False, end.group(1), object_name, False, False, at)
        if start:
            traced = start.group(1) == "FUNC" and "NOTRACE" not in macro.name
            yield SymbolMark(True, start.group(1), object_name, traced, not macro.name.endswith("_LOCAL"), at)
        if macro.name in PLACE:
            yield SymbolMark(True, PLACE[macro.name], object_name, False, GLOBAL in values.values(), at)
        yield from self.expand(body, depth + 1)

    def _arguments(self, macro: _Macro, at: Statement) -> dict[str, str]:
        given = split_operands(at.operands)
        values = {p.name: p.default for p in macro.parameters}
        for i, parameter in enumerate(macro.parameters):
            if parameter.rest:
                values[parameter.name] = ", ".join(given[i:])
                given = given[:i]
            elif i < len(given) and given[i]:
                values[parameter.name] = given[i]
            elif not parameter.default and (parameter.required or i == 0):
                raise at.error(f"{macro.name} needs its argument '{parameter.name}'")
        if len(given) > len(macro.parameters):
            raise at.error(f"{macro.name} takes {len(macro.parameters)} arguments, here are {len(given)}")
        return values

    def _fill(self, line: Statement, values: dict[str, str], at: Statement, macro: str) -> Statement:
        def put(match: re.Match[str]) -> str:
            word = match.group(1)
            if word == "@":
                return str(self.uses)
            return values.get(word, match.group()) if word != "()" else ""

        text = re.sub(r"\\(\w+|@|\(\))", put, line.text)
        if len(text) > MAX_LINE:
            raise at.error(f"macro {macro} makes a line of more than {MAX_LINE} characters")
        return Statement(at.file, at.line, text.strip(), at.within or f"macro {macro}, {line.file}:{line.line}")

    def _repeat(self, at: Statement, body: Sequence[Statement], depth: int) -> Iterator[Item]:
        if depth >= MAX_DEPTH:
            raise _too_deep(at, "repeats")
        if at.head == ".irp":
            match = re.fullmatch(r"([A-Za-z_]\w*)\s*[,\s]\s*(.*)", at.operands)
            if not match:
                raise at.error(".irp takes a name, and what it stands for each time: .irp r, rax, rcx")
            name, values = match.group(1), split_operands(match.group(2))
            for value in values:
                self._counted(at)
                yield from self.expand([self._fill(line, {name: value}, line, ".irp") for line in body], depth + 1)
            return
        if at.head != ".rept":
            raise at.error(f"unknown repeat {at.head}: there are .rept and .irp")
        count = self._evaluate(at, at.operands)
        if not 0 <= count <= MAX_STATEMENTS:
            raise at.error(f".rept {at.operands}: 0 to {MAX_STATEMENTS:#x} times")
        for _ in range(count):
            self._counted(at)  # an empty body repeats in bounds too
            yield from self.expand(body, depth + 1)

    def _condition(self, block: Sequence[Statement]) -> Sequence[Statement]:
        """The statements of the branch that is taken."""
        branches = [0]
        level = 0
        for k, statement in enumerate(block[1:], start=1):
            level += statement.head.startswith(_IF) - (statement.head == ".endif")
            if level == 0 and statement.head in (".else", ".elseif"):
                branches.append(k)
        for begin, end in zip(branches, [*branches[1:], len(block)], strict=True):
            if block[begin].head == ".else" or self._holds(block[begin]):
                return block[begin + 1 : end]
        return ()

    def _holds(self, at: Statement) -> bool:
        operands = at.operands
        match at.head:
            case ".if" | ".elseif":
                return self._evaluate(at, operands) != 0
            case ".ifdef":
                return operands in self.names
            case ".ifndef":
                return operands not in self.names
            case ".ifb":
                return not operands
            case ".ifnb":
                return bool(operands)
            case ".ifc" | ".ifnc":
                sides = [side.strip().strip("\"'") for side in operands.split(",")]
                return (len(sides) == 2 and sides[0] == sides[1]) == (at.head == ".ifc")
        raise at.error(f"unknown condition {at.head}: there are .if, .ifdef, .ifndef, .ifb, .ifnb, .ifc and .ifnc")


def _block_end(statements: Sequence[Statement], i: int, opens: str | tuple[str, ...], closes: str) -> int:
    level = 0
    for k in range(i + 1, len(statements)):
        head = statements[k].head
        if head.startswith(opens):
            level += 1
        elif head == closes:
            if level == 0:
                return k
            level -= 1
    raise Unfinished(statements[i].file, statements[i].line, f"{statements[i].head} has no {closes}")


def _too_deep(at: Statement, what: str) -> Unfinished:
    return Unfinished(at.file, at.line, f"{what} are nested more than {MAX_DEPTH} deep")


def substitute(text: str, names: Mapping[str, int | str], aliases: Mapping[str, str]) -> str:
    """`text` with each constant's name replaced by its value in hexadecimal, and each alias by what it stands for."""

    def put(match: re.Match[str]) -> str:
        name = match.group(1)
        value = names.get(name, aliases.get(name))
        if value is None:
            return match.group()
        if isinstance(value, int):
            value = f"{value:#x}" if value >= 0 else f"(-{-value:#x})"
        return match.group().replace(name, value)

    if '"' not in text:
        return NAME.sub(put, text)
    parts = STRING.split(text)
    strings = STRING.findall(text)
    return "".join(NAME.sub(put, part) + (strings[i] if i < len(strings) else "") for i, part in enumerate(parts))


def nearest(name: str, known: Sequence[str] | dict[str, int] | set[str]) -> str:
    """'; did you mean X?' for the known name that is nearest to `name`, or ''."""
    if len(known) > MAX_COMPARED:
        return ""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""
