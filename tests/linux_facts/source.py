"""What Linux's source says of a function's name: a site, or why it has none."""

from __future__ import annotations

import re
from pathlib import Path

_LINKAGE = re.compile(r"^SYM_\w*(?:START|LABEL)\w*\((?P<name>\w+)\b", re.M)


class LinuxSource:
    """A tree of Linux's source."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def text(self, file: str) -> str:
        return (self.root / file).read_text(encoding="utf-8", errors="replace")

    def statuses(self, name: str, file: str) -> set[str]:
        """The statuses (`tests/guest/names.tsv` says which there are) of a name's definitions in a file."""
        text = self.text(file)
        if ".lds." in file:
            return {"linker"} if re.search(rf"\b{name} = ", text) else set()
        if file.endswith(".S"):
            return self._assembly(name, text)
        compiled = "traced" if self._profiled(file) else "notrace"
        found = {self._qualified(head, compiled) for head in _heads(name, text)}
        if re.search(rf"^#define {name}\(", text, re.M):
            found.add("inline")
        if name.startswith("__x64_sys_") and re.search(rf"^SYSCALL_DEFINE\d\({name[10:]}\b", text, re.M):
            found.add(compiled)
        for entry in re.finditer(r"^(DEFINE|DECLARE)_IDTENTRY\w*\((?:\w+,\s*)?(\w+)\)", text, re.M):
            kinds = {f"asm_{entry[2]}": "asm", entry[2]: "noinstr", f"__{entry[2]}": compiled}
            if name in kinds and (entry[1] == "DEFINE") == (kinds[name] != "asm"):
                found.add(kinds[name])
        return found

    def letters(self, name: str, file: str) -> set[str]:
        """What kallsyms can have for a name that a file defines: t or T; d, D, b or B. Empty if it has none."""
        text = self.text(file)
        if ".lds." in file:
            return {"T" if re.search(r"text|func", name) else "D"} if re.search(rf"\b{name} = ", text) else set()
        if file.endswith(".S"):
            return self._assembly_letters(name, text)
        found = {"t" if re.search(r"\bstatic\b", head) else "T" for head in _heads(name, text)}
        if re.search(rf"^#define {name}\(", text, re.M):
            found.add("t")
        if name.startswith("__x64_sys_") and re.search(rf"^SYSCALL_DEFINE\d\({name[10:]}\b", text, re.M):
            found.add("T")
        for entry in re.finditer(r"^D\w+_IDTENTRY\w*\((?:\w+,\s*)?(\w+)\)", text, re.M):
            found |= {f"asm_{entry[1]}": {"T"}, entry[1]: {"T"}, f"__{entry[1]}": {"t"}}.get(name, set())
        return found | _data_letters(name, text)

    def _assembly_letters(self, name: str, text: str) -> set[str]:
        if not self._assembly(name, text):
            return set()
        local = rf"^SYM_\w+_START_LOCAL\w*\({name}\b|^SYM_INNER_LABEL\w*\({name}, SYM_L_LOCAL\)"
        return {"t" if re.search(local, text, re.M) else "T"}

    def _assembly(self, name: str, text: str) -> set[str]:
        named = any(match["name"] == name for match in _LINKAGE.finditer(text))
        return {"asm"} if named or re.search(rf"^\s*THUNK {name},|^idtentry\w* .*\b{name}\b", text, re.M) else set()

    def _qualified(self, head: str, compiled: str) -> str:
        if re.search(r"\bnoinstr\b|\b__cpuidle\b", head):
            return "noinstr"
        if re.search(r"\bstatic (?:inline|__always_inline)\b", head):
            return "inline"
        if re.search(r"\bnotrace\b|\binline\b", head):
            return "notrace"
        return "init" if re.search(r"\b__init\b", head) else compiled

    def _profiled(self, file: str) -> bool:
        """False where the Makefile beside the file takes -pg from it."""
        path = Path(file)
        makefile = self.root / path.parent / "Makefile"
        if path.suffix != ".c" or not makefile.is_file():
            return True
        lines = makefile.read_text(encoding="utf-8").splitlines()
        removed = [line for line in lines if re.search(r"CC_FLAGS_FTRACE|-pg\b", line)]
        named = (rf"CFLAGS_REMOVE_{path.stem}\.o\b", r"ccflags-remove-\$\(CONFIG_FUNCTION_TRACER\)")
        return not any(re.match(pattern, line.strip()) for line in removed for pattern in named)

    def version(self) -> str:
        """The version that the top Makefile gives."""
        text = self.text("Makefile")
        parts = [re.findall(rf"^{name} = (\d+)$", text, re.M) for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL")]
        return ".".join(number for (number,) in parts)

    def probe_us(self) -> dict[str, float]:
        """What a kprobe takes on x86-64, in us, by the way in which it is taken."""
        text = self.text("Documentation/trace/kprobes.rst")
        ways = "k = unoptimized kprobe, b = boosted (single-step skipped), o = optimized kprobe"
        (row,) = re.findall(r"^  x86-64: .*2\.33GHz.*\n  k = ([\d.]+) usec; b = ([\d.]+); o = ([\d.]+);", text, re.M)
        assert ways in text
        return dict(zip(("unoptimized", "boosted", "optimized"), map(float, row), strict=True))

    def after_init_in_rodata(self) -> bool:
        """Whether RO_DATA() puts __ro_after_init into .rodata, so that nm sees a section that may be written."""
        text = self.text("include/asm-generic/vmlinux.lds.h")
        return bool(re.search(r"\.rodata .*\n(?:.*\n){1,6}\s*RO_AFTER_INIT_DATA", text))

    def nmi_handlers(self) -> list[str]:
        """The exceptions whose handlers enter as from an NMI."""
        text = self.text("arch/x86/kernel/traps.c")
        bodies = re.findall(r"^DEFINE_IDTENTRY_(?:DF|RAW)\((\w+)\)\n\{(.*?)^\}", text, re.M | re.S)
        return sorted(name for name, body in bodies if "irqentry_nmi_enter(regs)" in body)

    def guard_page(self) -> list[str]:
        """What handle_stack_overflow() prints, and with what it dies and panics."""
        (body,) = re.findall(
            r"handle_stack_overflow\([^;]*?\n\{(.*?)^\}", self.text("arch/x86/kernel/traps.c"), re.M | re.S
        )
        return re.findall(r'"([^"\n]*?)(?:\\n)?"', body)

    def settings(self) -> set[str]:
        """The names that Kconfig knows, without CONFIG_."""
        found: set[str] = set()
        for folder in ("", "arch/x86", "arch", "kernel", "init", "mm", "fs", "lib", "security", "net", "block", "usr"):
            for file in (self.root / folder).glob("Kconfig*" if not folder else "**/Kconfig*"):
                found |= set(re.findall(r"^\s*(?:menu)?config (\w+)", file.read_text(encoding="utf-8"), re.M))
        return found


def _data_letters(name: str, text: str) -> set[str]:
    """The letters of a variable's definitions. Without an initialiser or a section of its own it is in .bss."""
    found = {"D" for _ in re.finditer(rf"^DEFINE_MUTEX\({name}\);", text, re.M)}
    declared = rf"^(?P<head>[a-z_][\w \t*]*[ \t*])?{name}(?:\[[^\]\n]*\])*(?P<tail>(?: __\w+)*\s*(?:=|;))"
    for match in re.finditer(declared, text, re.M):
        head, tail = match["head"] or "", match["tail"]
        if re.search(r"\b(?:extern|typedef|return)\b", head):
            continue
        placed = "=" in tail or re.search(r"__ro_after_init|__read_mostly|__cacheline_aligned", tail)
        letter = "d" if placed else "b"
        found.add(letter if re.search(r"\bstatic\b", head) else letter.upper())
    return found


def _heads(name: str, text: str) -> list[str]:
    """All that stands before the name in each definition of a function."""
    heads = []
    for match in re.finditer(rf"^(?P<head>[a-zA-Z_][^\n;{{}}()#]*?)?\b{name}\(", text, re.M):
        closed = closing(text, match.end())
        if not re.match(r"(?:\s*__\w+\([^()]*\))*\s*\{", text[closed : closed + 200]):
            continue
        before = text[: match.start()].rstrip("\n").rpartition("\n")[2]
        joined = "" if not before.strip() or before.rstrip().endswith((";", "}", "*/", ">", '"')) else before
        heads.append(f"{'' if joined.startswith('#') else joined} {match['head'] or ''}")
    return heads


def closing(text: str, start: int) -> int:
    """The place behind the parenthesis that closes the one before `start`."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    return len(text)
