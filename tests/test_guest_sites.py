"""Where the sites of the default kernel lie, and that what a function does is the same whether it is traced or not."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from simkernel import disasm, insn
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage, layout
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from tests.guest.whole_kernel import C

# How many of its bytes lie before the end of a line (of a page: __task_pid_nr_ns).
ACROSS = {"vfs_read": 3, "vfs_write": 4, "kmem_cache_free": 1, "folio_mark_accessed": 2, "__task_pid_nr_ns": 3}


def test_schedule_begins_as_in_the_exhibit() -> None:
    image = KernelImage.default()
    schedule = image.symbol("schedule")
    call = insn.call(schedule.address, image.address("__fentry__"))
    assert image.text_of(schedule).startswith(call + insn.push("rbp"))


def test_only_the_named_sites_leave_an_aligned_word() -> None:
    """Functions are 16-byte aligned (CONFIG_FUNCTION_ALIGNMENT_16B), so a site is in one word of 8 bytes."""
    image = KernelImage.default()
    found = {}
    for symbol in image.functions():
        if symbol.address % 16:
            found[symbol.name] = layout.CACHE_LINE - symbol.address % layout.CACHE_LINE
    assert found == ACROSS
    assert image.address("__task_pid_nr_ns") % layout.PAGE_SIZE == layout.PAGE_SIZE - 3


@pytest.mark.parametrize("name", ACROSS)
def test_a_function_that_lies_elsewhere_than_in_linux_says_so(name: str) -> None:
    guest = resources.files("simkernel") / "guest"
    sources = [path.read_text(encoding="utf-8") for path in guest.iterdir() if path.name.endswith(".S")]
    (comment,) = [
        text[: match.start()].rpartition("/*")[2]
        for text in sources
        if (match := re.search(rf"^SYM_FUNC_START_STRADDLE\w* {name},", text, re.M))
    ]
    assert "Simplified:" in comment
    assert "to 16" in comment


def cats(simulation: Simulation) -> list[int]:
    """The task_structs of the tasks that read /etc/passwd and compare each byte."""
    memory = parts_of(simulation).machine.memory
    tasks = range(layout.TASKS_BASE, layout.TASKS_BASE + layout.TASKS_MAX * layout.TASK_SIZE, layout.TASK_SIZE)
    return [task for task in tasks if memory.read(task + layout.TASK_COMM, 4) == b"cat\0"]


def read_and_wrong(simulation: Simulation) -> tuple[int, int]:
    """Bytes that the cats have compared, and how many comparisons of any kind went wrong."""
    memory = parts_of(simulation).machine.memory
    user = [C["USER_BASE"] + 2 * (task - layout.TASKS_BASE) for task in cats(simulation)]
    return (
        sum(memory.read_u64(one + C["UB_SUM"]) for one in user),
        sum(memory.read_u64(task + layout.TASK_ERRORS) for task in cats(simulation)),
    )


@pytest.mark.parametrize("model", [FetchModel.PIECES, FetchModel.BYTE])
def test_vfs_read_copies_the_right_bytes_traced_or_not(model: FetchModel) -> None:
    simulation = Simulation.boot(Options(cpus=2, model=model, patch_quantum=16))
    simulation.do(SetFilter("filter", "vfs_read filemap_read ksys_read"))
    before = 0
    for tracer in ("nop", "function", "nop", "function"):
        simulation.do(SetTracer(tracer))
        assert simulation.run_until_idle()
        simulation.run(300_000)
        compared, wrong = read_and_wrong(simulation)
        assert compared > before and wrong == 0, tracer
        before = compared


def test_the_comparison_finds_a_wrong_byte() -> None:
    simulation = Simulation.boot(Options(cpus=2))
    simulation.run(300_000)
    memory, inode = parts_of(simulation).machine.memory, simulation.image.address("passwd_inode")
    for page in range(3):
        folio = memory.read_u64(inode + C["INODE_PAGES"] + 8 * page)
        data = C["PAGES_BASE"] + (folio - C["FOLIOS_BASE"]) * 4
        memory.write(data + 7, b"\0")
    simulation.run(600_000)
    assert read_and_wrong(simulation)[1] > 0


def test_a_torn_call_of_x64_sys_call_does_harm_wherever_its_cache_line_lies() -> None:
    """Byte 0 of the NOP, byte 1 of the call, bytes 2 to 4 of the NOP: #UD, or it goes to memory at twice rax."""
    image = KernelImage.default()
    site = image.site_of(image.symbol("x64_sys_call"))
    assert site % layout.CACHE_LINE == 0
    for line in range(site, site + 0x100, layout.CACHE_LINE):
        torn = insn.NOP5[:1] + insn.call(line, layout.TRAMP_BASE)[1:2] + insn.NOP5[2:]
        found = list(disasm.decode(torn, line))
        assert found[0].mnemonic == "(bad)" or "(%rax,%rax" in found[0].text, torn.hex(" ")
        assert not found[0].mnemonic.startswith("nop")
