"""The screen: a Textual app with one screen, which plays any activity. What stands on it is drawn by `tui.view`.

app           the app: the activities of a visit, how it begins and ends, what it keeps
start         opens it from the command line, or says why there is no screen
screens/      the one screen; prompts and pages over it
work          what is asked of the activity in front, in a thread, one thing after another
canvas        the widget that shows a frame, and sends the rows that differ
content       lines in Textual's form; theme: the colours of each look; ascii: the last look at a line
palette       the list of all that can be done here
beside        files that a screen can be written into; screenshot: the screen as text and as SVG
kept          the place and the look that are kept from one start to the next
aside         history kept from Python's garbage collector: a key is quick however much has happened
textual_door  the only door to what Textual keeps private
pictures      writes `docs/pictures`
"""
