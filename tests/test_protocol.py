"""The tables: what memory holds after each phase follows from the writes."""

from __future__ import annotations

import re
from itertools import product

import pytest

from simkernel import disasm
from simkernel.protocol import (
    ATOMIC8,
    INT3_2012,
    INT3_PROTOCOL,
    NEW,
    NOP_FORMS,
    OLD,
    POKE_MAX_OPCODE_SIZE,
    PROTOCOLS,
    STOP_MACHINE,
    STOP_MACHINE_BARE,
    Protocol,
    SyncCores,
    Which,
    Write,
)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
def test_memory_is_what_the_writes_make_it(protocol: Protocol) -> None:
    for site, size in product(range(0x1000, 0x1008), range(1, POKE_MAX_OPCODE_SIZE + 1)):
        now = [OLD] * size
        for phase in protocol.phases:
            if isinstance(phase.action, Write):
                for at in phase.action.offsets(site, size):
                    now[at] = phase.action.part
            assert phase.memory(size, site) == tuple(now), (phase.name, site, size)
        assert set(now) == {NEW}


def test_a_write_stores_the_head_the_tail_all_or_one_byte_of_an_instruction() -> None:
    sizes = range(1, POKE_MAX_OPCODE_SIZE + 1)
    assert [list(Write(Which.HEAD).span(size)) for size in sizes] == [[0]] * 5
    assert [list(Write(Which.TAIL).span(size)) for size in sizes] == [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]
    assert [list(Write().span(size)) for size in sizes] == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4]]
    assert [list(Write(2).span(size)) for size in sizes] == [[], [], [2], [2], [2]]


def test_a_sync_is_needed_as_in_text_poke_bp_batch() -> None:
    """`do_sync` counts the entries with `len - INT3_INSN_SIZE > 0`, then those whose new byte 0 is not int3."""
    syncs = [phase.action for phase in INT3_PROTOCOL.phases if isinstance(phase.action, SyncCores)]
    needed = [[sync.needed(tail, head) for sync in syncs] for tail, head in product((False, True), repeat=2)]
    assert needed == [[True, False, False], [True, False, True], [True, True, False], [True, True, True]]


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
def test_each_row_says_who_used_it_and_where_that_is_written(protocol: Protocol) -> None:
    assert protocol.era and protocol.source and protocol.prose.endswith(".")
    assert len({phase.name for phase in protocol.phases}) == len(protocol.phases)
    for phase in protocol.phases:
        assert all(text.endswith((".", "?")) for text in (phase.true_now, phase.why, phase.without)), phase.name


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
def test_what_is_not_resolved_promises_no_cpu(protocol: Protocol) -> None:
    """Without a sync a CPU can run the old bytes, the new ones or, by what manuals allow, some of both."""
    for phase in protocol.phases:
        assert phase.resolved or not re.search(r"\bruns the\b", phase.true_now), phase.name


@pytest.mark.parametrize("protocol", [INT3_PROTOCOL, INT3_2012], ids=lambda protocol: protocol.name)
def test_the_int3_protocols_speak_of_both_ways(protocol: Protocol) -> None:
    """From a NOP to a call and back: what a CPU could run in between is a call in one of the two ways only."""
    for phase in protocol.phases:
        assert "a call" not in f"{phase.true_now} {phase.why} {phase.without}", phase.name


def test_stop_machine_names_the_function_of_its_years() -> None:
    """multi_cpu_stop() is that of 3.13 (stop_two_cpus()), which text_poke_smp() and ftrace's stop_machine never saw."""
    for protocol in (STOP_MACHINE, STOP_MACHINE_BARE):
        then = [phase.linux.partition(" [")[0] for phase in protocol.phases]
        assert then[0] == "stop_machine() -> stop_machine_cpu_stop()"
        assert not any("multi_cpu_stop" in name for name in then)


def test_what_nobody_uses_names_no_function_of_linux_and_no_thread_where_there_is_none() -> None:
    for protocol in PROTOCOLS.values():
        for phase in protocol.phases:
            assert not (protocol.era.users == "used by no kernel" and phase.linux), (protocol.name, phase.name)
            assert "-ipi" not in protocol.name or "thread" not in f"{phase.true_now} {phase.why}", phase.name


def test_a_site_in_one_word_is_stored_at_once() -> None:
    first, second = (phase.action for phase in ATOMIC8.phases)
    assert isinstance(first, Write) and isinstance(second, Write)
    assert [list(first.offsets(at, 5)) for at in (0x1000, 0x1003)] == [[0, 1, 2, 3, 4]] * 2
    assert [list(one.offsets(0x1005, 5)) for one in (first, second)] == [[0, 1, 2], [3, 4]]
    assert [list(one.offsets(0x1007, 2)) for one in (first, second)] == [[0], [1]]
    assert not second.offsets(0x1000, 5) and not second.offsets(0x1006, 2)


def test_nop_forms_are_five_bytes() -> None:
    assert {len(form) for form in NOP_FORMS.values()} == {5}


def test_the_jump_is_linuxs_fallback_one_jump_over_three_nops() -> None:
    """`ftrace_test_jmp`: jmp to behind three one-byte NOPs (arch/x86/kernel/ftrace.c, until 2.6.38)."""
    jump, *behind = disasm.decode(NOP_FORMS["jmp+3"], 0x1000)
    assert (jump.mnemonic, jump.size, jump.target) == ("jmp", 2, 0x1005)
    assert [one.text for one in behind] == ["nop"] * 3
