"""A person's run of a scenario: a simulation, where one stops in it, and the ways to move.

scenarios   runs that show one thing each: what they are, and how they begin
prepared    begins them on forks of what was prepared once
own_question  what a scenario's file asks; beliefs: what a wrong choice would come of
content     reads them from the folders of lessons/content (forms: which keys there are)
director    what moves next in them, so that it happens
stops       where a learner stops
stepper     a simulation, and the ways to move in it
actions     all that a person may ask for, as one table: name, keys, help, what it does
            (moves, asks, leave_out carry them out)
left_out    what leaving a phase of a protocol out leads to, by running it
"""
