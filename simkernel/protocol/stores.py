"""Plain stores, in this order or that, and no wait.

Several stores crash: between two of them memory is torn. One store may do: where its bytes lie in one aligned
word, CPUs of today run them as old or as new (`simkernel native patch --protocol atomic8` finds no failure inside a
line). Java's HotSpot relied on that: it changed the first bytes of a method that others run by one aligned eight-byte
store (JDK-8294947, openjdk/jdk#11059, 2022) until it gave up to patch there (openjdk/jdk#25764, 2025). Intel's manual
promises none of it. HotSpot's authors read AMD's, APM vol. 2, 7.6.1, as allowing code to change so under conditions
(openjdk/jdk#14543). Across two cache lines nobody claims it, and there it crashes (`--straddle`). And nobody knows
afterwards which CPU still runs the old bytes: without a sync that is never over.
"""

from __future__ import annotations

from simkernel.protocol.table import ALL_NEW, NEW, OLD, POKE_MAX_OPCODE_SIZE, Era, Part, Phase, Protocol, Which, Write


def _so_far(last: int) -> str:
    """What is true once the bytes up to `last` are written."""
    if last + 1 == POKE_MAX_OPCODE_SIZE:
        return "Every byte is new in memory. No CPU was asked to serialize: each may still run old ones."
    which = "Byte 0 is" if last == 0 else f"Bytes 0 {'and' if last == 1 else 'to'} {last} are"
    return f"{which} new in memory, the rest is old: a CPU can run some of both."


# Intel SDM vol. 2, CALL: E8 is followed by a signed distance of 32 bits, lowest byte first.
NAIVE_WHY = (
    "Byte 0 says which instruction it is. A write from front to back begins with it.",
    "In a call, bytes 1 to 4 are the displacement. Byte 1 is its lowest.",
    "Byte 2 of a call counts steps of 256 bytes. One old byte makes another displacement.",
    "Byte 3 of a call counts steps of 65,536 bytes. With an old one the call leads far away.",
    "Byte 4 of a call is the highest of the displacement, and the last: now the call is whole.",
)

NAIVE = Protocol(
    name="naive",
    era=Era("used by no kernel", end="it crashes"),
    source="Intel SDM vol. 3, Handling Self- and Cross-Modifying Code; erratum W108",
    prose="A store for each byte, one after the other, and no wait.",
    claims=False,
    phases=tuple(
        Phase(
            name=f"write byte {at}",
            action=Write(at),
            holds=(NEW,) * (at + 1) + (OLD,),
            resolved=False,
            linux="",
            true_now=_so_far(at),
            why=NAIVE_WHY[at],
            without=f"Byte {at} would stay as it was: one old byte among new ones.",
        )
        for at in range(POKE_MAX_OPCODE_SIZE)
    ),
)

SDM = "Intel SDM vol. 3, Handling Self- and Cross-Modifying Code"


def _store(name: str, action: Write, holds: tuple[Part, ...], true_now: str, why: str) -> Phase:
    """A store that nobody waits for."""
    return Phase(name, action, holds, False, "", true_now, why, f"Without {name} its bytes would stay as they were.")


ONE_STORE = Protocol(
    name="one-store",
    era=Era("used by no kernel", "no manual promises that it is one event"),
    source=f"{SDM}; Intel and AMD promise no single event for a store across two cache lines",
    prose="All bytes in one store, and no wait.",
    claims=False,
    phases=(
        _store(
            "write all",
            Write(),
            ALL_NEW,
            "Memory holds the new instruction. Which of them a CPU has read before is open.",
            "What could be in between if it is one store?",
        ),
    ),
)

HEAD_FIRST = Protocol(
    name="head-first",
    era=Era("programs that patch themselves while nobody else runs them; nobody under running CPUs"),
    source=SDM,
    prose="The opcode, then the offset: in the order in which one writes an instruction down.",
    claims=False,
    phases=(
        _store(
            "write opcode",
            Write(Which.HEAD),
            (NEW, OLD),
            "Byte 0 is new in memory, the offset is old: a CPU can run some of both.",
            "Whoever patches code at load time writes it front to back.",
        ),
        _store(
            "write offset",
            Write(Which.TAIL),
            ALL_NEW,
            "Memory holds the new instruction.",
            "The offset says where the call goes.",
        ),
    ),
)

TAIL_FIRST = Protocol(
    name="tail-first",
    era=Era("used by no kernel", "from a NOP to a call it crashes"),
    source=SDM,
    prose="The offset, then the opcode: the call comes into being only when its target is there.",
    claims=False,
    phases=(
        _store(
            "write offset",
            Write(Which.TAIL),
            (OLD, NEW),
            "Byte 0 is old in memory, the rest is new: a CPU can run some of both.",
            "So that no call to nowhere is there for a moment.",
        ),
        _store(
            "write opcode",
            Write(Which.HEAD),
            ALL_NEW,
            "Memory holds the new instruction.",
            "It makes a call of the offset.",
        ),
    ),
)

ATOMIC8 = Protocol(
    name="atomic8",
    era=Era("Java's HotSpot until 2025", "JDK-8294947, inside one aligned word; Intel promises nothing"),
    source=f"{SDM}; Guaranteed Atomic Operations: an aligned quadword, for data; openjdk/jdk#11059, #25764",
    prose="One aligned eight-byte store where the site lies in one aligned word; else two, one for each word.",
    claims=False,
    phases=(
        _store(
            "write first word",
            Write(word=0),
            ALL_NEW,
            "The bytes in the site's first aligned word are new in memory; where that is all of them, it is done.",
            "An aligned eight-byte store is one event for who reads data.",
        ),
        _store(
            "write second word",
            Write(word=1),
            ALL_NEW,
            "Memory holds the new instruction.",
            "A site may lie across two words.",
        ),
    ),
)
