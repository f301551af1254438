"""What a person does besides a story, one a file: what is chosen, what came of it, and the words beside it.

opening     the two questions that a first start asks
lab         a protocol with phases left out, and every order of events (lab_setup holds what is asked, lab_answer is
            what was found, lab_schedule its moves with their bytes)
costs       what tracing costs: counted, priced, measured (overhead holds the figures; charts and plots are values)
boot        from power-on to the NOPs
functions   every function that can be traced, as a table
"""
