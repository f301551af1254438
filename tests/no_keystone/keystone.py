"""Stands before Keystone on the path (PYTHONPATH=tests/no_keystone) where the tests want it not to be there."""

raise ModuleNotFoundError("No module named 'keystone'", name="keystone")
