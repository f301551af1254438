"""What learners wrongly believe of code that changes: a wrong choice of a question says what one of these would."""

from __future__ import annotations

from enum import Enum


class Belief(Enum):
    """A belief that does not hold, by its name in files."""

    STALE_COPY = "stale-copy"  # until a sync comes, each CPU has the old code in store
    FIVE_AT_ONCE = "five-at-once"  # five bytes in one store are safe
    TEAR_FAULTS = "tear-faults"  # half an instruction faults at once
    WORLD_STOPS = "world-stops"  # Linux stops all CPUs to patch
    SYNC_BARRIER = "sync-barrier"  # at a sync the CPUs wait for each other
    INT3_PARKS = "int3-parks"  # a CPU that takes the int3 waits for the end of the patch
    INT3_SKIPS = "int3-skips"  # int3 means that the call is left out for now
    NOP_IS_FREE = "nop-is-free"  # a NOP costs nothing
    COMPILED_NOPS = "compiled-nops"  # the NOPs were in the file from the start
    MEMORY_IS_ALL = "memory-is-all"  # once memory holds the new byte, every CPU runs it
    SEARCH_AT_RUN_TIME = "search-at-run-time"  # ftrace searches the code for calls; batches make it fast
