"""Lessons on live patching: content and its runner. They use the engine only."""
