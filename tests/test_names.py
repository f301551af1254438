"""Names in the guest are Linux's, have a site where Linux's have one, and are static where Linux's are.

`guest/names.tsv` is the list. Where LINUX_SOURCE names a tree of Linux 6.12, the list is held against that too.
"""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from importlib import resources
from pathlib import Path

import pytest

from simkernel.kernel import KernelImage, Symbol, layout
from tests.guest.whole_kernel import WholeKernel
from tests.linux_source import LinuxSource, in_source
from tui.commands import config

NAMES = Path(__file__).parent / "guest" / "names.tsv"
ROOT = os.environ.get("LINUX_SOURCE", "")
# What Brendan Gregg shows in his post of 2019-10-15 on the talk, under the names of 6.12.
GREGG = (
    "schedule aa_af_perm _raw_spin_lock __mod_node_page_state __cond_resched rcu_all_qs __accumulate_pelt_segments "
    "decay_load"
)
needs_source = pytest.mark.needs("linux-source")


@cache
def listed() -> dict[str, tuple[str, str, str]]:
    """(status, type in kallsyms, file) of each name."""
    lines = NAMES.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    assert len({name for name, _, _, _ in rows}) == len(rows)
    return {name: (status, letter, file) for name, status, letter, file in rows}


def having(*statuses: str) -> list[str]:
    return [name for name, (status, _, _) in listed().items() if status in statuses]


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


@needs_source
def test_linux_has_each_name_with_its_status() -> None:
    linux = LinuxSource(Path(ROOT))
    wrong = []
    for name, (status, _, file) in listed().items():
        found = linux.statuses(in_source(name), file) if status not in ("ours", "data") else {status}
        if {"omitted": "traced"}.get(status, status) not in found:
            wrong.append((name, status, file, found))
    assert wrong == []


@needs_source
def test_linux_has_each_name_with_its_type() -> None:
    linux = LinuxSource(Path(ROOT))
    known = [(in_source(name), letter, file) for name, (status, letter, file) in listed().items() if status != "ours"]
    assert [(*row, found) for row in known if (found := linux.letters(row[0], row[2])) != {row[1]}] == []
    assert re.search(
        r"\.rodata .*\n(?:.*\n){1,6}\s*RO_AFTER_INIT_DATA", linux.text("include/asm-generic/vmlinux.lds.h")
    )


def config_page() -> str:
    return (resources.files("simkernel") / "guest" / "kernel.config").read_text(encoding="utf-8")


@needs_source
def test_linux_has_every_setting_of_the_config_page() -> None:
    known = LinuxSource(Path(ROOT)).settings()
    assert {one["name"].removeprefix("CONFIG_") for one in config.settings(config_page())} <= known


@needs_source
@pytest.mark.needs("make", "gcc", "flex", "bison")
def test_kconfig_takes_the_config_page_but_for_what_is_simplified(tmp_path: Path) -> None:
    (tmp_path / ".config").write_text(config_page(), encoding="utf-8")
    command = ["make", "-s", "-C", ROOT, f"O={tmp_path}", "ARCH=x86_64", "olddefconfig"]
    subprocess.run(command, check=True, capture_output=True)
    taken = {one["name"]: one["value"] for one in config.settings((tmp_path / ".config").read_text(encoding="utf-8"))}
    other = [one for one in config.settings(config_page()) if taken.get(one["name"], "n") != one["value"]]
    assert [one["name"] for one in other if "simplified" not in one] == []
    assert {one["name"] for one in other} == {"CONFIG_PREEMPT_RCU", "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS"}
