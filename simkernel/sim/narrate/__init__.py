"""English sentences from data: one for every event, one for the next instruction of a CPU. All front ends use these.

A sentence has at most 20 words. Its subject is a thing on the screen: a CPU reads, runs, takes, answers; the patching
task writes, waits. Names, bytes and numbers come from the event, the image and the protocol's table, never from here.
The texts of phases are in that table (`protocol/`).
"""

from __future__ import annotations

from simkernel.sim.narrate.events import PATCHING_TASK, sentence
from simkernel.sim.narrate.instructions import instruction_sentence

__all__ = ["PATCHING_TASK", "instruction_sentence", "sentence"]
