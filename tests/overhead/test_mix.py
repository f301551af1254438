"""Native bodies: each encoding against Capstone, and what they execute against what the default kernel executes."""

from __future__ import annotations

import random
import struct
from collections import Counter

import pytest
import unicorn
from unicorn import x86_const

from simkernel import disasm
from simkernel.overhead import mix
from simkernel.overhead.bodies import BEGINNINGS, Bodies
from simkernel.overhead.exact import exact
from simkernel.overhead.forms import form_of

PRIVILEGED = ("cli", "sti", "hlt", "iretq")
BASE, STACK, OBJECTS, END = 0x10_0000, 0x80_0000, 0x90_0000, 0x100


@pytest.mark.parametrize("form", mix.WORK)
def test_an_encoding_is_of_its_form(form: str) -> None:
    draw = random.Random(form)
    for _ in range(20):
        forms = [form_of(one) for one in disasm.decode(mix.WORK[form](draw), 0) if one.mnemonic != "int3"]
        assert forms in ([form], ["test", form], [form, "popf"]), forms


def test_nearly_all_that_the_default_kernel_runs_is_in_the_mix() -> None:
    forms = exact("nop").forms
    left_out = {form: times for form, times in forms.items() if form not in mix.WORK.keys() | mix.FRAME}
    assert sum(left_out.values()) - sum(left_out.get(form, 0) for form in PRIVILEGED) < 0.02 * exact("nop").instructions


def executed(seeds: range) -> Counter[str]:
    """Forms that the bodies of some seeds run, each root called once."""
    forms: Counter[str] = Counter()
    for seed in seeds:
        bodies = Bodies(48, seed)
        text, offsets = bodies.place(BEGINNINGS["none"], BASE, {})
        machine = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        machine.mem_map(0, 0x100_0000)
        machine.mem_write(BASE, text)
        machine.mem_write(OBJECTS, mix.objects(OBJECTS, seed))

        def seen(_machine: unicorn.Uc, address: int, size: int, _data: object, text: bytes = text) -> None:
            code = text[address - BASE : address - BASE + size]
            forms[form_of(next(disasm.decode(code, address)))] += 1

        machine.hook_add(unicorn.UC_HOOK_CODE, seen)
        for number, root in enumerate(bodies.roots):
            machine.mem_write(STACK, struct.pack("<Q", END))
            machine.reg_write(x86_const.UC_X86_REG_RSP, STACK)
            machine.reg_write(x86_const.UC_X86_REG_RDI, OBJECTS + mix.OBJECT * number)
            machine.emu_start(offsets[root], END)
    return forms


def share(forms: Counter[str], wanted: str) -> float:
    """Of all instructions, those whose form has a word."""
    return sum(times for form, times in forms.items() if wanted in form.split()) / forms.total()


def test_the_bodies_run_the_default_kernels_mix() -> None:
    mine, kernels = executed(range(10)), Counter(dict(exact("nop").forms))
    del kernels["nop"]
    for wanted in ("load", "store", "lock", "lea", "inc", "je", "jae", "jmp", "pushf"):
        assert share(mine, wanted) == pytest.approx(share(kernels, wanted), rel=0.25), wanted
