"""Machine code for this very CPU: a loop over a site, the handler of its int3, a loop and a stop-watch for one byte.

It stands here as bytes with their listing beside them, so that it runs where no assembler is; a test holds each line
against Capstone. All of it finds its words in a page of data:

    +0 STOP   not 0: the loop ends             +0x20 EMULATE  0: no batch; 1: go on behind the site; else: call that
    +8 PASSES of the loop                      +0x28 UNCLAIMED  not 0: no batch claimed an int3, and the process ends
    +0x10 WRONG  results neither old nor new   +0x30 BEGUN    batches: counted once EMULATE is set, before any store
    +0x18 TRAPS  int3s that a batch claimed    +0x40 RAN      two words: passes that ran the byte 0, the byte 1
"""

from __future__ import annotations

STOP, PASSES, WRONG, TRAPS, EMULATE, UNCLAIMED, BEGUN, RAN = 0x0, 0x8, 0x10, 0x18, 0x20, 0x28, 0x30, 0x40
HLT = 0xF4
"""Not allowed to a process: a thread that jumps into it dies of SIGSEGV, wherever in it it lands."""

Line = tuple[str, str]

# void loop(data in rdi). The site says 0 (a NOP) or 1 (a call of the target); anything else is wrong.
LOOP: tuple[Line, ...] = (
    ("31 c0", "xor %eax,%eax"),
    ("0f 1f 44 00 00", "nopl 0x0(%rax,%rax,1)"),
    ("48 83 f8 01", "cmp $0x1,%rax"),
    ("77 0b", "ja 0x18"),
    ("48 ff 47 08", "incq 0x8(%rdi)"),
    ("48 83 3f 00", "cmpq $0x0,(%rdi)"),
    ("74 e9", "je 0x0"),
    ("c3", "ret"),
    ("48 ff 47 10", "incq 0x10(%rdi)"),
    ("eb f3", "jmp 0x11"),
    ("48 ff c0", "inc %rax"),
    ("c3", "ret"),
)
SITE, TARGET = 0x2, 0x1E

# void handler(signal, siginfo, ucontext in rdx): RIP is at +0xa8, RSP at +0xa0 of struct ucontext (asm/sigcontext.h).
# No batch is under way: where the site holds an int3 all the same, and no batch has begun since BEGUN was read, nobody
# claims it. Else the batch has ended since this CPU took the int3: back to the site. Nobody claims an int3 elsewhere.
_HANDLER: tuple[Line, ...] = (
    ("48 8b 82 a8 00 00 00", "mov 0xa8(%rdx),%rax"),
    ("49 8d 49 01", "lea 0x1(%r9),%rcx"),
    ("48 39 c8", "cmp %rcx,%rax"),
    ("75 4d", "jne 0x71"),
    ("49 8b 70 30", "mov 0x30(%r8),%rsi"),
    ("49 8b 48 20", "mov 0x20(%r8),%rcx"),
    ("48 85 c9", "test %rcx,%rcx"),
    ("74 2f", "je 0x60"),
    ("f0 49 ff 40 18", "lock incq 0x18(%r8)"),
    ("48 83 c0 04", "add $0x4,%rax"),
    ("48 83 f9 01", "cmp $0x1,%rcx"),
    ("74 18", "je 0x58"),
    ("48 8b b2 a0 00 00 00", "mov 0xa0(%rdx),%rsi"),
    ("48 83 ee 08", "sub $0x8,%rsi"),
    ("48 89 b2 a0 00 00 00", "mov %rsi,0xa0(%rdx)"),
    ("48 89 06", "mov %rax,(%rsi)"),
    ("48 89 c8", "mov %rcx,%rax"),
    ("48 89 82 a8 00 00 00", "mov %rax,0xa8(%rdx)"),
    ("c3", "ret"),
    ("41 80 39 cc", "cmpb $0xcc,(%r9)"),
    ("75 06", "jne 0x6c"),
    ("49 3b 70 30", "cmp 0x30(%r8),%rsi"),
    ("74 05", "je 0x71"),
    ("48 ff c8", "dec %rax"),
    ("eb e7", "jmp 0x58"),
    ("49 c7 40 28 01 00 00 00", "movq $0x1,0x28(%r8)"),
    ("f4", "hlt"),
)

# void spin(data in rdi): run one byte (the immediate, 0 or 1) over and over, and count the passes of each.
SPIN: tuple[Line, ...] = (
    ("b8 00 00 00 00", "mov $0x0,%eax"),
    ("48 ff 44 c7 40", "incq 0x40(%rdi,%rax,8)"),
    ("48 ff 47 08", "incq 0x8(%rdi)"),
    ("48 83 3f 00", "cmpq $0x0,(%rdi)"),
    ("74 ec", "je 0x0"),
    ("c3", "ret"),
)
IMMEDIATE = 0x1

