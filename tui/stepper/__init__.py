"""Plain mode: words in, short paragraphs or JSON out, one file for each thing that a person does."""
