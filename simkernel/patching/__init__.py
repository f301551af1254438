"""Changing code that other CPUs run: batches of sites, carried out by a protocol (`text_poke_bp_batch()`)."""
