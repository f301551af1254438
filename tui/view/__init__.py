"""Drawing without a toolkit: values of the lessons as lines of text and as SVG, for every front end."""
