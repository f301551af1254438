"""The types of records, a file each, as `FTRACE_ENTRY()` of kernel/trace/trace_entries.h; `table.py` names them."""
