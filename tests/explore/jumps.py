"""Sites that are no call sites, as cases: jump labels (`66 90` <-> `eb xx`), and sites of an odd size."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from simkernel import insn
from simkernel.explore.case import BEHIND, Case, place_of
from simkernel.kernel import KernelImage, layout

FIXTURE = Path(__file__).parent.parent / "guest" / "jump_label.S"
KEYS = {"inside": "key_inside", "across": "key_across"}
SIZES = {"key_inside": 2, "key_across": 2, "key_padded": 3, "key_wide": 5}
CHANGES = ("nop-jmp", "jmp-nop")
LABEL = 0x10  # from a site to where it jumps
LINE = layout.TEXT_BASE + 0x1000


@cache
def kernel() -> KernelImage:
    """The kernel of jump_label.S."""
    return KernelImage.from_source(FIXTURE)


def jump(site: int, to: int, size: int) -> bytes:
    """A jump in so many bytes: JMP32 in five, else JMP8, padded with int3 as text_poke_loc_init() allows it."""
    if size == len(insn.jmp(site, to)):
        return insn.jmp(site, to)
    return insn.jmp8(site, to).ljust(size, bytes((insn.INT3,)))


def jump_label(key: str, change: str) -> Case:
    """A jump label of the fixture kernel by its name."""
    image = kernel()
    site, to = image.address(key), image.address(f"{key}_yes")
    size = SIZES[key]
    return _case(site, to, size, change, key, image.read(site + size, BEHIND))


def anywhere(size: int, place: str, change: str) -> Case:
    """A site of that size in no kernel, which lies inside a line or with byte 1 in the next one."""
    site = LINE + (0x3F if place == "across" else 0x10)
    behind = bytes.fromhex("b801000000c3 0f1f00 4889f8 c3cccccc")  # mov, ret, nop, mov, ret: as behind a jump label
    return _case(site, site + LABEL, size, change, f"size {size}", behind)


def _case(site: int, to: int, size: int, change: str, name: str, behind: bytes) -> Case:
    nop, taken = (insn.NOPS[size], site + size), (jump(site, to, size), to)
    (old, old_to), (new, new_to) = (nop, taken) if change == "nop-jmp" else (taken, nop)
    return Case(change, place_of(site, size), name, site, old, new, behind, old_to, new_to)
