"""Drawing without a toolkit: values of the lessons as lines of text and as SVG, for every front end.

frame       a title line, the body, what was said last, the line of keys
arrange     which part stands where, in which form; room: how many rows each gets; boxes: frames around panes
parts       each kind of part as lines: `machine`, `sites`, `moves`, `lanes`, `bars` draw theirs
paragraphs  the same parts as sentences
lecture     a picture for the last row of a room
pointer     the part with the focus, and the place in it that the arrow keys have chosen
marks       the glyphs, each with a twin in ASCII; text: lines as values
lanes_svg   the time picture as SVG; slides: bars and plots for slides; save: either into a file
"""
