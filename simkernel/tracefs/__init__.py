"""A file system of control files: what files, directories and open files are. It knows no ftrace.

    nodes.py    Directory and File: what stat(), readdir(), lookup and open() need
    handle.py   an open file: read(), write(), seek, close; what a kind of file does itself is an `Opened`
    parser.py   how the kernel reads what is written: tokens, numbers
    texts.py    files that are only a text
    client.py   `cat` and `echo`

Which files there are is brought by each subsystem (`trace/files.py`, `ftrace/files.py`), and `sim/control_files.py`
puts the tree together. Nothing that is written is carried out here: it gives commands for the simulation.
"""

from simkernel.tracefs.client import Written, echo, read, write
from simkernel.tracefs.errors import TracefsError
from simkernel.tracefs.handle import Commands, Handle, Opened, Taken, may_read, may_write, truncates
from simkernel.tracefs.nodes import TRACE_MODE_READ, TRACE_MODE_WRITE, Directory, File, Stat
from simkernel.tracefs.parser import TraceParser, kstrtoul
from simkernel.tracefs.texts import Text, lines, text_file

__all__ = [
    "TRACE_MODE_READ",
    "TRACE_MODE_WRITE",
    "Commands",
    "Directory",
    "File",
    "Handle",
    "Opened",
    "Stat",
    "Taken",
    "Text",
    "TraceParser",
    "TracefsError",
    "Written",
    "echo",
    "kstrtoul",
    "lines",
    "may_read",
    "may_write",
    "read",
    "text_file",
    "truncates",
    "write",
]
