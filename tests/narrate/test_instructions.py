"""The sentence for an instruction names the values that it reads and writes, and a CPU agrees."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import numpy as np
import pytest

from simkernel import disasm
from simkernel.disasm import Instruction
from simkernel.hw.cpu import Cpu, Mapping
from simkernel.hw.memory import GuestMemory, new_buffer
from simkernel.kernel import KernelImage, layout
from simkernel.kernel.symbols import SymbolTable
from simkernel.sim.narrate import instruction_sentence
from simkernel.sim.narrate.instructions import knows

CODE, DATA = layout.TEXT_BASE, layout.BSS_BASE
PAGES = 16
GENERAL = [*"rax rbx rcx rdx rsi rdi rbp rsp".split(), *(f"r{n}" for n in range(8, 16))]
IMPLICIT = {"rip", "rsp", "eflags", "cr2"}  # of pushes, pops, calls: not said
UNSAID = (
    "movs",
    "stos",
    "lods",
    "rep",
    "cmpxchg",
    "leave",
    "popf",
    "cpuid",
)  # RSI, RDI, RCX, RAX follow from what is said

FAMILIES = (  # one or more of each family of mnemonics: shifts, products, bits, widenings, memory forms
    "48d3e0 48c1fb03 480facd014 480fa4d014 48f7f9 486bd807 480fafc1 48f7e1 660fc107 65480fc10547000000 88e3 "
    "480fbe07 0fb707 4898 4899 99 480fc8 48f7d8 48c1c805 48c1c00d 4819c3 4883d001 480f45d8 0f9fc0 480fbbc3 "
    "480fbae803 480fbdd8 480fbc1f 8f07 65ff3509000000 f617 488707 3107 29c3 48b88877665544332211 488d5cc808 "
    "668907 800f40"
).split()


class Bench:
    """A CPU with one page of code and some of data, on which an instruction is run once."""

    def __init__(self, image: KernelImage) -> None:
        self.image = image
        self.code = new_buffer(layout.PAGE_SIZE)
        self.memory = GuestMemory([(DATA, PAGES * layout.PAGE_SIZE)])
        data = self.memory.regions[0].buffer
        self.cpu = Cpu(0, [Mapping(CODE, self.code, code=True), Mapping(DATA, data, code=False)])

    def run(self, code: bytes, seed: int, address: int = CODE) -> tuple[str, dict[str, int], bytes]:
        """The sentence said before, the registers that changed with their values after, the bytes written."""
        draw = random.Random(seed)
        self.code[: len(code)] = np.frombuffer(code, dtype=np.uint8)
        self.cpu.drop(CODE, CODE + 16)
        data = self.memory.regions[0].buffer
        data[:] = np.frombuffer(draw.randbytes(len(data)), dtype=np.uint8)
        words = data.view(np.uint64)
        words[::2] = DATA + 0x800 * (words[::2] % 16)  # every other word is a pointer into the data
        registers = {name: DATA + 0x4000 + 16 * draw.randrange(0x100) for name in GENERAL}
        registers["rcx"] = draw.randrange(1, 40)
        flags = 2 | draw.choice((0, 0x40, 0x1, 0x80, 0x800, 0x200))
        self.cpu.reset(**registers, eflags=flags, rip=CODE, gs_base=DATA)
        before = self.cpu.registers()
        instruction = next(iter(disasm.decode(code, CODE)))
        text = instruction_sentence(instruction, before, self, self.image)
        kept = data.copy()
        fault = self.cpu.run(1)
        if fault is not None:
            return text, {}, b""
        after = self.cpu.registers()
        changed = {n: after[n] for n in after if after[n] != before[n] and n not in IMPLICIT}
        at = np.flatnonzero(data != kept)
        return text, changed, data[at[0] : at[-1] + 1].tobytes() if len(at) else b""

    def read(self, address: int, size: int) -> bytes:
        """Data, and the code page, which an operand may name too."""
        if 0 <= address - CODE <= len(self.code) - size:
            return self.code[address - CODE : address - CODE + size].tobytes()
        return self.memory.read(address, size)


@pytest.fixture(scope="module")
def image() -> KernelImage:
    return KernelImage.default()


@pytest.fixture(scope="module")
def bench(image: KernelImage) -> Bench:
    return Bench(image)


def instructions(image: KernelImage) -> Iterator[Instruction]:
    """Every instruction of the image's functions; what pads them is left out."""
    for symbol in image.symbols:
        if symbol.kind in "Tt" and symbol.size:
            yield from disasm.decode(image.text_of(symbol), symbol.address)


def numbers(text: str) -> set[int]:
    return {int(word, 16) for word in re.findall(r"0x[0-9a-f]+", text)}


def part_said(value: int, said: set[int]) -> bool:
    """True where the value, or the part of it that an instruction of 1, 2 or 4 bytes wrote, is named."""
    return any(value & mask in said for mask in (2**64 - 1, 2**32 - 1, 2**16 - 1, 0xFF)) or value >> 8 & 0xFF in said


def unsaid(one: Instruction, bench: Bench, seed: int) -> Iterator[str]:
    """What the instruction writes and its sentence does not name."""
    text, changed, written = bench.run(one.bytes, seed)
    if len(text.split()) > 20:
        yield f"{one.text}: too long: {text}"
    if one.mnemonic.split()[0].startswith(UNSAID):
        return
    said = numbers(text)
    for name, value in changed.items():
        if not part_said(value, said):
            yield f"{one.text}: {name} becomes {value:#x}: {text}"
    if written and not any(written in value.to_bytes(8, "little") for value in said):
        yield f"{one.text}: {written.hex(' ')} is written: {text}"


@pytest.mark.parametrize("code", FAMILIES)
def test_each_family_names_what_it_writes(code: str) -> None:
    bench = Bench(KernelImage((), SymbolTable(()), np.array([], dtype=np.uint64), "", "", False))
    one = next(iter(disasm.decode(bytes.fromhex(code), CODE)))
    assert knows(one)
    assert not [problem for seed in range(20) for problem in unsaid(one, bench, seed)]


def test_every_mnemonic_of_the_image_has_words_of_its_own(image: KernelImage) -> None:
    unknown = {one.mnemonic for one in instructions(image) if not knows(one)}
    assert not unknown


def test_every_instruction_of_the_image_names_what_it_writes(image: KernelImage, bench: Bench) -> None:
    different = {one.text: one for one in instructions(image)}
    wrong = [problem for seed, one in enumerate(different.values()) for problem in unsaid(one, bench, seed)]
    assert not wrong, "\n".join(wrong[:20])


def test_a_call_names_the_return_address_and_the_target(bench: Bench, image: KernelImage) -> None:
    target = image.address("ftrace_caller")
    code = b"\xe8" + (target - (CODE + 5)).to_bytes(4, "little", signed=True)
    text, _, _ = bench.run(code, 1)
    assert text == f"pushes the return address {CODE + 5:#x} and jumps to ftrace_caller"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("0f1f440000", "runs a NOP of 5 bytes"),
        ("cc", "takes an int3"),
        ("fa", "turns interrupts off"),
        ("0f0b", "invalid opcode"),
        ("31c0", "sets EAX to 0x0"),
        ("06", "finds no instruction"),
        ("0faee8", "waits until all instructions before it are done"),  # SDM vol. 2, LFENCE: not loads alone
        ("d9c0", "an instruction that has no words here"),
    ],
)
def test_plain_sentences(bench: Bench, code: str, words: str) -> None:
    assert words in bench.run(bytes.fromhex(code), 1)[0]
