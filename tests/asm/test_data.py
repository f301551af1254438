"""Data lines give the bytes that GNU as gives, or are refused: never other bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from simkernel.errors import KernelSourceError
from tests.asm.gnu import gnu_bytes, needs_gnu_as
from tests.kernels import assemble, with_body

pytestmark = pytest.mark.keystone

SAME = [
    *(
        ".byte 1",
        ".byte 255",
        ".byte -128",
        ".byte 010",
        ".byte 0b11",
        ".byte 'a, 'b', '\\n, '\\\\",
        ".byte ',', ';', '#'",
    ),
    *(".word 5", ".value 65535", ".hword -1", ".short 1000", ".2byte 0x1234", ".long 1==1", ".long 1!=1, 2<3, 3<2"),
    *(".long 1+2<<3", ".long 1|2+4", ".long -7/2, -7%3", ".long ~5, !5, !0", ".long 1 && 2, 0 || 5", ".int 4294967295"),
    *(".4byte -1", ".long 'a'+1", ".long 2*3%4, 1<<2*3", ".quad 0xffffffffffffffff >> 4", ".quad -1", ".quad 1 << 63"),
    *(".8byte 9223372036854775807 + 1", ".quad 18446744073709551615", ".long 8 / 3 * 3", ".byte - - 5", ".byte 5 - -3"),
    *(
        '.ascii "a\\tb\\101\\x41\\n\\\\\\"\\r\\b\\f"',
        '.asciz "hello"',
        '.string "a", "b"',
        '.ascii "a" "b"',
        '.ascii ""',
    ),
    *('.ascii "größe \u2192"', '.string ""', '.ascii "a;b#c//d/*e*/"', '.ascii "\\0\\18"', '.asciz "%d, %s"'),
    *(
        ".zero 3",
        ".skip 3, 5",
        ".space 2, 255",
        ".fill 2, 1, 0xcc",
        ".fill 2, 3, 0x445566",
        ".fill 1, 8, 7",
        ".fill 4",
        ".fill 1, 8, -1",
    ),
    *(".fill 2, 4, -1", ".byte 1\n.p2align 3", ".byte 1\n.p2align 3, 9", ".byte 1\n.p2align 3,,2", ".byte 1\n.align 4"),
    *(".byte 1\n.balign 16, 7", ".byte 1\n.p2align 4,,15", ".set A, 10\n.long A, A+010", "B = 3\n.byte B*2 == 6"),
    *(".rept 3\n.byte 9\n.endr", ".irp v, 8, 9, 10\n.byte \\v\n.endr", ".if 2 > 1\n.byte 11\n.else\n.byte 12\n.endif"),
    *(
        "x: .byte 1\ny: .long y-x",
        "x: .byte 1\n.byte .-x",
        ".macro M a\n.long \\a*2\n.endm\nM 21",
        "1: .byte 1\n2: .byte 2b-1b",
    ),
]
REFUSED = [
    *(
        ".byte 256",
        ".byte -129",
        ".byte 1,2,,3",
        ".byte ,",
        ".byte 1,",
        ".quad 0x1ffffffffffffffff",
        ".long 4294967296",
    ),
    *(".byte 1/0", ".long 1.5", ".byte 1 2", ".long 0x", ".long 0xg", ".long 1+", ".long (1", ".byte 09", ".byte"),
    *('.ascii "\\q"', ".ascii a", '.quad "ab"', ".zero 1,2,3", ".fill 1,9", ".long 1<<64", ".long True"),
    *(
        ".float 1",
        ".octa 1",
        ".org 16",
        ".zero -1",
        ".word 0x10000",
        ".byte 'ab",
        ".long $5",
        ".long %eax",
        ".long f*2",
    ),
]


def ours(lines: str) -> bytes:
    made = assemble(with_body("ret", f"begin:\n{lines}\nend:"))
    at = {s.name: s.address - made.data_base for s in made.symbols}
    return made.data[at["begin"] : at["end"]]


@needs_gnu_as
@pytest.mark.parametrize("lines", SAME)
def test_a_data_line_gives_the_bytes_of_gnu_as(tmp_path: Path, lines: str) -> None:
    made, said = gnu_bytes(tmp_path, f".data\n.p2align 12\nbegin:\n{lines}\n", ".data")
    assert said == ""
    assert ours(lines) == made


@pytest.mark.parametrize("line", REFUSED)
def test_a_data_line_that_gnu_as_warns_of_or_refuses_is_refused(line: str) -> None:
    with pytest.raises(KernelSourceError) as caught:
        ours(line)
    assert (caught.value.file, caught.value.line) == ("body.S", 9)
