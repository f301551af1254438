"""Compares the facts with a tree of Linux's source, or writes them anew; `tests/linux_facts/__init__.py` says how."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.linux_facts import FILE, VERSION, facts
from tests.linux_facts.collect import TABLES, rest


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.linux_facts", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {FILE.name} anew")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"only these tables, of {', '.join(TABLES)}")
    arguments = parser.parse_args()
    if unknown := set(arguments.tables) - set(TABLES):
        parser.error(f"there is no table {min(unknown)}; there are: {', '.join(TABLES)}")
    if not os.environ.get("LINUX_SOURCE"):
        print(f"LINUX_SOURCE must name a tree of Linux {VERSION}", file=sys.stderr)
        return 2
    root = Path(os.environ["LINUX_SOURCE"])
    values: dict[str, Any] = rest(root)
    if values["version"] != VERSION:
        print(f"{root} is Linux {values['version']}; the facts are of {VERSION}", file=sys.stderr)
        return 2
    values |= {name: TABLES[name](root) for name in arguments.tables or TABLES}
    if arguments.write:
        FILE.write_text(replace(facts(), **values).text(), encoding="utf-8")
        return 0
    differ = [name for name in values if values[name] != getattr(facts(), name)]
    for name in differ:
        print(f"{name}: differs from {root}")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
