"""What is changed: one site, its old and new instruction, and where they lead.

The explorer looks at one site. `Case` holds its instruction before and after, where it lies, and the two places that
it may lead to. `case_of` makes one of a call site of the default kernel, so that a schedule found here can be replayed
there; a site of any other size and kind can be given by its bytes.

    nop-call    nothing was traced; the site becomes a call of the first ops' trampoline
    call-call   a second ops arrives: the call goes to ftrace_caller, which asks them all
    call-nop    the last ops has gone

Where NMIs come, the site is that of `nmi_handle`, the one traced function here that an NMI runs; and nothing but an NMI
runs it (so it is in Linux: only what an NMI has begun calls nmi_handle(), arch/x86/kernel/nmi.c, 6.12).
"""

from __future__ import annotations

from dataclasses import dataclass

from simkernel import disasm, insn
from simkernel.errors import LearnerError, OurError, nearest
from simkernel.ftrace.records import MCOUNT_INSN_SIZE
from simkernel.kernel import KernelImage, layout
from simkernel.protocol import POKE_MAX_OPCODE_SIZE

CHANGES = ("nop-call", "call-call", "call-nop")
PLACES = ("inside", "across")
SITES = {"inside": ("x64_sys_call", "fdget_pos", "rw_verify_area"), "across": ("vfs_read", "vfs_write")}
"""Functions that every CPU runs often with interrupts on; the first that lies so is taken."""
NMI_SITE = "nmi_handle"

BEHIND = 16  # bytes behind the site that a torn instruction may reach into


@dataclass(frozen=True, slots=True)
class Case:
    """One site that changes.

    Attributes:
        change: in a word, as "nop-call".
        place: "inside" a line, or "across" two.
        function: whose site it is.
        site: its address.
        old, new: its bytes before and after, equally many.
        behind: the bytes that follow them.
        old_target, new_target: where the old and the new instruction lead: a trampoline, a label, or behind the site.
        nmi: only NMIs run the site; where it is False, no NMI does.
    """

    change: str
    place: str
    function: str
    site: int
    old: bytes
    new: bytes
    behind: bytes
    old_target: int
    new_target: int
    nmi: bool = False

    def __post_init__(self) -> None:
        if not 0 < len(self.old) == len(self.new) <= POKE_MAX_OPCODE_SIZE:
            raise OurError(
                f"{self.old.hex(' ')} cannot become {self.new.hex(' ')}: both have 1 to {POKE_MAX_OPCODE_SIZE} bytes, "
                "equally many"
            )

    @property
    def size(self) -> int:
        """How many bytes change."""
        return len(self.old)

    @property
    def end(self) -> int:
        """The address behind the site."""
        return self.site + self.size

    @property
    def one_word(self) -> bool:
        """True where the bytes lie in one aligned word of eight."""
        return self.site % 8 + self.size <= 8

    def calls(self, to: int) -> bool:
        """True where it is by a call that the old or the new instruction leads to an address."""
        ways = (self.old, self.old_target), (self.new, self.new_target)
        return any(data[0] == insn.CALL and target == to for data, target in ways)

    def instructions(self, data: bytes) -> dict[int, int]:
        """Offset -> size of each instruction of a whole site: one call or jump, or the parts of a NOP."""
        out: dict[int, int] = {}
        at = 0
        while at < self.size:
            out[at] = disasm.length(data[at:] + self.behind, self.site + at)
            if data[at] in (insn.CALL, insn.JMP32, insn.JMP8):
                break
            at += out[at]
        return out


def case_of(
    change: str, place: str, nop: bytes = insn.NOP5, image: KernelImage | None = None, nmi: bool = False
) -> Case:
    """The case that the default kernel gives. LearnerError for a change or place that there is not."""
    if change not in CHANGES:
        raise LearnerError(f"no change {change!r}; there are: {', '.join(CHANGES)}.{nearest(change, CHANGES)}")
    if place not in PLACES:
        raise LearnerError(f"no place {place!r}; there are: {', '.join(PLACES)}.{nearest(place, PLACES)}")
    image = image or KernelImage.default()
    function, site = _nmi_site(image, place) if nmi else _site(image, place)
    end = site + MCOUNT_INSN_SIZE
    first, second = layout.TRAMP_BASE, image.address("ftrace_caller")
    ways = {"nop-call": (end, first), "call-call": (first, second), "call-nop": (first, end)}[change]
    old, new = (nop if target == end else insn.call(site, target) for target in ways)
    return Case(change, place, function, site, old, new, image.read(end, BEHIND), *ways, nmi)


def _site(image: KernelImage, place: str) -> tuple[str, int]:
    for function in SITES[place]:
        site = image.site_of(image.symbol(function))
        if place_of(site, MCOUNT_INSN_SIZE) == place and (place == "across" or site % 8 + MCOUNT_INSN_SIZE <= 8):
            return function, site
    raise OurError(f"none of {', '.join(SITES[place])} has its site {place} a line")


def _nmi_site(image: KernelImage, place: str) -> tuple[str, int]:
    site = image.site_of(image.symbol(NMI_SITE))
    lies = place_of(site, MCOUNT_INSN_SIZE)
    if lies != place:
        lines = "a line" if lies == "inside" else "two lines"
        raise LearnerError(
            f"where NMIs come, the site is that of {NMI_SITE}, which lies {lies} {lines}: choose place {lies}, "
            "or no NMIs"
        )
    return NMI_SITE, site


def place_of(site: int, size: int) -> str:
    """Whether so many bytes at an address lie "inside" a cache line or "across" two."""
    return "inside" if site % layout.CACHE_LINE + size <= layout.CACHE_LINE else "across"
