"""What Linux calls the functions that patch code: in 6.12, and in 6.16 and later."""

from __future__ import annotations

import re

LATER = {
    "&bp_desc.refs": "per_cpu_ptr(&text_poke_array_refs, i)",  # one counter for each CPU
    "bp_desc": "text_poke_array",
    "tp_vec": "text_poke_array",
    "text_poke_loc": "smp_text_poke_loc",
    "text_poke_queue": "smp_text_poke_batch_add",
    "text_poke_finish": "smp_text_poke_batch_finish",
    "text_poke_bp_batch": "smp_text_poke_batch_finish",
    "text_poke_bp": "smp_text_poke_single",
    "text_poke_sync": "smp_text_poke_sync_each_cpu",
    "poke_int3_handler": "smp_text_poke_int3_handler",
    "poking_mm": "text_poke_mm",
    "POKE_MAX_OPCODE_SIZE": "TEXT_POKE_MAX_OPCODE_SIZE",
}
"""Names of arch/x86/kernel/alternative.c and asm/text-patching.h, by those of 6.12.

Those of 6.16 are of April 2025: a series of I. Molnar's (3c8454dfc914 renames the last of them), and E. Dumazet's
counter for each CPU.
"""
_NAMES = re.compile("|".join(rf"(?<![\w&]){re.escape(name)}\b" for name in sorted(LATER, key=len, reverse=True)))


def linux(text: str, later: bool) -> tuple[str, str]:
    """What Linux does, and the version of which that is said: "Linux 6.12", "Linux 6.16+".

    Args:
        text: with names of 6.12.
        later: with names of 6.16 and later instead.

    Returns:
        The version and the text; plain "Linux" where no name of it has changed between the two.
    """
    if not _NAMES.search(text):
        return "Linux", text
    if not later:
        return "Linux 6.12", text
    return "Linux 6.16+", _NAMES.sub(lambda found: LATER[found.group()], text)
