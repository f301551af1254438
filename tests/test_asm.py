"""The assembler: what comes out of sources of ours. What it refuses is in test_asm_refusals.py."""

from __future__ import annotations

import pytest

from simkernel import disasm, insn
from simkernel.asm import Assembly
from simkernel.kernel import layout
from tests.kernels import assemble, assemble_in_child, macros, tiny, with_body

pytestmark = pytest.mark.keystone


@pytest.fixture(scope="module")
def kernel() -> Assembly:
    return assemble(tiny())


def text_of(made: Assembly, name: str) -> list[str]:
    symbol = next(s for s in made.symbols if s.name == name)
    code = made.text[symbol.address - made.base :][: symbol.size]
    return [i.text for i in disasm.decode(code, symbol.address)]


def body(*lines: str, data: str = "") -> list[str]:
    """What the lines become in a function, without its site."""
    return text_of(assemble(with_body("\n".join(lines), data)), "f")[1:]


def test_symbols_have_addresses_sizes_and_kinds(kernel: Assembly) -> None:
    of = {s.name: s for s in kernel.symbols}
    assert of["_stext"].address == layout.TEXT_BASE == kernel.base
    assert of["_etext"].address == kernel.base + len(kernel.text)
    assert of["_sdata"].address == kernel.data_base and kernel.data_base % layout.PAGE_SIZE == 0
    assert of["_edata"].address == kernel.data_base + len(kernel.data)
    assert (of["counter"].size, of["counter"].kind, of["first"].kind, of["hlt_resume"].kind) == (16, "D", "T", "t")
    assert {of[name].kind for name in ("_text", "_etext", "_sdata", "_edata", "__start_mcount_loc")} == {"T", "D"}
    assert of["__fentry__"].size == 1 and not of["__fentry__"].traced
    assert [s.name for s in kernel.symbols if s.traced] == ["first", "second"]
    assert not any(s.name.startswith(".L") for s in kernel.symbols)
    assert [s.address for s in kernel.symbols] == sorted(s.address for s in kernel.symbols)


def test_linkage_and_part_are_what_kallsyms_shows() -> None:
    text = (
        "SYM_FUNC_START_NOTRACE __fentry__\nret\nSYM_FUNC_END __fentry__\nSYM_FUNC_START f\n"
        "SYM_INNER_LABEL f_call, SYM_L_GLOBAL\nnop\nSYM_INNER_LABEL f_end, SYM_L_LOCAL\nret\nSYM_FUNC_END f\n"
        "SYM_FUNC_START_LOCAL g\nHOST_LABEL g_found\nret\nSYM_FUNC_END g\n"
        "SYM_FUNC_START_NOTRACE_LOCAL h\nret\nSYM_FUNC_END h\n.data\nSYM_DATA_START d\n.quad 0x1\nSYM_DATA_END d\n"
        "SYM_DATA_START_LOCAL e\n.quad 0x0\nSYM_DATA_END e\n.bss\nSYM_DATA_START z\n.quad 0x0\nSYM_DATA_END z\n"
        "SYM_DATA_START_LOCAL y\n.quad 0x0\nSYM_DATA_END y\nloose: .quad 0x0\n"
    )
    made = assemble([macros(), ("body.S", text)])
    kinds = {s.name: s.kind for s in made.symbols}
    wanted = "f T, f_call T, f_end t, g t, g_found ., h t, d D, e d, z B, y b, loose b"
    assert {f"{name} {kinds[name]}" for name in kinds} >= set(wanted.split(", "))
    assert [s.name for s in made.symbols if s.traced] == ["f", "g"]
    told = text.replace("_LOCAL", "").replace(", SYM_L", ", SYM_L_LOCAL").replace(".bss", ".data")
    plain = assemble([macros(), ("body.S", told)])
    assert (plain.text, plain.data, plain.sites) == (made.text, made.data, made.sites)


def test_sites_are_sorted_and_in_the_data_and_hold_the_call(kernel: Assembly) -> None:
    of = {s.name: s for s in kernel.symbols}
    assert kernel.sites == (of["first"].address, of["second"].address)
    start, stop = (of[name].address - kernel.data_base for name in ("__start_mcount_loc", "__stop_mcount_loc"))
    assert kernel.data[start:stop] == b"".join(site.to_bytes(8, "little") for site in kernel.sites)
    for site in kernel.sites:
        assert insn.is_call_to(site, kernel.text[site - kernel.base :], of["__fentry__"].address)
    assert kernel.sites[0] % 16 == 0 and kernel.sites[1] % 64 == 0x3D


