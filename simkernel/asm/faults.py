"""The errors of a source, gathered: a learner sees all of them in one run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from simkernel.errors import KernelSourceError, LearnerError

MAX_SHOWN = 100


class Unfinished(KernelSourceError):
    """Nothing behind this place can be judged: a block without its end, or a bound that was reached."""


@dataclass
class Faults:
    """Errors of lines, each once, in the order of the files and lines; and what is wrong with a file as a whole."""

    files: tuple[str, ...] = ()
    lines: dict[tuple[str, int, str], KernelSourceError] = field(default_factory=dict)
    whole: list[str] = field(default_factory=list)
    unfinished: bool = False

    def add(self, error: KernelSourceError) -> None:
        """Keep an error, unless the same was found at the same line before."""
        self.unfinished |= isinstance(error, Unfinished)
        self.lines.setdefault((error.file, error.line, error.message), error)

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Keep the error that ends the block, and go on behind it; `Unfinished` goes further."""
        try:
            yield
        except Unfinished:
            raise
        except KernelSourceError as error:
            self.add(error)

    @property
    def full(self) -> bool:
        """True when more are known than will be shown."""
        return len(self.lines) > MAX_SHOWN

    def places(self) -> set[tuple[str, int]]:
        """File and line of each error of a line."""
        return {(file, line) for file, line, _message in self.lines}

    def report(self) -> None:
        """Raise what was gathered, if anything.

        Raises:
            KernelSourceError: with file and line of the first error; the others follow in its text, MAX_SHOWN in all.
            LearnerError: no line is wrong, but a file as a whole cannot be used.
        """
        order = {file: index for index, file in enumerate(self.files)}
        found = sorted(self.lines.values(), key=lambda e: (order.get(e.file, len(order)), e.line))
        more = [str(error) for error in found[1:]] + self.whole
        if len(more) >= MAX_SHOWN:
            more = [*more[: MAX_SHOWN - 1], f"and {len(more) - MAX_SHOWN + 1} more"]
        if found:
            raise KernelSourceError(found[0].file, found[0].line, "\n".join([found[0].message, *more]))
        if self.whole:
            raise LearnerError("\n".join(more))
