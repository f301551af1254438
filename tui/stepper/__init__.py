"""The stepper without a screen: what one can do, and what there is to say of where one stands.

    stepper    a simulation, and the ways to move in it
    actions    all that a person may ask for, as one table: name, keys, help, what it does
    story      a snapshot in words and marked bytes, for any screen

The Textual screen, plain mode and tests are front ends of it. Nothing here knows a terminal.
"""