def test_functions_say_what_their_lines_say(kernel: Assembly) -> None:
    of = {s.name: s.address for s in kernel.symbols}
    call, *rest = text_of(kernel, "first")
    loop = of["first"] + 5 + 1 + 9 + 9
    assert call == f"call {of['__fentry__']:#x}"
    assert rest == [
        "push %rbp",
        "mov %gs:0x10,%rax",
        "mov %gs:0x28,%rdx",
        "incq %gs:0x68",
        f"jne {loop:#x}",
        f"mov {layout.FTRACE_OPS_BASE:#x},%rcx",
        rest[6],
        f"call {of['second']:#x}",
        "sti",
        "hlt",
        "pop %rbp",
        "ret",
    ]
    lea = [i for i in disasm.decode(kernel.text, kernel.base) if i.text == rest[6]]
    assert lea[0].reference == of["counter"] + 8


def test_strings_keep_their_marks(kernel: Assembly) -> None:
    assert b"no; comment # here\0" in kernel.data


def test_ibt_puts_endbr64_before_the_site() -> None:
    made = assemble(tiny(), ibt=True)
    of = {s.name: s.address for s in made.symbols}
    assert made.sites == (of["first"] + 4, of["second"] + 4)
    assert made.text[of["first"] - made.base :][:4] == insn.ENDBR64
    assert made.sites[1] % 64 == 0x3D


def test_without_sites_only_the_calls_are_gone(kernel: Assembly) -> None:
    made = assemble(tiny(), sites=False)
    assert made.sites == ()
    mnemonics = [line.split("(")[0] for line in text_of(kernel, "first")]
    assert [line.split(" ")[0] for line in text_of(made, "first")] == [m.split(" ")[0] for m in mnemonics[1:]]


def test_the_same_sources_give_the_same_kernel(kernel: Assembly) -> None:
    assert assemble(tiny()) == kernel


def test_a_child_process_gives_the_same_kernel(kernel: Assembly) -> None:
    assert assemble_in_child(tiny()) == kernel


def test_macros_take_defaults_and_the_rest_and_a_counter() -> None:
    head = ".macro PUT a:req, b=0x7, rest:vararg\n.Lput\\@:\n"
    macro = head + "movq $\\a+\\b, %rax\n.ifnb \\rest\nmovq $\\rest, %rcx\n.endif\n.endm"
    assert body(macro, "PUT 0x1", "PUT 0x1, 0x2, 0x3") == ["mov $0x8,%rax", "mov $0x3,%rax", "mov $0x3,%rcx"]


def test_repeats_and_constants_that_change() -> None:
    lines = [".set i, 0x0", ".rept 0x3", "push $i", ".set i, i+0x1", ".endr", ".irp r, rax, rcx", "push %\\r", ".endr"]
    assert body(*lines) == ["push $0x0", "push $0x1", "push $0x2", "push %rax", "push %rcx"]


def test_conditions() -> None:
    lines = [".if PAGE_SIZE == 0x1000 && !0", "nop", ".else", "hlt", ".endif"]
    lines += [".ifdef CONFIG_X86_KERNEL_IBT", "hlt", ".elseif NR_CPUS > 0x2", "cli", ".endif"]
    lines += [".ifc a, a", ".ifndef NR_CPUS", "hlt", ".endif", "sti", ".endif"]
    assert body(*lines) == ["nop", "cli", "sti"]


def test_labels_of_a_file_are_its_own() -> None:
    one = with_body(".Lx: jmp .Lx\n1: jmp 1b")[1][1].replace(" f\n", " a\n")
    two = "SYM_FUNC_START b\n.Lx: jmp .Lx\n1: jmp 1f\n1: ret\nSYM_FUNC_END b\n"
    made = assemble([macros(), ("one.S", one), ("two.S", two)])
    at = {s.name: s.address for s in made.symbols}
    assert text_of(made, "a")[1:] == [f"jmp {at['a'] + 5:#x}", f"jmp {at['a'] + 7:#x}"]
    assert text_of(made, "b")[1:] == [f"jmp {at['b'] + 5:#x}", f"jmp {at['b'] + 9:#x}", "ret"]


def test_comments_and_several_statements_in_a_line() -> None:
    assert body("nop # hlt", "/* hlt", "hlt */ cli // hlt", "sti; nop") == ["nop", "cli", "sti", "nop"]


def test_constants_stand_for_addresses() -> None:
    assert body("movq FTRACE_OPS_BASE+OPS_FLAGS, %rcx", "movq $BSS_BASE, %rdx", "movl $0x1, %gs:PCPU_TICKS") == [
        f"mov {layout.FTRACE_OPS_BASE + layout.OPS_FLAGS:#x},%rcx",
        f"mov ${layout.BSS_BASE:#x},%rdx",
        "movl $0x1,%gs:0x68",
    ]
