"""The next instruction of a CPU in one English sentence, with the values that it reads and writes this time.

A sentence has no subject: a front end puts "CPU1" before it. It is made from the instruction's text, the registers
and memory as they are just before it runs; nothing is run for it.

One function for each family of mnemonics, collected in tables at the end of `arithmetic.py` and of this file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from simkernel.disasm import Instruction
from simkernel.kernel import KernelImage, layout
from simkernel.sentence import Sentence, say
from simkernel.sim.narrate import arithmetic
from simkernel.sim.narrate.arithmetic import Saying
from simkernel.sim.narrate.operands import CONDITIONS, SIZES, Instant, Operand, Readable, condition_holds, mask, number

_ALIASES = {"z": "e", "nz": "ne", "c": "b", "nc": "ae", "nae": "b", "nb": "ae", "na": "be", "nbe": "a"}
_CONDITIONAL = re.compile(r"(j|set|cmov)([a-z]+)")
_EXTENDING = re.compile(r"mov([sz])([bwl])([wlq])")


def instruction_sentence(
    instruction: Instruction, registers: Mapping[str, int], memory: Readable, image: KernelImage
) -> Sentence:
    """What the instruction is about to do, in at most 20 words, without a subject and a full stop.

    Args:
        instruction: in AT&T syntax.
        registers: all of a CPU's, by name, before it runs.
        memory: the guest's data.
        image: the kernel, for names.
    """
    *prefix, mnemonic = instruction.mnemonic.split()
    instant = Instant(
        instruction.address,
        instruction.size,
        " ".join(prefix),
        mnemonic,
        instruction.op_str,
        registers,
        memory,
        image,
    )
    function = _function(mnemonic, instant)
    if function is None:
        return say("runs {}, an instruction that has no words here", instruction.text)
    return Sentence(function(instant))


def knows(instruction: Instruction) -> bool:
    """True where the mnemonic has a sentence of its own."""
    mnemonic = instruction.mnemonic.split()[-1]
    return _family(mnemonic) in _TABLE or _conditional(mnemonic) is not None or bool(_EXTENDING.fullmatch(mnemonic))


def _family(mnemonic: str) -> str:
    """The mnemonic without the suffix of its size."""
    if mnemonic in _TABLE:
        return mnemonic
    return mnemonic[:-1] if mnemonic[-1] in SIZES and mnemonic[:-1] in _TABLE else mnemonic


def _conditional(mnemonic: str) -> tuple[str, str] | None:
    """("j", "set" or "cmov", the condition) of a conditional mnemonic."""
    match = _CONDITIONAL.fullmatch(mnemonic)
    if match is None:
        return None
    for code in (match[2], match[2][:-1]) if match[2][-1] in SIZES else (match[2],):
        code = _ALIASES.get(code, code)
        if code in CONDITIONS:
            return match[1], code
    return None


def _function(mnemonic: str, instant: Instant) -> Saying | None:
    family = _family(mnemonic)
    if family == "movs" and "(%rsi)" not in instant.text:
        return _move_extended
    if family in _TABLE:
        return _TABLE[family]
    if _EXTENDING.fullmatch(mnemonic):
        return _move_extended
    if (conditional := _conditional(mnemonic)) is not None:
        form, code = conditional
        return {"j": _jump_if, "set": _set_if, "cmov": _move_if}[form](code)
    return None


# --- moves ------------------------------------------------------------------------------------------------------


def _move(i: Instant) -> str:
    source, target = i.operands
    return _moved(i, source, target, i.value(source, i.size))


def _moved(i: Instant, source: Operand, target: Operand, value: int | None, how: str = "") -> str:
    if source.kind == "mem":
        return say("reads {} from {} into {}{}", number(value), i.name(source), i.name(target), how)
    if target.kind == "mem":
        name = "" if source.kind == "imm" else f"{i.name(source)}'s "
        return say("writes {}{} to {}", name, number(value), i.name(target))
    name = "" if source.kind == "imm" else f"{i.name(source)}'s "
    return say("puts {}{} into {}{}", name, number(value), i.name(target), how)


def _move_extended(i: Instant) -> str:
    source, target = i.operands
    signed = i.mnemonic.startswith("movs")
    match = _EXTENDING.fullmatch(i.mnemonic)
    size = SIZES[match[2]] if match else source.size or 4
    value = i.value(source, size)
    if value is not None and signed and value >> (8 * size - 1):
        value |= mask(target.size) ^ mask(size)
    how = ", with its sign kept" if signed else ", and zeroes the bits above"
    return _moved(i, source, target, value, how)


def _move_if(code: str) -> Saying:
    def sentence(i: Instant) -> str:
        source, target = i.operands
        holds = condition_holds(code, i.registers["eflags"])
        why = CONDITIONS[code][not holds]
        if holds:
            return say("{}, since {}", _moved(i, source, target, i.value(source, i.size)), why)
        return say("leaves {} at {}, since {}", i.name(target), number(i.value(target)), why)

    return sentence


def _set_if(code: str) -> Saying:
    def sentence(i: Instant) -> str:
        holds = condition_holds(code, i.registers["eflags"])
        return say("sets {} to {}, since {}", i.name(i.operands[0]), f"{int(holds):#x}", CONDITIONS[code][not holds])

    return sentence


def _load_address(i: Instant) -> str:
    source, target = i.operands
    address = i.where(source) & mask(target.size)
    return say(
        "computes the address {} from {} into {}", number(address), source.text.replace(", ", ","), i.name(target)
    )


# --- the stack, calls and jumps ----------------------------------------------------------------------------------


def _push(i: Instant) -> str:
    (source,) = i.operands
    return say("pushes {} onto the stack at {}", i.holds(source, 8), number(i.register("rsp") - 8 & mask(8)))


def _pop(i: Instant) -> str:
    (target,) = i.operands
    top = i.register("rsp")
    return say("pops {} from the stack at {} into {}", number(i.load(top, 8)), number(top), i.name(target))


def _push_flags(i: Instant) -> str:
    flags = i.registers["eflags"] & 0xFCFFFF
    return say("pushes the flags {} onto the stack at {}", number(flags), number(i.register("rsp") - 8 & mask(8)))


def _pop_flags(i: Instant) -> str:
    top = i.register("rsp")
    flags = i.load(top, 8)
    state = "" if flags is None else f": interrupts are {'on' if flags & 0x200 else 'off'}"
    return say("pops the flags {} from the stack at {}{}", number(flags), number(top), state)


def _destination(i: Instant) -> tuple[str, int | None]:
    """("reads 0x... from ..., " for an indirect jump, its destination)."""
    (operand,) = i.operands
    if operand.kind == "target":
        return "", operand.number
    value = i.value(operand, 8)
    return (f"reads {i.name(operand)}, " if operand.kind == "mem" else f"takes {i.name(operand)}, "), value


def _call(i: Instant) -> str:
    how, target = _destination(i)
    name = "an unreadable place" if target is None else i.code(target)
    return say("{}pushes the return address {} and jumps to {}", how, number(i.next), name)


def _jump(i: Instant) -> str:
    how, target = _destination(i)
    name = "an unreadable place" if target is None else i.code(target)
    return (
        f"{how}jumps to {name} at {number(target)}"
        if target is not None and name[0] != "0"
        else f"{how}jumps to {name}"
    )


def _jump_if(code: str) -> Saying:
    def sentence(i: Instant) -> str:
        target = i.operands[0].number
        holds = condition_holds(code, i.registers["eflags"])
        why = CONDITIONS[code][not holds]
        if holds:
            return say("jumps to {}, since {}", i.code(target), why)
        return say("goes on and does not jump to {}, since {}", i.code(target), why)

    return sentence


def _return(i: Instant) -> str:
    target = i.load(i.register("rsp"), 8)
    name = "" if target is None else say(" in {}", i.code(target))
    return say("pops the return address {} and returns to it{}", number(target), name)


def _return_far(i: Instant) -> str:
    top = i.register("rsp")
    target, segment = i.load(top, 8), i.load(top + 8 & mask(8), 8)
    return say("pops the return address {} and the code segment {}, and returns there", number(target), number(segment))


def _return_interrupt(i: Instant) -> str:
    top = i.register("rsp")
    rip, _, flags, rsp = (i.load(top + 8 * at & mask(8), 8) for at in range(4))
    where = number(rip) if rip is None else i.code(rip)
    state = "" if flags is None else f", interrupts {'on' if flags & 0x200 else 'off'}"
    return say("returns from the interrupt to {} with RSP {}{}; this serializes", where, number(rsp), state)


def _leave(i: Instant) -> str:
    frame = i.register("rbp")
    saved = i.load(frame, 8)
    return say("sets RSP to {} and pops {} into RBP", number(frame + 8 & mask(8)), number(saved))


# --- strings ------------------------------------------------------------------------------------------------------


def _string_size(i: Instant) -> int:
    """In bytes: GNU shows it as a register (`stos %al`) or as a suffix (`movsq`)."""
    for operand in i.operands:
        if operand.kind == "reg":
            return operand.size
    return SIZES.get(i.mnemonic[-1], 8)


def _store_string(i: Instant) -> str:
    size = _string_size(i)
    value, target = i.register("rax") & mask(size), i.register("rdi")
    if i.prefix.startswith("rep"):
        return say("writes {} to {}, then {} in all by RCX", number(value), i.place(target), number(i.register("rcx")))
    return say("writes {} to {} and moves RDI on", number(value), i.place(target))


def _move_string(i: Instant) -> str:
    size = _string_size(i)
    source, target = i.register("rsi"), i.register("rdi")
    if i.prefix.startswith("rep"):
        count = number(i.register("rcx"))
        return (
            f"reads {number(i.load(source, size))} at {number(source)} and writes it to {number(target)}; RCX: {count}"
        )
    return say("reads {} from {} and writes it to {}", number(i.load(source, size)), number(source), number(target))


def _compare_string(i: Instant) -> str:
    size = _string_size(i)
    left, right = i.load(i.register("rsi"), size), i.load(i.register("rdi"), size)
    return say(
        "compares {} at RSI with {} at RDI: {}", number(left), number(right), "equal" if left == right else "different"
    )


def _scan_string(i: Instant) -> str:
    size = _string_size(i)
    left, right = i.register("rax") & mask(size), i.load(i.register("rdi"), size)
    return say("compares {} with {} at RDI: {}", number(left), number(right), "equal" if left == right else "different")


# --- the machine itself ---------------------------------------------------------------------------------------------


def _plain(text: str) -> Saying:
    return lambda _instant: text


def _interrupts(on: bool) -> Saying:
    def sentence(i: Instant) -> str:
        was = "on" if i.registers["eflags"] & 0x200 else "off"
        if on:
            return say("turns interrupts on, from the instruction after the next one; they were {}", was)
        return say("turns interrupts off; they were {}", was)

    return sentence


def _nop(i: Instant) -> str:
    return say("runs a NOP of {} byte{}", i.length, "s" if i.length > 1 else "")


def _breakpoint(i: Instant) -> str:
    return say("takes an int3 at {}: exception {}", i.code(i.address), f"{layout.VECTOR_BP:#x}")


def _interrupt(i: Instant) -> str:
    return say("raises interrupt {} by itself", i.text.removeprefix("$"))


def _halt(i: Instant) -> str:
    return say("waits for an interrupt; it will go on at {}", i.code(i.next))


def _cpuid(i: Instant) -> str:
    return say("asks for CPUID leaf {} into EAX, EBX, ECX and EDX; this serializes", number(i.register("eax")))


def _write_msr(i: Instant) -> str:
    value = i.register("edx") << 32 | i.register("eax")
    return say("writes {} to model-specific register {}", number(value), number(i.register("ecx")))


def _read_msr(i: Instant) -> str:
    return say("reads model-specific register {} into EDX and EAX", number(i.register("ecx")))


def _load_table(what: str) -> Saying:
    def sentence(i: Instant) -> str:
        address = i.where(i.operands[0])
        limit, base = i.load(address, 2), i.load(address + 2, 8)
        return say("loads the {} register: base {}, limit {}", what, number(base), number(limit))

    return sentence


def _load_selector(what: str) -> Saying:
    return lambda i: f"loads the {what} register with selector {number(i.value(i.operands[0], 2))}"


_SYSTEM: dict[str, Saying] = {
    "cli": _interrupts(False),
    "sti": _interrupts(True),
    "cld": _plain("sets the direction of string instructions to upwards"),
    "std": _plain("sets the direction of string instructions to downwards"),
    "clc": _plain("clears the carry flag"),
    "stc": _plain("sets the carry flag"),
    "hlt": _halt,
    "nop": _nop,
    "pause": _plain("waits a moment in a loop (pause)"),
    "endbr64": _plain("may be the target of an indirect call (endbr64); nothing else happens"),
    "int3": _breakpoint,
    "int": _interrupt,
    "ud2": _plain("runs ud2, which is no instruction on purpose: an invalid opcode exception"),
    "cpuid": _cpuid,
    "serialize": _plain("serializes: instructions that it has fetched ahead are fetched again"),
    "lfence": _plain("waits until all instructions before it are done (lfence)"),
    "sfence": _plain("waits until its earlier writes are done"),
    "mfence": _plain("waits until its earlier reads and writes are done"),
    "swapgs": _plain("exchanges the GS base with the one kept for the user"),
    "wrmsr": _write_msr,
    "rdmsr": _read_msr,
    "lgdt": _load_table("GDT"),
    "lidt": _load_table("IDT"),
    "ltr": _load_selector("task"),
    "lldt": _load_selector("LDT"),
    "(bad)": lambda i: f"finds no instruction at {i.code(i.address)}: an invalid opcode exception",
}

_TABLE: dict[str, Saying] = {
    "mov": _move,
    "movabs": _move,
    "lea": _load_address,
    "push": _push,
    "pop": _pop,
    "pushf": _push_flags,
    "popf": _pop_flags,
    "call": _call,
    "jmp": _jump,
    "ret": _return,
    "lret": _return_far,
    "retf": _return_far,
    "iret": _return_interrupt,
    "leave": _leave,
    "stos": _store_string,
    "movs": _move_string,
    "cmps": _compare_string,
    "scas": _scan_string,
    **_SYSTEM,
    **arithmetic.TABLE,
}
