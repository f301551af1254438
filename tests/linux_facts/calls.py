"""Whether a function of Linux calls another, as its source says it: in its body, or in what is inlined there.

Inlined is what says `inline`, a macro, a static function that is called once or is short, and a very short one of the
same file: gcc -O2 does so too. The definitions of all configurations count. A call through a pointer counts if the
callee is put into a member of that name. So a call may be found that gcc does not leave; none is missed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tests.linux_facts.source import closing

HEADERS = (
    "include/linux",
    "include/asm-generic",
    "include/net",
    "arch/x86/include/asm",
    "kernel",
    "mm",
    "fs",
    "security",
)
SHORT, VERY_SHORT = 10, 6  # lines
SMALL = 40  # with what is inlined in it
WORD = re.compile(r"[A-Za-z_]\w*")
MEMBER = re.compile(r"(?:->|\.)(\w+)\b")
HOOK = re.compile(r"\bcall_\w+_hook\((\w+)\b")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
FUNCTION = re.compile(r"^(?P<head>(?:[A-Za-z_][^\n;{}()#=]*?)?)\b(?P<name>[A-Za-z_]\w*)\(", re.M)
MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(?P<name>\w+)(?P<text>(?:[^\\\n]|\\.|\\\n)*)", re.M)
CLASS = re.compile(r"^(?:DEFINE|EXTEND)_(?:CLASS|GUARD|FREE|LOCK_GUARD_[01])\((?P<name>\w+),", re.M)
USE_OF_CLASS = re.compile(r"\b(?:CLASS|guard|scoped_guard|scoped_cond_guard|__free)\s*\((\w+)")
SYSCALL = re.compile(r"^SYSCALL_DEFINE\d\((\w+)")
SYSVEC = re.compile(r"^DEFINE_IDTENTRY_SYSVEC\((\w+)\)", re.M)
INCLUDED = re.compile(r'^#include "([\w.-]+)"', re.M)
IDTENTRY = re.compile(r"^DEFINE_IDTENTRY(?P<kind>\w*)\((?:\w+,\s*)?(?P<name>\w+)\)")

GENERAL = {"func", "function"}  # members of so many structures that the name says nothing
# Calls through a pointer that is handed over far from both: the member, and by what in which file.
THROUGH = {
    ("__sysvec_apic_timer_interrupt", "hrtimer_interrupt"): (
        "event_handler",
        "tick_switch_to_oneshot",
        "kernel/time/tick-oneshot.c",
    ),
    ("__flush_smp_call_function_queue", "do_sync_core"): ("func", "on_each_cpu", "arch/x86/kernel/alternative.c"),
    ("__hrtimer_run_queues", "hrtimer_wakeup"): ("function", "timer", "kernel/time/hrtimer.c"),
    ("__hrtimer_run_queues", "tick_nohz_handler"): ("function", "sched_timer", "kernel/time/tick-sched.c"),
    ("__wake_up_common", "autoremove_wake_function"): ("func", "DEFINE_WAIT_FUNC", "include/linux/wait.h"),
    ("process_one_work", "vmstat_update"): ("current_func", "INIT_DEFERRABLE_WORK", "mm/vmstat.c"),
    ("vfs_getattr_nosec", "ext4_file_getattr"): ("getattr", "getattr", "fs/ext4/file.c"),
    ("new_sync_read", "generic_file_read_iter"): ("read_iter", "ramfs_file_operations", "fs/ramfs/file-mmu.c"),
    ("new_sync_write", "generic_file_write_iter"): ("write_iter", "ramfs_file_operations", "fs/ramfs/file-mmu.c"),
}


@dataclass(frozen=True)
class Definition:
    """A function or macro: the text behind its name, and whether it may be inlined into functions of that file."""

    text: str
    static: bool
    inline: bool
    apart: bool = False  # says that it may not be inlined


class LinuxCalls:
    """A tree of Linux's source, asked who calls whom."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: dict[str, str] = {}
        self._members: dict[tuple[str, str], tuple[set[str], set[str]]] = {}
        self._own: dict[str, dict[str, list[Definition]]] = {}

    def text(self, file: str) -> str:
        """A file without its comments."""
        if file not in self._files:
            self._files[file] = COMMENT.sub(" ", (self.root / file).read_text(encoding="utf-8", errors="replace"))
        return self._files[file]

    @cached_property
    def headers(self) -> dict[str, list[Definition]]:
        """What all headers define."""
        found: dict[str, list[Definition]] = defaultdict(list)
        for folder in HEADERS:
            for path in sorted((self.root / folder).glob("**/*.h")):
                for name, one in _definitions(self.text(str(path.relative_to(self.root)))):
                    found[name].append(one)
        return found

    def own(self, file: str) -> dict[str, list[Definition]]:
        """What a file defines itself."""
        if file not in self._own:
            found: dict[str, list[Definition]] = defaultdict(list)
            beside = [str(Path(file).parent / name) for name in INCLUDED.findall(self.text(file))]
            for part in [file, *(one for one in beside if (self.root / one).is_file())]:
                for name, one in _definitions(self.text(part)):
                    found[name].append(one)
            wrapper = self.headers["DEFINE_IDTENTRY_SYSVEC"]
            for name in SYSVEC.findall(self.text(file)):
                found[name] = [
                    replace(one, text=re.sub(r"func\b", name, one.text.replace("##", ""))) for one in wrapper
                ]
            self._own[file] = found
        return self._own[file]

    def words(self, caller: str, file: str, apart: set[str]) -> str:
        """All text that is compiled into a function; `apart` are functions that are known to stand alone."""
        own, seen, out = self.own(file), {caller}, []
        todo = [one.text for one in own.get(caller, self.headers.get(caller, []))]
        while todo:
            text = todo.pop()
            out.append(text)
            names = set(WORD.findall(text)) | {f"class {name}" for name in USE_OF_CLASS.findall(text)}
            for name in names - seen - apart:
                seen.add(name)
                todo += [one.text for one in own.get(name, []) if self._inlined(name, one, file)]
                todo += [one.text for one in self.headers.get(name, []) if one.inline]
        return "\n".join(out)

    def _inlined(self, name: str, one: Definition, file: str) -> bool:
        within = [part for word in set(WORD.findall(one.text)) for part in self.own(file).get(word, []) if part.inline]
        lines, small = one.text.count("\n"), sum(part.text.count("\n") for part in (one, *within)) <= SMALL
        if one.inline or not one.static:
            return one.inline or (lines <= VERY_SHORT and small and not one.apart)
        once = len(re.findall(rf"\b{name}\b", self.text(file))) == 2
        return (once or (lines <= SHORT and small)) and not one.apart

    def callees(self, caller: str, file: str, words: str, known: Mapping[str, str]) -> set[str]:
        """Which of the known functions (name: file) `words`, the text of `caller`, calls."""
        called, members = set(WORD.findall(words)), set(MEMBER.findall(words))
        hooks = set(HOOK.findall(words))
        if caller == "x64_sys_call":
            table = re.findall(r"\s(\w+)$", self.text("arch/x86/entry/syscalls/syscall_64.tbl"), re.M)
            called |= {f"__x64_{name}" for name in table}
        found = {name for name in known if name in called}
        for name in known.keys() - found:
            put, hooked = self._put(name, known[name])
            if put & members or hooked & hooks or self._through(caller, name, words):
                found.add(name)
        return found

    def _put(self, callee: str, file: str) -> tuple[set[str], set[str]]:
        """The members and the LSM hooks into which its file puts a function."""
        if not file.endswith((".c", ".h")):
            return set(), set()
        if (callee, file) not in self._members:
            text = self.text(file)
            self._members[callee, file] = (
                set(re.findall(rf"\b(\w+)\s*=\s*&?{callee}\b(?!\s*\()", text)) - GENERAL,
                set(re.findall(rf"\bLSM_HOOK_INIT\((\w+), {callee}\)", text)),
            )
        return self._members[callee, file]

    def _through(self, caller: str, callee: str, words: str) -> bool:
        if (caller, callee) not in THROUGH:
            return False
        member, by, where = THROUGH[caller, callee]
        handed = re.search(rf"\b{by}\b[^;}}]*?\b{callee}\b", self.text(where))
        return bool(handed and re.search(rf"->{member}\b", words))


