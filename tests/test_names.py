"""Names in the guest are Linux's, have a site where Linux's have one, and are static where Linux's are.

`guest/names.tsv` is the list. `tests/linux_facts` knows what Linux's source says of each name on it.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

import pytest

from simkernel.kernel import KernelImage, Symbol, layout
from tests.guest.names import having, in_source, listed
from tests.guest.whole_kernel import WholeKernel
from tests.linux_facts import facts, words
from tests.linux_facts.collect import config_page, key
from tui.commands import config

# What Brendan Gregg shows in his post of 2019-10-15 on the talk, under the names of 6.12.
GREGG = (
    "schedule aa_af_perm _raw_spin_lock __mod_node_page_state __cond_resched rcu_all_qs __accumulate_pelt_segments "
    "decay_load"
)


def shown() -> list[Symbol]:
    """The symbols that kallsyms shows."""
    return [symbol for symbol in KernelImage.default().symbols if symbol.kind != "."]


@cache
def guest_sources() -> list[str]:
    folder = resources.files("simkernel") / "guest"
    return [path.read_text(encoding="utf-8") for path in folder.iterdir() if path.name.endswith(".S")]


def test_every_name_is_on_the_list() -> None:
    assert {symbol.name for symbol in shown()} == set(listed())


def test_every_name_has_the_type_of_the_list() -> None:
    assert {symbol.name: symbol.kind for symbol in shown()} == {name: one[1] for name, one in listed().items()}


def test_what_is_not_in_linux_is_known_to_no_other_file() -> None:
    assert [name for name in having("ours") if listed()[name][1].isupper()] == []


def test_a_function_has_a_site_where_linux_has_one() -> None:
    assert {symbol.name for symbol in KernelImage.default().functions()} == set(having("traced"))


@pytest.mark.parametrize("name", having("init", "omitted"))
def test_a_site_that_is_left_out_is_marked(name: str) -> None:
    (text,) = [text for text in guest_sources() if re.search(rf"^SYM_\w+_START\w* {name}$", text, re.M)]
    assert "Simplified:" in text


def test_there_are_enough_functions_in_enough_subsystems() -> None:
    files = [listed()[name][2].split("/") for name in having("traced")]
    subsystems = {"/".join(file[:2]) if file[0] in ("arch", "kernel") else file[0] for file in files}
    assert len(files) >= 60
    assert subsystems >= {
        "arch/x86",
        "fs",
        "kernel/locking",
        "kernel/rcu",
        "kernel/sched",
        "kernel/time",
        "mm",
        "net",
        "security",
    }


@pytest.mark.parametrize("name", GREGG.split())
def test_what_the_exhibits_show_is_traced(name: str) -> None:
    assert name in having("traced")


def test_names_that_gcc_makes_are_those_of_debians_build() -> None:
    assert [name for name in listed() if "." in name] == [
        "idt_setup_from_table.constprop.0",
        "finish_task_switch.isra.0",
        "link_path_walk.part.0.constprop.0",
    ]
    assert [in_source(name) for name in ("finish_task_switch.isra.0", "link_path_walk.part.0.constprop.0", "a.b")] == [
        "finish_task_switch",
        "link_path_walk",
        "a.b",
    ]


def test_the_grace_period_thread_has_the_name_that_the_configuration_gives_it() -> None:
    """RCU_NAME_RAW (kernel/rcu/tree.h)."""
    settings = {one["name"]: one["value"] for one in config.settings(config_page())}
    name = "rcu_preempt" if settings["CONFIG_PREEMPT_RCU"] == "y" else "rcu_sched"
    kernel = WholeKernel(KernelImage.default(), cpus=1)
    kernel.run(100)
    thread = kernel.word("rcu_gp_task")
    assert [task.comm for task in kernel.tasks() if task.address == thread] == [name]
    sources = "".join(guest_sources())
    assert f'.ascii "{name}"' in sources and sources.count("rcu_preempt") == 1  # why it is not


def test_text_and_trampolines_lie_where_the_configuration_puts_them() -> None:
    """asm/page_64_types.h, asm/pgtable_64_types.h, execmem_arch_setup(): without an offset, as nokaslr says."""
    settings = {one["name"]: one["value"] for one in config.settings(config_page())}
    start_kernel_map = 0xFFFF_FFFF_8000_0000
    assert layout.TEXT_BASE == start_kernel_map + int(settings["CONFIG_PHYSICAL_START"], 16)
    kernel_image_size = (1024 if settings["CONFIG_RANDOMIZE_BASE"] == "y" else 512) << 20
    modules = start_kernel_map + kernel_image_size
    assert max(segment.base for segment in KernelImage.default().segments) < modules
    assert modules <= layout.TRAMP_BASE < modules + (16 << 20), "nothing else lies before them that is so large"
    assert f"{modules:#x}" in config_page() and "nokaslr" in config_page()


def test_the_page_says_which_waits_ftrace_shutdown_makes() -> None:
    notes = {one["name"]: one for one in config.settings(config_page())}
    assert notes["CONFIG_TASKS_RCU"]["value"] == notes["CONFIG_TASKS_RUDE_RCU"]["value"] == "y"
    assert "ftrace_shutdown()" in notes["CONFIG_TASKS_RUDE_RCU"]["simplified"]


def test_linux_has_each_name_with_its_status() -> None:
    wrong = []
    for name, (status, _, _) in listed().items():
        found = words(facts().statuses, key(name)) if status not in ("ours", "data") else {status}
        if {"omitted": "traced"}.get(status, status) not in found:
            wrong.append((name, status, found))
    assert wrong == []


def test_linux_has_each_name_with_its_type() -> None:
    known = {name: letter for name, (status, letter, _) in listed().items() if status != "ours"}
    assert {name: words(facts().letters, key(name)) for name in known} == {name: {known[name]} for name in known}
    assert facts().after_init_in_rodata


def test_linux_has_every_setting_of_the_config_page() -> None:
    asked = {one["name"]: one["value"] for one in config.settings(config_page())}
    assert {name: kept.split()[0] for name, kept in facts().options.items()} == asked


def test_kconfig_takes_the_config_page_but_for_what_is_simplified() -> None:
    taken = {name: kept.split()[1] for name, kept in facts().options.items()}
    other = [one for one in config.settings(config_page()) if taken[one["name"]] != one["value"]]
    assert [one["name"] for one in other if "simplified" not in one] == []
    assert {one["name"] for one in other} == {"CONFIG_PREEMPT_RCU", "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS"}
