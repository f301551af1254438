"""Moments: a point in a simulation's history as a string that anyone can paste, and that opens the very same state.

    moment      what a moment holds, how one is taken and opened
    form        its JSON: the type and range of each value, checked as they are read
    subject     the change that a moment is about
    armour      the string around the JSON, and what people paste beside it

A moment comes from anywhere: from a mail, a web page, the file that the last session left. Whatever it holds, reading
and opening it raises nothing but LearnerError, and takes bounded time and memory.
"""

from simkernel.sim.moment.armour import MARK
from simkernel.sim.moment.form import MAX_CLOCK, MAX_ENTRIES
from simkernel.sim.moment.moment import STRING_LIMIT, Moment, moment_string, open_moment, read_moment
from simkernel.sim.moment.subject import story_at

__all__ = [
    "MARK",
    "MAX_CLOCK",
    "MAX_ENTRIES",
    "STRING_LIMIT",
    "Moment",
    "moment_string",
    "open_moment",
    "read_moment",
    "story_at",
]
