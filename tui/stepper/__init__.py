"""The stepper without a screen: what one can do, and what there is to say of where one stands.

    stepper    a simulation, and the ways to move in it
    actions    all that a person may ask for, as one table: name, keys, help, what it does
               (moves, asks, leave_out carry them out)
    story      a snapshot in words and marked bytes, for any screen; words: what its words mean
    mysteries  the two questions that a first start asks
    plain      words in, short paragraphs or JSON out; answers: what it says when it is asked

The Textual screen, plain mode and tests are front ends of it. Nothing here knows a terminal.
"""
