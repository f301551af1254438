"""Lessons on live patching: content and its runner. They use the engine only.

scenarios  runs that show one thing each, as data
director   who moves next in them, so that it happens
stops      where a learner stops
left_out   what leaving a phase of a protocol out leads to, by running it
"""
