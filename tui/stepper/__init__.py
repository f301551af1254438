"""Plain mode: words in, short paragraphs or JSON out.

player  plays any activity
words   what goes in and out: words with their arguments, sentences as lines
"""
