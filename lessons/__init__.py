"""What a learner does and is told. It uses the engine only, and knows no terminal.

activities  what a person does: the list of it all, a story, the opening, the lab, what tracing costs, boot, the
            functions
content     the scenarios that a run starts from: a folder each, without code
story       a place in a run in words and marked bytes; questions about it
session     a person's run: how it starts, where it stops, how it moves, what can be asked of it
visit       the way from one activity to the next, and back
activity    the contract of all that a person does
picture     what there is to see of an activity, as typed parts; `machine` has those that show a machine, and
            `chart`, `lanes` and `table` the values of some
kept        the place to which a person comes back another day
"""
