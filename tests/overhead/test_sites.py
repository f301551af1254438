"""Enabling every site, as their number grows: the counts by the protocol's own arithmetic, the price by its parts."""

from __future__ import annotations

import pytest

from simkernel.kernel.layout import TP_VEC_MAX
from simkernel.overhead.published import published
from simkernel.overhead.quiet import at_rest
from simkernel.overhead.sites import CPUS, SITES, patch_sites
from simkernel.patching.steps import TABLE_PRICE
from simkernel.patching.text_poke import ACTION_PRICE, IPI_PRICE, POKE_PRICE
from simkernel.protocol import INT3_PROTOCOL, SyncCores, Write
from tui.tables import sites_lines

STORES = sum(isinstance(phase.action, Write) for phase in INT3_PROTOCOL.phases)
SYNCS = sum(isinstance(phase.action, SyncCores) for phase in INT3_PROTOCOL.phases)


@pytest.mark.parametrize("sites", [1, 100, TP_VEC_MAX, TP_VEC_MAX + 1, 1_000])
def test_the_counts_are_the_protocols(sites: int) -> None:
    row = patch_sites(sites)
    assert (row.sites, row.batches) == (sites, -(-sites // TP_VEC_MAX))
    assert (row.stores, row.syncs) == (STORES * sites, SYNCS * row.batches)
    assert row.answers == CPUS * (row.syncs + row.others + row.barriers)
    assert (row.others, row.barriers) == (SYNCS * 2 * 2, 1)  # ftrace_call, ftrace_regs_call: to the list func, and on
    passes = TABLE_PRICE * (row.records + row.sites)  # one over all records, one that verifies those to change
    known = POKE_PRICE * row.stores + IPI_PRICE * (row.syncs + row.others + row.barriers) + passes
    actions, part = divmod(row.price - known, ACTION_PRICE)
    assert part == 0 and 0 < actions < 3 * row.batches + 200


def test_what_goes_to_the_trampolines_is_told_as_syncs_and_a_barrier() -> None:
    """`ftrace_modify_all_code()` (6.12): update_ftrace_func() before and after the sites, one smp_call_function()."""
    told = sites_lines([row := patch_sites(10)])
    once = f"{row.others} more syncs for ftrace's trampolines, once, however many sites change"
    assert f"In each row {once}, and {row.barriers} barrier IPI" in "\n".join(told)
    assert not any(f"{row.others + row.barriers} more syncs" in line for line in told)


def test_50_749_sites_take_what_was_reckoned_for_a_machine_with_so_many() -> None:
    """199 batches, 597 syncs, 152,247 stores: reckoned by hand for Linux 6.12's text_poke_bp_batch()."""
    row = patch_sites(50_749)
    assert 50_749 in SITES and (row.batches, row.syncs, row.stores) == (199, 597, 152_247)


def test_a_kernel_that_has_enough_functions_is_the_default_one() -> None:
    assert len(at_rest(1).image.mcount_loc) == len(at_rest(100).image.mcount_loc) < len(at_rest(1_000).image.mcount_loc)


def test_each_published_figure_has_its_source_and_no_unsourced_one_is_there() -> None:
    figures = published("patching") + published("workload")
    assert len(figures) >= 8 and all(one.text.endswith(".") and one.source for one in figures)
    assert all(bool(one.sites) == bool(one.short) for one in figures)
    assert not any("13 %" in one.text or "13%" in one.text for one in figures)
