"""What a learner does and is told. It uses the engine only, and knows no terminal.

content     the scenarios that a run starts from: a folder each, without code
session     a person's run: how it starts, where it stops, how it moves, what can be asked of it
story       a place in a run in words and marked bytes
activities  what a person does besides: the opening, the lab, what tracing costs, boot, the table of functions
visit       the way from one activity to the next, and back
activity    the contract of all that a person does; costs and boot keep it
picture     what there is to see of an activity, as typed parts (chart, lanes: the values of two of them)
"""
