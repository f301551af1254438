"""Whether a function of Linux calls another, as its source says it: in its body, or in what is inlined there.

Inlined is what says `inline`, a macro, a static function that is called once or is short, and a very short one of the
same file: gcc -O2 does so too. The definitions of all configurations count. A call through a pointer counts if the
callee is put into a member of that name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tests.linux_source import closing

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
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
FUNCTION = re.compile(r"^(?P<head>(?:[A-Za-z_][^\n;{}()#=]*?)?)\b(?P<name>[A-Za-z_]\w*)\(", re.M)
MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(?P<name>\w+)(?P<text>(?:[^\\\n]|\\.|\\\n)*)", re.M)
CLASS = re.compile(r"^(?:DEFINE|EXTEND)_(?:CLASS|GUARD|FREE|LOCK_GUARD_[01])\((?P<name>\w+),", re.M)
USE_OF_CLASS = re.compile(r"\b(?:CLASS|guard|scoped_guard|scoped_cond_guard|__free)\s*\((\w+)")
SYSCALL = re.compile(r"^SYSCALL_DEFINE\d\((\w+)")
SYSVEC = re.compile(r"^DEFINE_IDTENTRY_SYSVEC\((\w+)\)", re.M)
INCLUDED = re.compile(r'^#include "([\w.-]+)"', re.M)
IDTENTRY = re.compile(r"^DEFINE_IDTENTRY(?P<kind>\w*)\((?:\w+,\s*)?(?P<name>\w+)\)")


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

    def calls(self, caller: str, callee: str, callee_file: str, words: str) -> bool:
        """True if `words`, the text of `caller`, calls `callee`."""
        if re.search(rf"\b{callee}\b", words):
            return True
        if caller == "x64_sys_call":
            table = self.text("arch/x86/entry/syscalls/syscall_64.tbl")
            return bool(re.search(rf"\s{callee.removeprefix('__x64_')}$", table, re.M))
        put = re.findall(rf"\b(\w+)\s*=\s*&?{callee}\b", self.text(callee_file))
        hooks = re.findall(rf"\bLSM_HOOK_INIT\((\w+), {callee}\)", self.text(callee_file))
        through = any(re.search(rf"(?:->|\.){member}\b", words) for member in put)
        return through or any(re.search(rf"\bcall_\w+_hook\({hook}\b", words) for hook in hooks)


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
