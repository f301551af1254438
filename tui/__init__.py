"""All that faces a person at a terminal. It uses the lessons and the engine; nothing uses it.

cli        the command `simkernel`: its list of commands, and what becomes of an error; commands/: one a file
options    what several commands take; globs: patterns of functions; session: from options to a simulation
output     how a command answers; tables: the price of tracing as text and JSON; report: a bug's report
streams    the standard streams, whatever the shell has made of them; interrupt: signals that end the program
view/      drawing without a toolkit
app/       the screen
stepper/   plain mode
"""
