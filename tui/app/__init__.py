"""The screen: a Textual app on the headless stepper (`tui/stepper/`). Everything here draws, or asks for an action.

theme, marks    colours; glyphs and their ASCII twins: one meaning, one mark
picture         what a screen is drawn from, frozen: a snapshot, its story, how one looks at it
arrange         which panel stands where at which size, and which give way first
panel, panels/  one panel a file, its help beside it
screens/        the stepper, the first question, lists, prompts, help
aside           history kept from Python's garbage collector: a key is quick however much has happened
app             keys, mouse and palette, all from `stepper.actions.ACTIONS`
"""
