"""A file that a learner gives is assembled in a child process, with bounds on its time and memory.

Keystone works inside one C call that nothing can interrupt; a child can be ended. The sources go in and the result
comes back as JSON. Before Keystone gets a statement alone, the child says on stderr which one, and gives itself
STATEMENT_LIMIT seconds: so the line that Keystone does not come back from has a name.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import traceback
from collections.abc import Sequence
from typing import Any

from simkernel.asm.link import Assembly, Symbol, Target
from simkernel.asm.rules import shown
from simkernel.asm.source import Statement
from simkernel.child import child_process
from simkernel.errors import KernelSourceError, LearnerError, OurError, SimkernelError

TIME_LIMIT = 20.0  # seconds
PROCESSOR_LIMIT = 8  # seconds of processor time, which do not run while other processes do
STATEMENT_LIMIT = 1.0  # seconds of processor time for one statement
MEMORY_LIMIT = 2 << 30  # bytes of address space
_PLACE = b"statement "
# How a process ends that does not come back from C code: by its own timer, or as the system ends it.
_KILLED = {
    getattr(signal, name)
    for name in ("SIGVTALRM", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL")
    if hasattr(signal, name)
}


def assemble_in_child(
    sources: Sequence[tuple[str, str]],
    target: Target,
    *,
    ibt: bool = False,
    time_limit: float = TIME_LIMIT,
    core: int = 0,
) -> Assembly:
    """`assemble`, in a child process that has `time_limit` seconds and MEMORY_LIMIT bytes.

    Raises:
        KernelSourceError, LearnerError: as `assemble`, and LearnerError when the time or the memory is used up.
    """
    request = json.dumps(
        {
            "sources": [list(source) for source in sources],
            "constants": dict(target.constants),
            "base": target.base,
            "size": target.size,
            "ibt": ibt,
            "seconds": time_limit,
            "core": core,
        }
    )
    try:
        with child_process("simkernel.asm", stdin=subprocess.PIPE) as process:
            out, err = process.communicate(request.encode(), timeout=time_limit)
        stuck = -process.returncode in _KILLED
        ended = f"the assembler ended without a result (status {process.returncode})"
        if -process.returncode in (getattr(signal, "SIGXCPU", None), getattr(signal, "SIGKILL", None)):
            ended = f"it took more than {PROCESSOR_LIMIT} s to assemble"
    except subprocess.TimeoutExpired as error:
        out, err, ended = b"", error.stderr or b"", f"it took more than {time_limit:g} s to assemble"
        stuck = not hasattr(signal, "setitimer")
    try:
        answer = json.loads(out)
    except ValueError:
        limits = f"(the assembler has {PROCESSOR_LIMIT} s and {MEMORY_LIMIT >> 20} MiB)"
        raise (stuck_at(err) if stuck else None) or LearnerError(
            f"{sources[-1][0]}: {ended}; make it smaller {limits}"
        ) from None
    if answer["kind"] == "memory":
        raise LearnerError(
            f"{sources[-1][0]}: it takes more than {MEMORY_LIMIT >> 20} MiB to assemble; make it smaller"
        )
    return _result(answer)


def stuck_at(err: bytes) -> KernelSourceError | None:
    """The line that Keystone had when it was killed, from what the child wrote on stderr."""
    places = [line for line in err.split(b"\n")[:-1] if line.startswith(_PLACE)]
    place = json.loads(places[-1].removeprefix(_PLACE)) if places else None
    if place:
        at, line, text = place
        message = f"Keystone cannot assemble '{text}': it does not come back from this line; write it in another way"
        return KernelSourceError(at, line, message)
    return None


def watch(statement: Statement | None) -> None:
    """Say on stderr what Keystone gets next, and end this process if it does not come back from it."""
    place = None if statement is None else [statement.file, statement.line, shown(statement.text)]
    os.write(2, b"\n" + _PLACE + json.dumps(place).encode() + b"\n")
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_VIRTUAL, STATEMENT_LIMIT if statement else 0)


def _result(answer: dict[str, Any]) -> Assembly:
    match answer["kind"]:
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
        "kind": "assembly",
        "base": assembly.base,
        "text": base64.b64encode(assembly.text).decode(),
        "data_base": assembly.data_base,
        "data": base64.b64encode(assembly.data).decode(),
        "symbols": [[s.address, s.name, s.size, s.kind, s.traced] for s in assembly.symbols],
        "sites": list(assembly.sites),
    }


def answer_of_error(error: Exception) -> dict[str, Any]:
    """An error as JSON can hold it."""
    if isinstance(error, MemoryError):
        return {"kind": "memory"}
    if isinstance(error, KernelSourceError):
        return {"kind": "source", "file": error.file, "line": error.line, "message": error.message}
    if isinstance(error, LearnerError):
        return {"kind": "learner", "message": str(error)}
    message = str(error) if isinstance(error, SimkernelError) else "".join(traceback.format_exception(error)[-4:])
    return {"kind": "ours", "message": message}


def limit_resources(seconds: float) -> None:
    """Bound this process, where the system can (not on Windows): memory, and processor time as a second fence."""
    try:
        import resource
    except ImportError:
        return
    for name, value in (("RLIMIT_AS", MEMORY_LIMIT), ("RLIMIT_CPU", min(int(seconds) + 1, PROCESSOR_LIMIT))):
        try:
            resource.setrlimit(getattr(resource, name), (value, value))
        except (AttributeError, ValueError, OSError):
            continue
