"""Compares the facts with a tree of Linux's source, or writes them anew; `tests/linux_facts/__init__.py` says how."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from tests.linux_facts import FILE, VERSION, LinuxFacts, facts
from tests.linux_facts.collect import TABLES, rest


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.linux_facts", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {FILE.name} anew")
    arguments = parser.parse_args()
    if not os.environ.get("LINUX_SOURCE"):
        print(f"LINUX_SOURCE must name a tree of Linux {VERSION}", file=sys.stderr)
        return 2
    root = Path(os.environ["LINUX_SOURCE"])
    values: dict[str, Any] = {**rest(root), **{name: ask(root) for name, ask in TABLES.items()}}
    found = LinuxFacts(**values)
    if found.version != VERSION:
        print(f"{root} is Linux {found.version}; the facts are of {VERSION}", file=sys.stderr)
        return 2
    if arguments.write:
        FILE.write_text(found.text(), encoding="utf-8")
        return 0
    differ = [name for name in values if values[name] != getattr(facts(), name)]
    for name in differ:
        print(f"{name}: differs from {root}")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
