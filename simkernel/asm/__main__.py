"""The child process of `assemble_in_child`: a request as JSON on stdin, the answer as JSON on stdout.

`python -m simkernel.asm FILE...` assembles files in their order and prints what came of it: for writing sources.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from simkernel.asm import assemble
from simkernel.asm.child import answer_of, answer_of_error, limit_resources, watch
from simkernel.errors import SimkernelError


def serve() -> int:
    """Answer one request."""
    request = json.load(sys.stdin)
    limit_resources(request["seconds"])
    try:
        sources = [(file, text) for file, text in request["sources"]]
        answer = answer_of(assemble(sources, ibt=request["ibt"], core=request["core"], watch=watch))
    except Exception as error:  # each has to become an answer
        answer = answer_of_error(error)
    json.dump(answer, sys.stdout)
    return 0


def show(files: list[str]) -> int:
    """Assemble and print symbols, or the error."""
    try:
        made = assemble([(file, Path(file).read_text(encoding="utf-8")) for file in files])
    except SimkernelError as error:
        print(error, file=sys.stderr)
        return 2
    for symbol in made.symbols:
        print(f"{symbol.address:016x} {symbol.size:5x} {symbol.kind} {symbol.name}")
    print(f"{len(made.text)} bytes of text, {len(made.data)} of data, {len(made.sites)} sites")
    return 0


if __name__ == "__main__":
    sys.exit(show(sys.argv[1:]) if len(sys.argv) > 1 else serve())
