"""`python -m tui` is `simkernel`."""

from tui.cli import main

main()