def _definitions(text: str) -> Iterator[tuple[str, Definition]]:
    for match in MACRO.finditer(text):
        yield match["name"], Definition(match["text"], True, True)
    for match in CLASS.finditer(text):
        yield f"class {match['name']}", Definition(text[match.end() : closing(text, match.end())], True, True)
    for match in FUNCTION.finditer(text):
        end = closing(text, match.end())
        opened = re.compile(r"(?:\s*__\w+(?:\([^()]*\))?)*\s*\{").match(text, end)
        if not opened:
            continue
        stop = text.find("\n}", end) if text[opened.end() : opened.end() + 1] == "\n" else text.find("\n", end)
        body, head = text[end:stop], match["head"]
        before = text[: match.start()].rstrip("\n").rpartition("\n")[2]
        if not before.rstrip().endswith((";", "}", ")", "\\")) and not before.startswith("#"):
            head = f"{before} {head}"
        apart = bool(re.search(r"\bnoinline|\bnoinstr\b", head))
        inline = bool(re.search(r"inline\b", head)) and not apart
        for name in _names(text, match):
            yield name, Definition(body, inline or bool(re.search(r"\bstatic\b", head)), inline, apart)


def _names(text: str, match: re.Match[str]) -> list[str]:
    line = text[match.start() : match.start() + 200]
    if syscall := SYSCALL.match(line):
        return [f"__x64_sys_{syscall[1]}"]
    if entry := IDTENTRY.match(line):
        return [f"__{entry['name']}" if "SYSVEC" in entry["kind"] else entry["name"]]
    return [match["name"]]
