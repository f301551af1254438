"""Hostile kernel files: mutations of hello.S and of files of twelve kinds, junk, sizes, lines that Keystone loops on.

Each is given to `simkernel boot --kernel` in a process of its own. What comes of it may be a kernel that runs, one that
dies, or a message that begins with the file's own name; nothing else.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from tests.hostile.harness import run

SEED = 20_261_129
MANY = 400
HELLO = (resources.files("simkernel") / "guest" / "examples" / "hello.S").read_text(encoding="utf-8")
FILES = sorted(path for path in (Path(__file__).parents[1] / "asm" / "files").iterdir() if path.suffix in (".S", ".s"))
BEHIND = "\timulq %rdi, %rax\n"
MARKS = "%$()*,.:+-<>!~^&|'\"\\@{}[]=;#/_ \t0123456789abcxL\u00e9\u201c\ufeff\x00\x1b"
DIRECTIVES = (
    ".byte .word .long .quad .ascii .asciz .fill .zero .p2align .align .globl .type .size .comm .section .text .data "
    ".bss .set .equ .macro .endm .rept .endr .irp .if .ifdef .else .endif .previous .code16 .code32 .incbin .include "
    ".org .end .intel_syntax .cfi_startproc .loc .weak"
).split()
ENDLESS = (
    "SYM_FUNC_START %rax", ".quad 0x1ffffffffffffffff", ".byte 1,2,,3", ".long " + "-" * 900 + "1", ".fill ,,",
    ".p2align ,", ".p2align 4,,,", "!", "\\", "%rax:", ".quad " + "9" * 900, ".byte ,", ".long (" + "(" * 900,
    ".rept 0x7fffffff\nnop\n.endr",
    ".macro M\nM\nM\n.endm\nM", ".irp\n.endr", ".quad 1.5", "movq $" + "~" * 950 + "1, %rax", ".incbin \"/dev/zero\"",
    ".include \"/etc/passwd\"", ".set a, a", ".set a, b\n.set b, a\n.quad a", "a = . - a\n.quad a", ".size f, .-.-.-.",
)  # fmt: skip


def hostile(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` files: (name, contents)."""
    source = random.Random(seed)
    kinds = (_mutated_hello, _mutated_file, _line, _junk, _size, _endless, _encoded)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        yield f"{number} {kind.__name__[1:]}", kind(source)


def line(source: random.Random) -> str:
    """One line with something wrong in it, most likely."""
    words = [source.choice(HELLO.splitlines()), *(source.choice(DIRECTIVES) for _ in range(source.randint(0, 2)))]
    text = " ".join(source.sample(words, len(words)))
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(text) + 1)
        text = text[:at] + source.choice(MARKS) + text[at + source.randint(0, 2) :]
    return text


def _mutated(source: random.Random, text: str) -> str:
    lines = text.splitlines()
    for _ in range(source.randint(1, 6)):
        at = source.randrange(len(lines))
        what = source.randrange(5)
        if what == 0:
            del lines[at]
        elif what == 1:
            lines.insert(at, source.choice(lines))
        elif what == 2:
            lines.insert(at, line(source))
        elif what == 3:
            mark = source.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:mark] + source.choice(MARKS) + lines[at][mark + source.randint(0, 1) :]
        else:
            pieces = re.split(r"([\s,()]+)", lines[at])
            source.shuffle(pieces)
            lines[at] = "".join(pieces)
    return "\n".join(lines) + "\n"


def _mutated_hello(source: random.Random) -> bytes:
    return _mutated(source, HELLO).encode()


def _mutated_file(source: random.Random) -> bytes:
    file = source.choice(FILES).read_text(encoding="utf-8")
    return (HELLO + ".text\n" + _mutated(source, file)).encode()


def _line(source: random.Random) -> bytes:
    return HELLO.replace(BEHIND, BEHIND + line(source) + "\n", 1).encode()


def _junk(source: random.Random) -> bytes:
    what = source.randrange(4)
    if what == 0:
        return source.randbytes(source.randrange(4000))
    if what == 1:
        return "".join(source.choices(string.printable, k=source.randrange(4000))).encode()
    if what == 2:
        return "".join(
            chr(source.choice((source.randrange(0x20, 0x2100), 0x202E, 0xFEFF))) for _ in range(900)
        ).encode()
    return "\n".join(line(source) for _ in range(source.randrange(1, 300))).encode()


def _size(source: random.Random) -> bytes:
    many = source.choice((10, 1_000, 10_000, 40_000))
    body = source.choice((
        "nop\n" * many, "bogus %rax\n" * many, "".join(f"l{i}: jmp l{i}\n" for i in range(many)), ";" * many + "\n",
        "".join(f"call no{i}\n" for i in range(many)), ".fill 0x100000\n" * many, ".if 1\n" * many, ".endif\n" * many,
        "(" * many, "/*" * many, '"' * many, "a:" * many, "\t" * many,
        f".rept {many}\n.rept {many}\nnop\n.endr\n.endr\n",
        "".join(f".macro m{i}\n.endm\n" for i in range(many)),
        "".join(f"x{i} = x{i - 1} + 1\n" for i in range(1, many)),
        "".join(f".section .s{i}\n" for i in range(many)),
        ".zero 0x100000\n.p2align 12\n" * min(many, 100), "\n" * many,
        "x = . - x\n" * many, "\u00e9\n" * many, ".comm c, 0x100000\n" * many, f'.ascii "{"x" * many}"\n',
    ))  # fmt: skip
    return HELLO.replace(BEHIND, BEHIND + body, 1).encode() if source.random() < 0.8 else body.encode()


def _endless(source: random.Random) -> bytes:
    return HELLO.replace(BEHIND, BEHIND + source.choice(ENDLESS) + "\n", 1).encode()


def _encoded(source: random.Random) -> bytes:
    how = source.choice(("utf-16", "utf-8-sig", "utf-32", "crlf", "cr", "nul", "cut", "latin-1"))
    match how:
        case "crlf" | "cr":
            return HELLO.replace("\n", "\r\n" if how == "crlf" else "\r").encode()
        case "nul":
            return HELLO.replace(" ", "\0", 3).encode()
        case "cut":
            return HELLO.encode()[: source.randrange(len(HELLO))]
        case "latin-1":
            return HELLO.replace("square", "carr\u00e9", source.randint(1, 4)).encode("latin-1")
    return HELLO.encode(how)


def problem(contents: bytes, folder: Path) -> str:
    """What is wrong with how the command took a file; "" where it is fine."""
    (folder / "k.S").write_bytes(contents)
    outcome = run(["boot", "--cpus", "1", "--kernel", "k.S"], cwd=folder)
    fault = outcome.fault()
    if not fault and outcome.code == 2:
        wrong = [
            told
            for told in outcome.err.decode().splitlines()
            if not re.match(r"(simkernel: )?k\.S[: ]|and \d+ more$", told)
        ]
        fault = f"blames another file: {wrong}" if wrong else ""
    return fault
