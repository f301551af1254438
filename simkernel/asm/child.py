"""A file that a learner gives is assembled in a child process, with bounds on its time and memory.

Keystone works inside one C call that nothing can interrupt; a child can be ended. The sources go in and the result
comes back as JSON.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Sequence
from typing import Any

from simkernel.asm.link import Assembly, Symbol
from simkernel.child import child_process
from simkernel.errors import KernelSourceError, LearnerError, OurError

TIME_LIMIT = 20.0  # seconds
MEMORY_LIMIT = 2 << 30  # bytes of address space


def assemble_in_child(
    sources: Sequence[tuple[str, str]], *, ibt: bool = False, time_limit: float = TIME_LIMIT, core: int = 0
) -> Assembly:
    """`assemble`, in a child process that has `time_limit` seconds and MEMORY_LIMIT bytes.

    Raises:
        KernelSourceError, LearnerError: as `assemble`, and LearnerError when the time or the memory is used up.
    """
    request = json.dumps(
        {"sources": [list(source) for source in sources], "ibt": ibt, "seconds": time_limit, "core": core}
    )
    try:
        with child_process("simkernel.asm", stdin=subprocess.PIPE) as process:
            out, _err = process.communicate(request.encode(), timeout=time_limit)
    except subprocess.TimeoutExpired:
        raise LearnerError(
            f"{sources[-1][0]}: it took more than {time_limit:g} s to assemble; make it smaller"
        ) from None
    try:
        answer = json.loads(out)
    except ValueError:
        raise LearnerError(
            f"{sources[-1][0]}: the assembler ended without an answer (status {process.returncode}); "
            f"it may use {MEMORY_LIMIT >> 20} MiB at most"
        ) from None
    return _result(answer)


def _result(answer: dict[str, Any]) -> Assembly:
    match answer["outcome"]:
        case "assembly":
            symbols = tuple(Symbol(*fields) for fields in answer["symbols"])
            text, data = base64.b64decode(answer["text"]), base64.b64decode(answer["data"])
            return Assembly(answer["base"], text, answer["data_base"], data, symbols, tuple(answer["sites"]))
        case "source":
            raise KernelSourceError(answer["file"], answer["line"], answer["message"])
        case "learner":
            raise LearnerError(answer["message"])
    raise OurError(answer["message"])


def answer_of(assembly: Assembly) -> dict[str, Any]:
    """An assembly as JSON can hold it."""
    return {
        "outcome": "assembly",
        "base": assembly.base,
        "text": base64.b64encode(assembly.text).decode(),
        "data_base": assembly.data_base,
        "data": base64.b64encode(assembly.data).decode(),
        "symbols": [[s.address, s.name, s.size, s.kind, s.traced] for s in assembly.symbols],
        "sites": list(assembly.sites),
    }


def answer_of_error(error: Exception) -> dict[str, Any]:
    """An error as JSON can hold it."""
    if isinstance(error, KernelSourceError):
        return {"outcome": "source", "file": error.file, "line": error.line, "message": error.message}
    kind = "learner" if isinstance(error, LearnerError) else "ours"
    return {"outcome": kind, "message": str(error)}


def limit_resources(seconds: float) -> None:
    """Bound this process, where the system can (not on Windows): memory, and processor time as a second fence."""
    try:
        import resource
    except ImportError:
        return
    for name, value in (("RLIMIT_AS", MEMORY_LIMIT), ("RLIMIT_CPU", int(seconds) + 1)):
        try:
            resource.setrlimit(getattr(resource, name), (value, value))
        except (AttributeError, ValueError, OSError):
            continue
