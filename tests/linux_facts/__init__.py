"""What Linux's source says of the guest's names, calls, bytes and settings, kept so that tests need no source tree.

`facts.json` holds it, with the version of the tree that it is from. It holds facts alone, none of Linux's text. Where
the guest gets a name, a setting or a register frame that the file does not know, write it anew; where LINUX_SOURCE
names a tree, tests hold the file equal to that (`tests/test_linux_facts.py`).

    LINUX_SOURCE=TREE python -m tests.linux_facts            compare: exit code 1 where a fact differs
    LINUX_SOURCE=TREE python -m tests.linux_facts --write    write the file anew; needs gcc, binutils, make, flex, bison

For a new name three tables are enough, and they need no other program:

    LINUX_SOURCE=TREE python -m tests.linux_facts --write statuses letters calls

A tree is what https://cdn.kernel.org/pub/linux/kernel/v6.x/linux-6.12.117.tar.xz unpacks to.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

FILE = Path(__file__).with_name("facts.json")
VERSION = "6.12.117"
HOW_TO_WRITE = "LINUX_SOURCE=TREE python -m tests.linux_facts --write statuses letters calls"


@dataclass(frozen=True)
class Code:
    """What GNU as makes of a function.

    Attributes:
        bytes: in hex, with zeroes where a linker fills in. labels: how far each is behind the function's start.
        places: of each such displacement, by its offset: the symbol and the addend.
    """

    bytes: str
    labels: dict[str, int]
    places: dict[str, tuple[str, int]]


@dataclass(frozen=True)
class LinuxFacts:
    """Facts of one version of Linux.

    Attributes:
        version: of the tree. statuses, letters: those that a "name file" has there (words with spaces between).
        calls: of each traced C function of the list, the traced functions of the list that it calls, inlined code too.
        code: what GNU as makes of each function of ftrace_64.S.
        options: of each setting on `simkernel config`'s page that Kconfig knows: what the page asks for, what
        olddefconfig makes of it. probe_us: what a kprobe takes by Documentation/trace/kprobes.rst, x86-64, in us:
        unoptimized, boosted, optimized. after_init_in_rodata: whether RO_DATA() holds __ro_after_init.
        nmi_handlers: exceptions whose handlers enter as from an NMI. guard_page: what handle_stack_overflow() prints,
        and with what it dies and panics.
    """

    version: str
    statuses: dict[str, str]
    letters: dict[str, str]
    calls: dict[str, str]
    code: dict[str, Code]
    options: dict[str, str]
    probe_us: dict[str, float]
    after_init_in_rodata: bool
    nmi_handlers: list[str]
    guard_page: list[str]

    def text(self) -> str:
        """The facts as the file holds them."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=1).decode() + "\n"


@cache
def facts() -> LinuxFacts:
    """The facts that are kept."""
    return msgspec.json.decode(FILE.read_bytes(), type=LinuxFacts)


def words(table: dict[str, str], key: str) -> set[str]:
    """The words that a table of facts has for a key.

    Raises: AssertionError that says how to ask Linux, where the table does not know the key.
    """
    assert key in table, f"{FILE.name} does not know {key!r}: {HOW_TO_WRITE}"
    return set(table[key].split())
