"""The panels, one a file: what it draws, and its help."""
