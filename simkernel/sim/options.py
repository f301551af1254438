"""What a simulation is made from: the choices that are fixed before its first instruction."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_type_hints

import msgspec
from msgspec import Meta

from simkernel.errors import LearnerError
from simkernel.hw.fetch import FetchModel
from simkernel.hw.machine import TICK_PERIOD
from simkernel.kernel import KernelImage, layout
from simkernel.kernel.synthetic import MAX_FUNCTIONS
from simkernel.protocol import INT3_PROTOCOL, Variant, parse
from simkernel.schedule import QUANTUM, Policy

PATH_LENGTH = 4_096  # characters of a kernel file's path: PATH_MAX (include/uapi/linux/limits.h)
MAX_SEED = 2**63 - 1
MAX_NMI_ODDS = 1 << 15  # of 65,536: an NMI takes no time, so where nearly every choice is one nothing goes on
MAX_TICK_PERIOD = 1 << 40

Quantum = Annotated[int, Meta(ge=1, le=QUANTUM)]
FileName = Annotated[str, Meta(min_length=1, max_length=PATH_LENGTH)]


class Pace(NamedTuple):
    """How finely a run is cut while code is patched.

    Attributes:
        patch_quantum: most instructions of a choice while a batch is under way.
        act_odds: of 256 times that the patching task could act, how often it does (seeded schedule).
    """

    patch_quantum: int
    act_odds: int


# 64 takes the least time: with less, a sync waits for more short choices; with more, CPUs run and record more then.
RUNNING = Pace(64, 256)  # nobody looks at single steps
STEPPING = Pace(1, 24)  # a person does: each CPU moves by one instruction, and often between two actions of the task


@dataclass(frozen=True, slots=True)
class Options:
    """What a simulation is made from. The annotations are the ranges that `validate` checks.

    Attributes:
        cpus: 1 to 8.
        seed: of the schedule's random state.
        model: what a CPU may run (`fetch.py`).
        policy: how a run resolves what is pending.
        schedule: "seeded" or "round-robin".
        protocol: by which the kernel patches, from its first instruction.
        kernel: a source file instead of the default kernel.
        functions: a synthetic kernel of so many.
        ibt: the kernel built with endbr64 at its functions' entries.
        quantum: most instructions of a choice.
        patch_quantum, act_odds: the pace while code is patched (`Pace`).
        nmi_odds: of 65,536 choices, how many are NMIs.
        tick_period: in instructions; 0: no ticks.
    """

    cpus: Annotated[int, Meta(ge=1, le=layout.NR_CPUS)] = 2
    seed: Annotated[int, Meta(ge=0, le=MAX_SEED)] = 0
    model: FetchModel = FetchModel.PIECES
    policy: Policy = Policy.SEEDED
    schedule: Annotated[str, Meta(pattern=r"\A(seeded|round-robin)\Z", description="seeded or round-robin")] = "seeded"
    protocol: Variant = Variant(INT3_PROTOCOL)
    kernel: FileName | None = None
    functions: Annotated[int, Meta(ge=1, le=MAX_FUNCTIONS)] | None = None
    ibt: bool = False
    quantum: Quantum = QUANTUM
    patch_quantum: Quantum = RUNNING.patch_quantum
    act_odds: Annotated[int, Meta(ge=1, le=256)] = RUNNING.act_odds
    nmi_odds: Annotated[int, Meta(ge=0, le=MAX_NMI_ODDS)] = 0
    tick_period: Annotated[int, Meta(ge=0, le=MAX_TICK_PERIOD)] = TICK_PERIOD

    @classmethod
    def read(cls, values: Mapping[str, object]) -> Options:
        """The options that plain values name; those that are left out have their defaults.

        Raises:
            LearnerError: that names the option whose type or value cannot be.
        """
        kinds = _kinds()
        if unknown := values.keys() - kinds.keys():
            raise LearnerError(f"there is no option {reprlib.repr(min(unknown))}; there are: {', '.join(kinds)}")
        typed: dict[str, Any] = {}
        for name, value in values.items():
            try:
                typed[name] = _typed(value, kinds[name])
            except msgspec.ValidationError:
                wanted = _wanted(kinds[name])
                raise LearnerError(f"the option {name} cannot be {reprlib.repr(value)}: it is {wanted}") from None
        options = cls(**typed)
        options._check_names()
        return options

    @property
    def kernel_file(self) -> str | None:
        """The file on this machine that the kernel is read from; None where it is built in."""
        return next((file for name in KERNEL_FILES if (file := getattr(self, name)) is not None), None)

    def paced(self, pace: Pace) -> Options:
        """These options with another pace."""
        return replace(self, patch_quantum=pace.patch_quantum, act_odds=pace.act_odds)

    def plain(self) -> dict[str, int | str | None]:
        """The options that differ from the defaults, as plain values."""
        changed = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return {name: _plain(value) for name, value in changed.items()}

    def validate(self) -> None:
        """LearnerError for values that no machine can have."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        Options.read({name: value if isinstance(value, Variant) else _plain(value) for name, value in values.items()})

    def _check_names(self) -> None:
        file = self.kernel_file
        if file is not None and not file.isprintable():
            raise LearnerError(f"the kernel's file name {file!a} holds control characters: give it another name")
        chosen = [f"--{name}" for name in (*KERNEL_FILES, "functions") if getattr(self, name) is not None]
        if len(chosen) > 1:
            raise LearnerError(
                f"{' and '.join(chosen)} exclude each other, since each names a kernel: give one of them"
            )


@cache
def _kinds() -> dict[str, Any]:
    """The type of each option, with its range."""
    return get_type_hints(Options, include_extras=True)


def _typed(value: object, kind: Any) -> Any:
    """A plain value as the type of its option; a protocol may be given by its name."""
    if kind is not Variant:
        return msgspec.convert(value, kind)
    return value if isinstance(value, Variant) else parse(msgspec.convert(value, str))


def _plain(value: object) -> int | str | None:
    """The value of an option as JSON holds it."""
    plain: int | str | None = value.name if isinstance(value, Variant) else msgspec.to_builtins(value)
    return plain


def _wanted(kind: Any) -> str:
    """What an option of such a type can be, in words."""
    if kind is bool:
        return "true or false"
    if kind is Variant:
        return "the name of a protocol"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(one.value for one in kind)
    parts = [part for part in get_args(kind) if part is not type(None)]
    metas = [meta for part in (kind, *parts) for meta in getattr(part, "__metadata__", ())]
    meta = next(one for one in metas if isinstance(one, Meta))
    if meta.ge is not None:
        return f"a whole number from {meta.ge:,} to {meta.le:,}"
    return meta.description or f"a text of at most {meta.max_length:,} characters"


KERNEL_FILES: dict[str, Callable[[Path, Options], KernelImage]] = {
    "kernel": lambda path, options: KernelImage.from_source(path, ibt=options.ibt),
}
"""The options that name a file with a kernel, and the loader of each; `load_image` alone opens such a file.

A moment holds the name, and it may be somebody else's moment: opening one reads no file that it names.
"""


def load_image(options: Options) -> KernelImage:
    """The kernel that the options name, read from its file where it has one."""
    for name, load in KERNEL_FILES.items():
        if (file := getattr(options, name)) is not None:
            return load(Path(file), options)
    return built_in(options)


def built_in(options: Options) -> KernelImage:
    """The kernel that the options name besides a file; it opens none."""
    if options.functions is not None:
        return KernelImage.synthetic(options.functions)
    return KernelImage.default(ibt=options.ibt)
