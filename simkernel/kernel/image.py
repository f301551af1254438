"""KernelImage: what a machine loads, and the questions that can be asked of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simkernel import insn
from simkernel.asm import Assembly, Symbol, assemble, assemble_in_child
from simkernel.errors import LearnerError, OurError
from simkernel.files import read_text
from simkernel.kernel import layout, tasks
from simkernel.kernel.artefact import read_default
from simkernel.kernel.notes import notes_of
from simkernel.kernel.sources import Source, guest_sources, sources_hash
from simkernel.kernel.symbols import SymbolTable, SyntheticSymbols
from simkernel.kernel.synthetic import generate
from simkernel.sentence import Role, Sentence, Span, beside

NAMES = 8_192  # of addresses that are kept
RELEASE = "6.12.0-simkernel #1"  # of uname, as an oops and a warning print it


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes that a machine loads at `base`; `executable` ones are code that each CPU runs from its own view."""

    base: int
    data: bytes
    executable: bool


@dataclass(frozen=True, eq=False)
class KernelImage:
    """A kernel.

    Attributes:
        segments: text, data, and a synthetic kernel's text.
        symbols: by address.
        mcount_loc: (sites,) uint64, sorted: where each `call __fentry__` stands.
        digest: SHA-256 over everything that a machine loads.
        source_hash: over the sources and the memory map.
        ibt: functions begin with endbr64, so a site is 4 bytes behind its symbol.
        sources: (file name, text) of what it was assembled from.
    """

    segments: tuple[Segment, ...]
    symbols: SymbolTable
    mcount_loc: npt.NDArray[np.uint64]
    digest: str
    source_hash: str
    ibt: bool
    sources: tuple[Source, ...] = ()

    @classmethod
    def default(cls, ibt: bool = False) -> KernelImage:
        """The kernel of `guest/*.S`."""
        return load_default(ibt)

    @classmethod
    def from_source(cls, path: Path, ibt: bool = False) -> KernelImage:
        """The core with the functions of the learner's file in place of the subsystems; needs Keystone.

        Raises:
            LearnerError: the file cannot be read or used.
            KernelSourceError: one of its lines is wrong.
        """
        text = read_text(path, "a kernel source")
        core, _subsystems = guest_sources()
        sources = [*core, (str(path), text)]
        return cls.from_assembly(
            assemble_in_child(sources, layout.target(), ibt=ibt, core=len(core)),
            sources_hash(sources, layout.assembler_constants()),
            ibt,
            sources,
        )

    @classmethod
    def from_sources(cls, sources: Sequence[tuple[str, str]], *, ibt: bool = False, sites: bool = True) -> KernelImage:
        """A kernel of (file name, text) pairs, assembled in this process: for sources of our own."""
        assembly = assemble(sources, layout.target(), ibt=ibt, sites=sites)
        return cls.from_assembly(assembly, sources_hash(sources, layout.assembler_constants()), ibt, sources)

    @classmethod
    def from_assembly(
        cls, assembly: Assembly, source_hash: str, ibt: bool, sources: Sequence[Source] = ()
    ) -> KernelImage:
        """An image of what the assembler made; each site is held against `call __fentry__`."""
        segments = (Segment(assembly.base, assembly.text, True), Segment(assembly.data_base, assembly.data, False))
        sites = np.array(assembly.sites, dtype=np.uint64)
        sites.flags.writeable = False
        digest = _digest(segments, assembly, sites)
        image = cls(segments, SymbolTable(assembly.symbols), sites, digest, source_hash, ibt, tuple(sources))
        image.validate_sites()
        return image

    @classmethod
    def synthetic(cls, n: int, seed: int = 0) -> KernelImage:
        """The default kernel and so many generated functions that n are traced in all; needs no assembler."""
        kernel = cls.default()
        made = generate(len(kernel.mcount_loc), n, seed, kernel.address("__fentry__"))
        generated = (
            Segment(layout.SYNTH_BASE, made.text, True),
            Segment(made.roots_base, made.roots.astype("<u8").tobytes(), False),
        )
        words = {"synth_roots": made.roots_base, "synth_roots_count": len(made.roots)}
        end = layout.SYNTH_BASE + len(made.text)
        symbols = SyntheticSymbols(list(kernel.symbols), made.addresses.view(np.int64), made.sizes, end)
        sites = np.concatenate([kernel.mcount_loc, made.addresses])
        sites.flags.writeable = False
        digest = hashlib.sha256(kernel.digest.encode())
        for segment in generated:
            digest.update(segment.data)
        segments = (*kernel._with_words(words), *generated)
        return cls(segments, symbols, sites, digest.hexdigest(), kernel.source_hash, kernel.ibt, kernel.sources)

    def _with_words(self, words: Mapping[str, int]) -> list[Segment]:
        """The segments with some 64-bit words of the data set, by the names of their symbols."""
        out = []
        for segment in self.segments:
            data = bytearray(segment.data)
            for name, value in words.items():
                offset = self.address(name) - segment.base
                if 0 <= offset < len(data):
                    data[offset : offset + 8] = value.to_bytes(8, "little")
            out.append(Segment(segment.base, bytes(data), segment.executable))
        return out

    # --- symbols -------------------------------------------------------------------------------------------------

    def symbol(self, name: str) -> Symbol:
        """The symbol of that name; LearnerError with the nearest one if there is none."""
        found = self.symbols.named(name)
        if found is None:
            close = self.symbols.nearest(name)
            raise LearnerError(f"no symbol '{name}' in this kernel" + (f"; did you mean '{close}'?" if close else ""))
        return found

    def address(self, name: str) -> int:
        """Where the symbol of that name is."""
        return self.symbol(name).address

    def labels(self, prefix: str) -> list[Symbol]:
        """The assembled symbols whose names begin with `prefix`."""
        return self.symbols.labels(prefix)

    def find(self, address: int) -> Symbol | None:
        """The function or object that `address` lies in; None in the padding behind it."""
        return self.symbols.find(address)

    def ksym(self, address: int) -> tuple[Symbol, int] | None:
        """The symbol that kallsyms names for `address`, and its size there (`SymbolTable.ksym`)."""
        return self.symbols.ksym(address)

    def owner(self, address: int) -> Symbol | None:
        """`find`; in the padding behind a function or object that one, as kallsyms names it."""
        found = self.find(address)
        if found is None and (known := self.ksym(address)) is not None:
            return known[0]
        return found

    def symbolize(self, address: int) -> str:
        """`schedule+0x5`, or `schedule` at its first byte, or the number outside of the kernel."""
        symbol = self.owner(address)
        if symbol is None:
            return f"{address:#x}"
        return symbol.name if address == symbol.address else f"{symbol.name}+{address - symbol.address:#x}"

    def code_name(self, address: int) -> Sentence:
        """An address of code in words: symbol+offset, ftrace_trampoline where ftrace allocates, else the number."""
        known = self._code_names.get(address)
        if known is None:
            if len(self._code_names) >= NAMES:
                self._code_names.clear()
            known = self._code_names[address] = self._code_name(address)
        return known

    @cached_property
    def _code_names(self) -> dict[int, Sentence]:
        return {}

    def _code_name(self, address: int) -> Sentence:
        if 0 <= address - layout.TRAMP_BASE < layout.TRAMP_SIZE:
            return Sentence(Span("ftrace_trampoline", Role.SITE, address), beside(" at {}", address))
        known = self.owner(address) is not None
        return Sentence(Span(self.symbolize(address), Role.SITE if known else None, address))

    def functions(self) -> list[Symbol]:
        """The traced functions, in the order of `mcount_loc`."""
        return self.symbols.traced()

    def function_names(self) -> list[str]:
        """The names of `functions()`, without an object for each."""
        return self.symbols.traced_names()

    def site_of(self, symbol: Symbol) -> int:
        """Where the site of a traced function is."""
        if not symbol.traced:
            raise LearnerError(f"{symbol.name} is not traced: it has no call __fentry__")
        return symbol.address + (len(insn.ENDBR64) if self.ibt else 0)

    @cached_property
    def _notes(self) -> dict[str, tuple[str, ...]]:
        return notes_of(self.sources)

    def simplified(self, symbol: Symbol) -> tuple[str, ...]:
        """What a function does otherwise than Linux, as the comments of its source say it; a sentence or more each."""
        return self._notes.get(symbol.name, ())

    def task_name(self, pid: int, cpu: int) -> str:
        """The name of a task that boot makes, as in "cat-1202"; "task 7" where the kernel's table has no such pid.

        Args:
            pid: the task's.
            cpu: that it runs on, which names the idle task.
        """
        if pid == 0:
            return f"swapper/{cpu}-0"
        return f"{comm}-{pid}" if (comm := self._comms.get(pid)) else f"task {pid}"

    @cached_property
    def _comms(self) -> dict[int, str]:
        if (table := self.symbols.named("init_tasks")) is None:
            return {}
        count = int.from_bytes(self.read(table.address, 8), "little")
        return tasks.made_at_boot(self.read(table.address + 8, count * tasks.ROW.size))

    # --- bytes ---------------------------------------------------------------------------------------------------

    def read(self, address: int, size: int) -> bytes:
        """Bytes as they were built; OurError outside of the segments."""
        for segment in self.segments:
            offset = address - segment.base
            if 0 <= offset and offset + size <= len(segment.data):
                return bytes(segment.data[offset : offset + size])
        raise OurError(f"{address:#x}+{size:#x} is in no segment of the kernel")

    def text_of(self, symbol: Symbol) -> bytes:
        """A function's bytes as they were built."""
        return self.read(symbol.address, symbol.size)

    def validate_sites(self) -> None:
        """OurError unless every site holds `call __fentry__` and belongs to the traced function that it begins."""
        if not len(self.mcount_loc):
            return
        fentry = self.address("__fentry__")
        owners = {self.site_of(symbol): symbol for symbol in self.functions()}
        for site in (int(site) for site in self.mcount_loc):
            name = owners[site].name if site in owners else self.symbolize(site)
            if site not in owners or not insn.is_call_to(site, self.read(site, insn.CALL_INSN_SIZE), fentry):
                raise LearnerError(
                    f"the site of {name} at {site:#x} holds {self.read(site, insn.CALL_INSN_SIZE).hex(' ')} and not "
                    "call __fentry__: SYM_FUNC_START must be used as macros.S defines it"
                )


@cache
def load_default(ibt: bool) -> KernelImage:
    """The default kernel, made once in a process."""
    made = read_default(ibt)
    return KernelImage.from_assembly(made.assembly, made.source_hash, ibt, made.sources)


def _digest(segments: Sequence[Segment], assembly: Assembly, sites: npt.NDArray[np.uint64]) -> str:
    digest = hashlib.sha256(repr([(s.base, len(s.data), s.executable) for s in segments]).encode())
    for segment in segments:
        digest.update(segment.data)
    digest.update(repr([(s.address, s.name, s.size, s.kind, s.traced) for s in assembly.symbols]).encode())
    digest.update(sites.tobytes())
    return digest.hexdigest()
