"""Every function that can be traced: its five bytes, its record's flags, its calls; sorted, searched, traced.

The calls are those that the tracer has written down up to the place where one stands, so they follow one back, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lessons.activities.function_table import ORDERS, FunctionRow, FunctionTable, by_part, disassembly, squeezed
from lessons.activity import CHOOSE, POINT, Action, Activity, Argument, Result
from lessons.picture import Listing, Paragraph, Picture, Prose, Row, Rows, Tabs, Tone
from lessons.session.number import number
from lessons.session.stepper import Stepper
from simkernel.errors import LearnerError
from simkernel.report import Report

RUN, SLICE = 100_000, 10_000  # instructions of `run`, and between two reports of it
PAGE = 12  # rows
AROUND = 60  # rows of the table on either side of the one that is chosen: more than a screen has
NAME, FLAGS = 28, 13  # characters of a name and of the flags in the table
UPPER = "0xffffffff"  # half of an address of kernel text: the same for all
COLUMNS = ("FUNC", "COUNT", "BYTES", "OPS", "FLAGS")
MEANT = (
    "COUNT: calls of it that the tracer has written down so far. OPS: how many tracers want it. "
    "ENABLED: FTRACE_FL_ENABLED of its record: ftrace has made a call of its five bytes, or is about to: it sets the "
    "flag as it queues the change (ftrace_replace_code). TRAMP: a single tracer wants it: the call leads to its own "
    "trampoline."
)
LEADS = {"enter": "look-at", "only": "trace", "untrace": "untrace", "second-ops": "second-ops",
         "break": "break-function"}  # fmt: skip
"""What asks the stepper for something about the function that is chosen, by the name of its action there."""
PATTERNS = {"trace-all": ("trace", "*"), "untrace-all": ("untrace", "")}
HELP = {
    "about": "Whether the chosen function is traced, and what t does.",
    "columns": "What the columns of the table mean.",
    "orders": "In which order the functions stand. A digit chooses.",
    "table": "Every function that can be traced, a row each: up and down choose one.",
    "code": "The code of the chosen function as memory holds it now.",
}
"""What F1 says of the part with the focus."""


class Functions(Activity):
    """The table of functions of a stepper's kernel, with one that is chosen.

    Attributes:
        pattern: which functions are in the table; "" for all.
        order: of ORDERS.
        cursor: the number of the row that is chosen.
    """

    name = "functions"
    actions = (
        Action("down", "Next function", "Choose the next function.", "choose"),
        Action("up", "Function before", "Choose the function before this one."),
        Action("next", "Next page", f"Go {PAGE} functions down.", "page"),
        Action("back", "Page before", f"Go {PAGE} functions up."),
        Action("first", "First function", "Choose the first function of the table."),
        Action("last", "Last function", "Choose the last function of the table."),
        Action(POINT, "Choose a row", "Choose the row with a number, from 0.", argument=Argument("number")),
        Action("enter", "Look at it", "Back to the steps, to look at the first five bytes of this function.", "look"),
        Action("trace", "Trace it, or not",
               "Back to the steps, to watch how this function is traced, and no other; or taken out of the trace.",
               "trace, or not"),
        Action("search", "Search", "Show functions by part of a name, as vfs, or by a pattern, as vfs_*; all: nothing.",
               argument=Argument("part of a name, or vfs_*; nothing: all")),
        Action("run", "Run", f"Let the machine run {RUN:,} instructions: the calls of traced functions are counted."),
        Action(CHOOSE, "Order", "Sort the table: by address, by name, or by calls.",
               argument=Argument("order", lambda: [*ORDERS])),
        Action("only", "Trace it alone", "Back to the steps, to watch how this function is traced, and no other."),
        Action("untrace", "Take it out", "Back to the steps, to take this function out of the trace; the others stay."),
        Action("trace-all", "Trace all of these", "The same as tracing one, for all functions that the table shows."),
        Action("untrace-all", "Take all of these out", "Take all functions that the table shows out of the trace."),
        Action("second-ops", "A second tracer", "Back to the steps: a second tracer asks for this function, too."),
        Action("break", "Break at it", "Set a breakpoint where a CPU is about to run this function."),
    )  # fmt: skip

    def __init__(self, stepper: Callable[[Report], Stepper], intel: bool = False) -> None:
        """Make the table; it is filled at the start.

        Args:
            stepper: the one whose kernel it is, once nobody else has it do something.
            intel: the syntax of the disassembly.
        """
        self._stepper, self._intel = stepper, intel
        self.table: FunctionTable | None = None
        self.pattern, self.order, self.cursor = "", "address", 0

    def start(self, report: Report) -> Result:
        """Read the functions."""
        self._look(report)
        return Result()

    def _look(self, report: Report, pattern: str | None = None, order: str | None = None) -> None:
        """The functions as they are now; nothing changes where a pattern names none."""
        pattern, order = self.pattern if pattern is None else pattern, order or self.order
        table = FunctionTable(self._stepper(report), pattern, order)
        self.table, self.pattern, self.order = table, pattern, order
        self.cursor = max(0, min(self.cursor, len(table) - 1))

    @property
    def chosen(self) -> FunctionRow:
        """The function that is chosen."""
        assert self.table is not None
        return self.table[self.cursor]

    # --- what is asked for ------------------------------------------------------------------------------------------

    def do(self, action: Action, argument: str, report: Report) -> Result:
        """Carry an action out."""
        name = action.name
        if name in MOVES:
            self._choose(self.cursor + MOVES[name])
        elif name in ("first", "last"):
            self._choose(0 if name == "first" else self._count - 1)
        elif name == POINT:
            self._choose(number(argument, "a row"))
        elif name == CHOOSE:
            self._sort(argument, report)
        elif name == "search":
            self._look(report, pattern=by_part(argument))
            self.cursor = 0
        elif name == "run":
            return self._run(report)
        else:
            return self._lead(name)
        return Result()

    def _lead(self, name: str) -> Result:
        """Leave, with what the stepper is asked for."""
        if name in PATTERNS:
            what, all_of_them = PATTERNS[name]
            return Result(leaves=True, asks=(what, self.pattern or all_of_them))
        name = ("untrace" if self.chosen.wanted else "only") if name == "trace" else name
        return Result(leaves=True, asks=(LEADS[name], self.chosen.name))

    @property
    def _count(self) -> int:
        return 0 if self.table is None else len(self.table)

    def _choose(self, at: int) -> None:
        self.cursor = max(0, min(self._count - 1, at))

    def _sort(self, argument: str, report: Report) -> None:
        by_number = dict(enumerate(ORDERS, 1))
        order = by_number.get(int(argument), argument) if argument.isdigit() else argument
        if order not in ORDERS:
            raise LearnerError(f"no order {argument!r}; there are: {', '.join(ORDERS)}")
        self._look(report, order=order)

    def _run(self, report: Report) -> Result:
        """Let the machine run for a while: the counts follow."""
        stepper = self._stepper(report)
        before = stepper.calls.by_site().total()
        try:
            for done in range(0, RUN, SLICE):
                report("the machine runs", done / RUN)
                stepper.simulation.run(SLICE)
        finally:
            stepper.looked()
            self._look(Report())
        calls = stepper.calls.by_site().total() - before
        hint = "" if calls else " Only the calls of traced functions are counted."
        return Result(f"The machine has run for {RUN:,} instructions, with {calls:,} traced calls.{hint}")

    def offered(self) -> tuple[Action, ...]:
        """The actions that lead anywhere from here."""
        unfit = set(LEADS) | {"trace"} if not self._count else set()
        if self._count < 2:
            unfit |= {"down", "up", "next", "back", "first", "last"}
        return tuple(action for action in self.actions if action.name not in unfit)

    # --- what there is to see ---------------------------------------------------------------------------------------

    def picture(self) -> Picture:
        """The table, and the function that is chosen."""
        table = self.table
        if table is None:
            awaited = Prose(
                name="about",
                called="this function",
                help=HELP["about"],
                paragraphs=(Paragraph("The machine runs: its functions follow."),),
            )
            return Picture(title="Functions", parts=(awaited,), survival=("about",))
        what = f"{self.pattern or 'all'}, {table.variant}" if table.variant else self.pattern or "all"
        orders = Tabs(
            name="orders",
            called="order",
            help=HELP["orders"],
            choices=tuple(f"by {one}" for one in ORDERS),
            at=list(ORDERS).index(self.order),
        )
        code = tuple(one.replace(UPPER, "0x..") for one in disassembly(self.chosen, table.symbolize, self._intel))
        return Picture(
            title="Functions",
            place=f"{what}: {len(table):,}; {table.calls:,} calls",
            parts=(
                orders,
                self._rows(table),
                Prose(
                    name="about",
                    called="this function",
                    help=HELP["about"],
                    paragraphs=self._about(),
                ),
                Listing(
                    name="code",
                    help=HELP["code"],
                    title="its code in memory",
                    lines=code,
                    beside=True,
                ),
                Prose(
                    name="columns",
                    called="what the columns mean",
                    help=HELP["columns"],
                    paragraphs=(Paragraph(MEANT, tone=Tone.DIM),),
                ),
            ),
            survival=("about", "table", "orders", "code", "columns"),
            keys=("enter", "trace", "search", "run", "down", "next"),
        )

    def _about(self) -> tuple[Paragraph, ...]:
        """What the function that is chosen is, and what `t` does."""
        row = self.chosen
        tracers = f"{row.wanted} {'tracer' if row.wanted == 1 else 'tracers'}"
        state = f"is wanted by {tracers}" if row.wanted else "is not traced"
        does = "watch it being taken out of the trace" if row.wanted else "trace this function only, and watch it"
        behind = row.site - row.address
        where = f" BYTES are those of its site, at +{behind}: endbr64 comes first." if behind else ""
        return (Paragraph(f"{row.name} {state}. t: {does}.{where}", tone=Tone.STRONG),)

    def _rows(self, table: FunctionTable) -> Rows:
        """The rows around the one that is chosen."""
        first = max(0, min(self.cursor - AROUND, len(table) - 2 * AROUND))
        shown = range(first, min(len(table), first + 2 * AROUND))
        room = max(len("COUNT"), len(f"{table.most_calls:,}"))
        rows = []
        for one in map(table.__getitem__, shown):
            rest = (f"{one.calls:>{room},}", one.data.hex(" ").upper(), f"{one.wanted or '':>3}", one.flags)
            rows.append(Row((squeezed(one.name, NAME), *rest), whole=(one.name, *rest)))
        return Rows(
            name="table",
            called="functions",
            help=HELP["table"],
            columns=COLUMNS,
            rows=tuple(rows),
            cursor=self.cursor - first,
            first=first,
            total=len(table),
        )

    def data(self) -> dict[str, Any]:
        """Which functions the table has, in which order, and which one is chosen."""
        return {"pattern": self.pattern, "order": self.order, "chosen": self.chosen.name if self._count else None}


MOVES = {"down": 1, "up": -1, "next": PAGE, "back": -PAGE}
