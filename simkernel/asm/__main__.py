"""The child process of `assemble_in_child`: a request as JSON on stdin, the answer as JSON on stdout."""

from __future__ import annotations

import json
import sys

from simkernel.asm import Target, assemble
from simkernel.asm.child import answer_of, answer_of_error, limit_resources, watch


def serve() -> int:
    """Answer one request."""
    request = json.load(sys.stdin)
    limit_resources(request["seconds"])
    try:
        sources = [(file, text) for file, text in request["sources"]]
        target = Target(request["constants"], request["base"], request["size"])
        answer = answer_of(assemble(sources, target, ibt=request["ibt"], core=request["core"], watch=watch))
    except Exception as error:  # each has to become an answer
        answer = answer_of_error(error)
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(serve())
