"""All that faces a person at a terminal. It uses the lessons and the engine; nothing uses it."""
