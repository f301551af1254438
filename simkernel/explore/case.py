"""What is changed: one site, its old and new instruction, and where they lead.

The explorer looks at one site. `Case` holds its five bytes before and after, where it lies, and the two places that a
call of it may lead to; they are those of the default kernel, so that a schedule found here can be replayed there.

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
from simkernel.kernel import KernelImage, layout

CHANGES = ("nop-call", "call-call", "call-nop")
PLACES = ("inside", "across")
SITES = {"inside": ("x64_sys_call", "fdget_pos", "rw_verify_area"), "across": ("vfs_read", "vfs_write")}
"""Functions that every CPU comes by often with interrupts on; the first that lies so is taken."""
NMI_SITE = "nmi_handle"

BEHIND = 16  # bytes behind the site that a torn instruction may reach into


@dataclass(frozen=True, slots=True)
class Case:
    """One site that changes.

    Attributes:
        change: one of CHANGES. place: "inside" a line, or "across" two.
        function: whose site it is. site: its address.
        old, new: the five bytes before and after. behind: the bytes that follow them.
        old_target, new_target: where the old and the new instruction lead: a trampoline, or behind the site.
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
        if len(self.old) != insn.SITE_SIZE or len(self.new) != insn.SITE_SIZE:
            raise OurError("a site has five bytes")

    @property
    def end(self) -> int:
        """The address behind the site."""
        return self.site + insn.SITE_SIZE

    @property
    def one_word(self) -> bool:
        """True where the five bytes lie in one aligned word of eight."""
        return self.site % 8 + insn.SITE_SIZE <= 8

    def instructions(self, data: bytes) -> dict[int, int]:
        """Offset -> size of each instruction of a whole site: one call, or the parts of a NOP."""
        out: dict[int, int] = {}
        at = 0
        while at < insn.SITE_SIZE:
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
    end = site + insn.SITE_SIZE
    first, second = layout.TRAMP_BASE, image.address("ftrace_caller")
    ways = {"nop-call": (end, first), "call-call": (first, second), "call-nop": (first, end)}[change]
    old, new = (nop if target == end else insn.call(site, target) for target in ways)
    return Case(change, place, function, site, old, new, image.read(end, BEHIND), *ways, nmi)


def _site(image: KernelImage, place: str) -> tuple[str, int]:
    for function in SITES[place]:
        site = image.site_of(image.symbol(function))
        if _place(site) == place and (place == "across" or site % 8 + insn.SITE_SIZE <= 8):
            return function, site
    raise OurError(f"none of {', '.join(SITES[place])} has its site {place} a line")


def _nmi_site(image: KernelImage, place: str) -> tuple[str, int]:
    site = image.site_of(image.symbol(NMI_SITE))
    lies = _place(site)
    if lies != place:
        lines = "a line" if lies == "inside" else "two lines"
        raise LearnerError(
            f"where NMIs come, the site is that of {NMI_SITE}, which lies {lies} {lines}: choose place {lies}, "
            "or no NMIs"
        )
    return NMI_SITE, site


def _place(site: int) -> str:
    return "inside" if site % layout.CACHE_LINE + insn.SITE_SIZE <= layout.CACHE_LINE else "across"
