"""What a person does, one activity a file: what is chosen, what came of it, and the words beside it.

start      the list of all that there is to do, and the place where a person left
story      a run that is stepped; story_actions: all that may be asked of it, in one table
opening    the two mysteries that a first start asks; mysteries: the machine that answers them; opening_words
change     a change of every site, stepped
lab        a protocol with phases left out, and every order of events (lab_setup: what is asked, lab_answer: what
           was found, lab_schedule: its moves with their bytes, lab_words)
costs      what tracing costs: counted, priced, measured (overhead: the figures; charts and plots: values;
           overhead_words)
boot       from power-on to the NOPs
functions  every function that can be traced; function_table: the rows
"""
