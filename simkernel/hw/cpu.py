"""One CPU: the only door to the engines that run instructions.

A CPU runs instructions from its own view of the code and reads and writes memory that all CPUs share. It does not
know what an interrupt is: it stops at an exception and says which, and `exceptions.py` delivers it through the guest's
IDT.

What else Unicorn does differently from a CPU (`engine.py` has the rest), and where it is put right:

* it translates ahead, and reports a page that cannot be run before the instructions in front of it have run: `run` runs
  those one by one, then;
* RDTSC, RDTSCP, RDRAND, RDSEED give the host's values, IN gives 0, SYSCALL is skipped: they take #UD (`counting.py`).

A CPU has one engine that counts its instructions one by one, and, from its first long run on, another that counts them
by blocks. The registers are in one of them, and move where the other is to run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Any

from simkernel import disasm
from simkernel.hw import counting
from simkernel.hw.engine import EVERYWHERE, Engine, Mapping
from simkernel.hw.fault import PF_INSTR, Fault
from simkernel.hw.registers import ENTRY, GENERAL, REGISTERS, TRANSFER
from simkernel.hw.way import way
from simkernel.hw.x86 import PAGE_SIZE

__all__ = ["GENERAL", "REGISTERS", "Cpu", "Fault", "Mapping"]

BLOCKS_FROM = 200  # instructions: shorter runs are faster counted one by one

RFLAGS_IF = 0x200
RFLAGS_TF = 0x100
RFLAGS_RF = 0x10000
RFLAGS_NT = 0x4000


def _nothing() -> None:
    """What ends nothing."""


class Cpu:
    """One simulated CPU: `run` it, read its registers, save and restore it.

    Attributes:
        hlt: the last run came to HLT.
    """

    def __init__(self, number: int, mappings: Iterable[Mapping], guards: Collection[int] = ()) -> None:
        """Make a CPU; `reset` powers it on.

        Args:
            number: which CPU it is, from 0.
            mappings: the memory that it sees.
            guards: addresses of pages in the mappings that are not mapped: an access there is a page fault.
        """
        self.number = number
        self._memory = tuple(mappings), frozenset(guards)
        self._engine = self._stepper = Engine(number, *self._memory)
        self._refusal, self._halts = counting.Refusal(self._stepper), counting.Halts(self._stepper)
        self.hlt = False
        self._left = 0  # of the last run's count, where a page is ahead or a breakpoint was met
        self._by_blocks = way() == "blocks"
        self._ends = counting.Ends(self._stepper) if self._by_blocks else None
        self._blocks: counting.Blocks | None = None
        self._hooks = 0  # of observers of every instruction: while there are any, every run is counted one by one
        self._looked_at = Counter[int]()  # how many observers look at each of these addresses
        self._breakpoints, self._unhook_breakpoints = frozenset[int](), _nothing
        self._watched = self._starts_at_one = self._met = False  # see `_at_breakpoint`
        self.rip, self.rsp, self.flags = 0, 0, 2
        self._entry = memoryview(bytes(24 * len(ENTRY))).cast("Q")

    def reset(self, **registers: int) -> None:
        """Power-on: the registers named get these values."""
        for name, value in registers.items():
            self._engine.set_register(name, value)
        self._reload()

    def _reload(self) -> None:
        self._entry = entry = self._engine.entry.take()  # three words each
        self.rip, self.rsp, self.flags = entry[0], entry[3], entry[6]

    def registers(self) -> dict[str, int]:
        """Every register of `REGISTERS` by name."""
        return dict(zip(REGISTERS, self._engine.all.read(), strict=True))

    def stack_pointer(self) -> int:
        """RSP now, also from within `observe`'s callback (`rsp` is where the CPU stopped last)."""
        return self._engine.core.read()[TRANSFER.index("rsp")]

    def transfer(self, rip: int, rsp: int, flags: int) -> None:
        """Hardware's part in an exception: new RIP, RSP and RFLAGS. The only writer of registers after boot."""
        self._engine.core.write(rip, rsp, flags)
        self.rip, self.rsp, self.flags = rip, rsp, flags

    def entry(self) -> tuple[int, int, int, int]:
        """What entering a handler takes: the selectors in CS and SS, base and limit of the IDT."""
        entry = self._entry  # of IDTR uc_x86_mmr: selector, base, limit and flags
        return entry[9], entry[12], entry[16], entry[17] & 0xFFFF_FFFF

    def in_shadow(self) -> bool:
        """True right behind STI and MOV to SS, where no interrupt is taken (SDM vol. 3A, 6.8.3)."""
        return self._engine.inhibits_interrupts()

    def set_cr2(self, address: int) -> None:
        """CR2: the address that a page fault is about."""
        self._engine.set_register("cr2", address)

    def idt(self) -> tuple[int, int]:
        """Base and limit of the IDT register."""
        return self.entry()[2:]

    def task_register(self) -> int:
        """The base of the TSS that LTR has loaded."""
        return int(self._engine.register("tr")[1])

    def gs_base(self) -> int:
        """Where the CPU's per-CPU area is, once its boot code has said so."""
        return int(self._engine.register("gs_base"))

    def by_blocks(self, count: int) -> bool:
        """True where a run of so many instructions is counted by blocks."""
        return BLOCKS_FROM <= count <= counting.MOST and self._by_blocks and not self._hooks

    def runs_straight(self) -> bool:
        """True where `run_straight` may be called: the host allows it, and no observer has a hook."""
        return self._ends is not None and not self._hooks

    def run_straight(self, count: int) -> tuple[Fault | None, int]:
        """Run at most `count` instructions, no further than to a block in which straight code ends.

        Returns:
            The exception, and how many instructions ran before it.
        """
        self.hlt = False
        if self.by_blocks(count):
            blocks, error = self._start_blocks(count, straight=True)
            self._reload()
            state, ran = blocks.state, count - int(blocks.state.left)
            fault = blocks.engine.fault(error, self.rip)
            self.hlt = blocks.halted(fault, self.rip)
        else:
            assert self._ends is not None
            fault = self._start(0, count, straight=True)
            state, ran = self._ends.state, self._ends.counted()
        if state.size and self.rip != state.pc:
            self.transfer(state.pc, self.rsp, self.flags)
        return (None if fault is not None and self._is_ahead(fault) else fault), min(ran, count)

    def run(self, count: int) -> Fault | None:
        """Run at most `count` instructions from RIP; None where they ran out or HLT came, else the exception."""
        self.hlt = False
        fault = self._run_blocks(count) if self.by_blocks(count) else self._start(0, count)
        if fault is None:
            return None
        left = self._left
        while fault is not None and self._is_ahead(fault):
            if not left:
                return None
            ahead, start = fault, self.rip
            size = disasm.length(self._engine.code_at(start).ljust(disasm.LONGEST, b"\0"), start)
            if start + size > ahead.cr2:
                return ahead
            fault = self._start(start + size, 1)
            self.drop(start, start + size)
            left -= self.rip != start
            self._left = left
            if self.rip == start:
                return fault
            if left and fault is None and not self.hlt and not self._met:
                if not 0 <= ahead.cr2 - self.rip < PAGE_SIZE:
                    return self.run(left)
                fault = ahead
        return fault

    def _is_ahead(self, fault: Fault) -> bool:
        """A fetch fault of a page that RIP has not come to."""
        return bool((fault.error or 0) & PF_INSTR) and self.rip != fault.cr2

    def _run_blocks(self, count: int) -> Fault | None:
        """`run` without that: blocks as long as whole ones fit, the rest one by one."""
        left = count
        while True:
            blocks, error = self._start_blocks(left)
            state = blocks.state
            left = self._left = state.left
            if not left or not state.size:
                self._reload()
                fault = blocks.engine.fault(error, self.rip)
                self.hlt = blocks.halted(fault, self.rip)
                return fault
            self.rip, count = state.pc, blocks.to_step()
            fault = self._start(0, count)
            left -= count
            if fault is not None or not left or self._met:
                self._left += left
                return fault

    def _start_blocks(self, count: int, straight: bool = False) -> tuple[counting.Blocks, int]:
        """Let the engine that counts by blocks run; see `Blocks.run`."""
        blocks = self._blocks or self._make_blocks()
        if self._engine is not blocks.engine:
            self._move(blocks.engine)
        try:
            return blocks, blocks.run(self.rip, count, straight)
        except BaseException:
            self._reload()
            raise

    def _make_blocks(self) -> counting.Blocks:
        """Make the second engine."""
        self._blocks = counting.Blocks(Engine(self.number, *self._memory), self._looked_at.keys())
        return self._blocks

    def _move(self, engine: Engine) -> None:
        """The registers are in `engine` from now on, which is another one."""
        self._engine.hand_over(engine)
        self._engine = engine

    def _start(self, until: int, count: int, straight: bool = False) -> Fault | None:
        """One by one: until RIP is `until`, or `count` instructions have run; with `straight` see `Ends.start`."""
        engine, ends = self._stepper, self._ends
        if self._engine is not engine:
            self._move(engine)
        self._halts.begin()
        try:
            if ends is None:
                error = engine.start(self.rip, until, count)
            else:
                error = ends.start(self.rip, until, count, straight)
            engine.mend_flags(error)
        finally:
            self._reload()
        self.hlt = self._halts.came(self.rip)
        fault = engine.fault(error, self.rip)
        if fault is not None and self._is_ahead(fault):
            self._left = max(0, count - self._counted())
        elif self._met:
            self._left = count + 1 - self._counted()  # the instruction there was counted, and has not run
        return fault

    def _counted(self) -> int:
        """How many instructions the last start counted, one by one."""
        return (self._stepper if self._ends is None else self._ends).counted()

    def run_watched(self, count: int, breakpoints: frozenset[int]) -> tuple[Fault | None, int]:
        """`run`, but stop before an instruction at one of the breakpoints, the first one excepted.

        What was prepared for them stays until others are given, or `unwatch`.

        Returns:
            The exception, and how many instructions ran where there was none.
        """
        if breakpoints != self._breakpoints:
            self.unwatch()
            self._unhook_breakpoints = self.observe(self._at_breakpoint, breakpoints)
            self._breakpoints = breakpoints
        self._watched, self._starts_at_one = True, self.rip in breakpoints
        try:
            fault = self.run(count)
            return fault, count - self._left if self._met else count
        finally:
            self._watched = self._met = False

    def _at_breakpoint(self, _rip: int) -> None:
        if self._watched and not self._starts_at_one:
            self._met = True
            self._stepper.stop()
        self._starts_at_one = False

    def unwatch(self) -> None:
        """No more breakpoints: nothing is left of those of `run_watched`."""
        self._unhook_breakpoints()
        self._breakpoints, self._unhook_breakpoints = frozenset(), _nothing

    def drop(self, low: int, high: int) -> None:
        """Code in [low, high) has changed: forget the translations made of it."""
        self._stepper.drop(low, high)
        if self._blocks is not None:
            self._blocks.engine.drop(low, high)

    def _flush(self) -> None:
        self._stepper.flush()
        if self._blocks is not None:
            self._blocks.engine.flush()

    def close(self) -> None:
        """Give the engines' memory back now; nothing may be asked of the CPU afterwards."""
        self._stepper.close()
        if self._blocks is not None:
            self._blocks.engine.close()

    def save(self) -> Any:
        """An opaque copy of all registers."""
        return self._engine.save()

    def restore(self, context: Any) -> None:
        """Put a copy of `save` back."""
        self._engine.restore(context)
        self._reload()

    def observe(self, callback: Callable[[int], None], addresses: Iterable[int] = ()) -> Callable[[], None]:
        """Call `callback(rip)` before each instruction, or before those at the addresses.

        Returns:
            The way to end it.
        """
        looked_at = frozenset(addresses)
        if not looked_at:
            return self._hooked([self._stepper.hook_code(callback, *EVERYWHERE)])
        handles = [self._stepper.hook_code(callback, address, address) for address in sorted(looked_at)]
        self._looked_at.update(looked_at)
        self._translate_again(looked_at)

        def end() -> None:
            for handle in handles:
                self._stepper.unhook(handle)
            for address in looked_at:
                self._looked_at[address] -= 1
                if not self._looked_at[address]:
                    del self._looked_at[address]
            self._translate_again(looked_at)

        return end

    def _translate_again(self, addresses: Iterable[int]) -> None:
        """A hook is called only from code that was translated while it was there."""
        for address in addresses:
            self.drop(address, address + 1)

    def observer(self, callback: Callable[[int], None], size: int) -> Callable[[frozenset[int]], None]:
        """The same for addresses that change: the function returned says which, and `size` bytes behind each count too.

        An instruction that was translated while there were two hooks or more looks through those that there are when
        it runs (`run` counts, which is one; another is put at 0), so no translation is made anew. But each costs
        every instruction some nanoseconds: to look at all the sites there are is slow.
        """
        hooks: dict[int, int] = {}

        def watch(addresses: frozenset[int]) -> None:
            """Look at these addresses from now on, and at no others."""
            for address in hooks.keys() - addresses:
                self._stepper.unhook(hooks.pop(address))
            for address in addresses - hooks.keys():
                hooks[address] = self._stepper.hook_code(callback, address, address + size)

        self._hooked([self._stepper.hook_code(callback, 0, 0)])
        return watch

    def observe_memory(self, callback: Callable[[bool], None]) -> Callable[[], None]:
        """Call `callback(write)` at each access of an instruction to data; returns the way to end it."""
        return self._hooked([self._stepper.hook_data(callback)])

    def _hooked(self, handles: list[int]) -> Callable[[], None]:
        """Hooks of every instruction were added: translations are made anew, now and by what is returned, the end."""
        self._hooks += 1
        self._flush()

        def end() -> None:
            self._hooks -= 1
            for handle in handles:
                self._stepper.unhook(handle)
            self._flush()

        return end
