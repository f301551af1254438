"""What happens at the beginning of each block, as machine code: its instructions are taken from those that are left.

    void countdown(uc_engine *uc, uint64_t pc, uint32_t size, struct State *state)

Unicorn calls it as the callback of a block hook. It looks the block up in a table, by `pc` and `size`; where at least
as many instructions are left as the block has, it takes them off and lets the block run. Else it notes the block in
`state` and jumps to `uc_emu_stop`, which takes effect before the block runs. So it does before a WATCHED block, in a
run that looks for those. A block that the table does not hold stops it too, and `missed` says so. In Python the same
would take 0.4 us a block.

The table is a power of two of entries of 16 bytes: pc, size (0: empty), instructions. An entry lies at the first free
place from `home` on. The code lies in a page that is read and executed, `State` and table in others, never in one that
can be written and run.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import platform
import sys

WATCHED = 1 << 31  # in the count of a block before which a run stops that looks for such blocks
MULTIPLIER, SHIFT = 0x61C88647, 20  # of `home`: 2^32 less 2^32 by the golden ratio, so neighbours come to lie apart

_SYSTEM_V = bytes.fromhex(  # arguments in rdi, rsi, edx, rcx
    "48 69 c6 47 86 c8 61 48 c1 e8 14"  # imul $0x61c88647,%rsi,%rax; shr $20,%rax
    "48 23 41 10 49 89 c2 49 c1 e2 04 4c 03 51 08"  # probe: and mask,%rax; mov %rax,%r10; shl $4,%r10; add table,%r10
    "49 39 32 75 17 41 39 52 08 75 11"  # cmp %rsi,(%r10); jne next; cmp %edx,8(%r10); jne next
    "45 8b 52 0c 44 23 51 30"  # mov 12(%r10),%r10d; and mask of counts,%r10d
    "4c 39 11 72 17"  # cmp %r10,left; jb stop
    "4c 29 11 c3"  # sub %r10,left; ret
    "41 83 7a 08 00 74 05 48 ff c0 eb c9"  # next: cmpl $0,8(%r10); je miss; inc %rax; jmp probe
    "c7 41 2c 01 00 00 00"  # miss: movl $1,missed
    "48 89 71 20 89 51 28 ff 61 18"  # stop: mov %rsi,pc; mov %edx,size; jmp *emu_stop
)
_WINDOWS = bytes.fromhex(  # the same with arguments in rcx, rdx, r8d, r9
    "48 69 c2 47 86 c8 61 48 c1 e8 14"
    "49 23 41 10 49 89 c2 49 c1 e2 04 4d 03 51 08"
    "49 39 12 75 17 45 39 42 08 75 11"
    "45 8b 52 0c 45 23 51 30"
    "4d 39 11 72 18"
    "4d 29 11 c3"
    "41 83 7a 08 00 74 05 48 ff c0 eb c9"
    "41 c7 41 2c 01 00 00 00"
    "49 89 51 20 45 89 41 28 41 ff 61 18"
)
CODE = {"System V": _SYSTEM_V, "Windows x64": _WINDOWS}  # by calling convention


class State(ctypes.Structure):
    """What the code reads and writes; the offsets stand in it.

    Attributes:
        left: instructions that may still run.
        table, mask: where the table is, and its number of entries less one.
        emu_stop: the address of `uc_emu_stop`.
        pc, size: the block before which it stopped; size 0: it has not.
        missed: 1 where it stopped because the table does not hold the block.
        counts: the bits of a block's count that are compared: all, or without WATCHED.
    """

    _fields_ = (
        ("left", ctypes.c_uint64),
        ("table", ctypes.c_uint64),
        ("mask", ctypes.c_uint64),
        ("emu_stop", ctypes.c_uint64),
        ("pc", ctypes.c_uint64),
        ("size", ctypes.c_uint32),
        ("missed", ctypes.c_uint32),
        ("counts", ctypes.c_uint32),
    )


def home(pc: int, mask: int) -> int:
    """The number of the entry where the search for a block at `pc` begins."""
    return (pc * MULTIPLIER & 0xFFFF_FFFF_FFFF_FFFF) >> SHIFT & mask


@functools.cache
def _page() -> mmap.mmap | None:
    """The page that holds the code for this host; None where it has no use for it or gives no memory to run."""
    if platform.machine() not in ("x86_64", "AMD64") or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    page = mmap.mmap(-1, mmap.PAGESIZE)
    page.write(CODE["Windows x64" if sys.platform == "win32" else "System V"])
    at, size = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(page))), ctypes.c_size_t(mmap.PAGESIZE)
    if sys.platform == "win32":
        read_and_run = 0x20  # PAGE_EXECUTE_READ
        done = bool(ctypes.windll.kernel32.VirtualProtect(at, size, read_and_run, ctypes.byref(ctypes.c_ulong())))
    else:
        done = ctypes.CDLL(None).mprotect(at, size, mmap.PROT_READ | mmap.PROT_EXEC) == 0
    return page if done else None


def address() -> int | None:
    """Where the code lies in this process; None where the host cannot run it."""
    page = _page()
    return None if page is None else ctypes.addressof(ctypes.c_char.from_buffer(page))