# void delay(data, byte, samples, count): change the byte, wait until the other CPU has run it. A sample: ticks since
# before the store; passes that ran the old byte and ended after the store was done (MFENCE).
DELAY: tuple[Line, ...] = (
    ("53", "push %rbx"),
    ("49 89 d0", "mov %rdx,%r8"),
    ("31 db", "xor %ebx,%ebx"),
    ("80 f3 01", "xor $0x1,%bl"),
    ("4c 8b 5c df 40", "mov 0x40(%rdi,%rbx,8),%r11"),
    ("0f ae e8", "lfence"),
    ("0f 31", "rdtsc"),
    ("48 c1 e2 20", "shl $0x20,%rdx"),
    ("48 09 d0", "or %rdx,%rax"),
    ("49 89 c2", "mov %rax,%r10"),
    ("88 1e", "mov %bl,(%rsi)"),
    ("0f ae f0", "mfence"),
    ("89 da", "mov %ebx,%edx"),
    ("83 f2 01", "xor $0x1,%edx"),
    ("4c 8b 4c d7 40", "mov 0x40(%rdi,%rdx,8),%r9"),
    ("4c 3b 5c df 40", "cmp 0x40(%rdi,%rbx,8),%r11"),
    ("74 f9", "je 0x2c"),
    ("0f 31", "rdtsc"),
    ("48 c1 e2 20", "shl $0x20,%rdx"),
    ("48 09 d0", "or %rdx,%rax"),
    ("4c 29 d0", "sub %r10,%rax"),
    ("49 89 00", "mov %rax,(%r8)"),
    ("89 da", "mov %ebx,%edx"),
    ("83 f2 01", "xor $0x1,%edx"),
    ("48 8b 44 d7 40", "mov 0x40(%rdi,%rdx,8),%rax"),
    ("4c 29 c8", "sub %r9,%rax"),
    ("49 89 40 08", "mov %rax,0x8(%r8)"),
    ("49 83 c0 10", "add $0x10,%r8"),
    ("b8 d0 07 00 00", "mov $0x7d0,%eax"),
    ("f3 90", "pause"),
    ("48 ff c8", "dec %rax"),
    ("75 f9", "jne 0x5c"),
    ("48 ff c9", "dec %rcx"),
    ("75 9e", "jne 0x6"),
    ("5b", "pop %rbx"),
    ("c3", "ret"),
)

# uint64_t ticks(void): the time stamp counter, once all before it is done.
TICKS: tuple[Line, ...] = (
    ("0f ae e8", "lfence"),
    ("0f 31", "rdtsc"),
    ("48 c1 e2 20", "shl $0x20,%rdx"),
    ("48 09 d0", "or %rdx,%rax"),
    ("c3", "ret"),
)

# void driver(functions, count, rounds, objects): call each of the functions in turn, each with one of 64 objects.
DRIVER: tuple[Line, ...] = (
    ("53", "push %rbx"),
    ("55", "push %rbp"),
    ("41 54", "push %r12"),
    ("41 55", "push %r13"),
    ("41 56", "push %r14"),
    ("41 57", "push %r15"),
    ("49 89 fe", "mov %rdi,%r14"),
    ("49 89 f7", "mov %rsi,%r15"),
    ("49 89 d5", "mov %rdx,%r13"),
    ("48 89 cd", "mov %rcx,%rbp"),
    ("4c 89 f3", "mov %r14,%rbx"),
    ("4d 89 fc", "mov %r15,%r12"),
    ("4c 89 e7", "mov %r12,%rdi"),
    ("83 e7 3f", "and $0x3f,%edi"),
    ("48 c1 e7 07", "shl $0x7,%rdi"),
    ("48 01 ef", "add %rbp,%rdi"),
    ("ff 13", "call *(%rbx)"),
    ("48 83 c3 08", "add $0x8,%rbx"),
    ("49 ff cc", "dec %r12"),
    ("75 e8", "jne 0x1c"),
    ("49 ff cd", "dec %r13"),
    ("75 dd", "jne 0x16"),
    ("41 5f", "pop %r15"),
    ("41 5e", "pop %r14"),
    ("41 5d", "pop %r13"),
    ("41 5c", "pop %r12"),
    ("5d", "pop %rbp"),
    ("5b", "pop %rbx"),
    ("c3", "ret"),
)


def trap(target: int) -> tuple[Line, ...]:
    """A handler of SIGTRAP that takes each int3 for the first byte of a call of the target, five bytes long."""
    return (
        ("48 8b 82 a8 00 00 00", "mov 0xa8(%rdx),%rax"),
        ("48 83 c0 04", "add $0x4,%rax"),
        ("48 8b b2 a0 00 00 00", "mov 0xa0(%rdx),%rsi"),
        ("48 83 ee 08", "sub $0x8,%rsi"),
        ("48 89 b2 a0 00 00 00", "mov %rsi,0xa0(%rdx)"),
        ("48 89 06", "mov %rax,(%rsi)"),
        (f"48 b8 {target.to_bytes(8, 'little').hex(' ')}", f"movabs ${target:#x},%rax"),
        ("48 89 82 a8 00 00 00", "mov %rax,0xa8(%rdx)"),
        ("c3", "ret"),
    )


def handler(data: int, site: int) -> tuple[Line, ...]:
    """The int3's handler for a page of data and a site."""
    return (
        (f"49 b8 {data.to_bytes(8, 'little').hex(' ')}", f"movabs ${data:#x},%r8"),
        (f"49 b9 {site.to_bytes(8, 'little').hex(' ')}", f"movabs ${site:#x},%r9"),
        *_HANDLER,
    )


def bytes_of(lines: tuple[Line, ...]) -> bytes:
    """The code of a listing."""
    return b"".join(bytes.fromhex(code) for code, _text in lines)
