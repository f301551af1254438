"""What the words on a screen or in a paragraph mean: those that stand there now, each in a sentence or two."""

from __future__ import annotations

import re

from simkernel.sim.narrate import PATCHING_TASK

MODELS = {
    "instant": "Each CPU runs what memory holds at that moment.",
    "pieces": "A CPU reads an instruction byte after byte, and stores may come between two reads.",
    "line": "A CPU runs old or new bytes, for each part of a store within a cache line.",
    "byte": "A CPU runs the old or the new value of each byte, until it serializes.",
}
NOT_A_CPU = (
    "Real CPUs do not work like this. The manual promises nothing until a CPU serializes. "
    "This model is one way to use that freedom, so that you see what the protocol must survive."
)
WORDS = {
    "int3": "One byte, CC. A CPU that runs it takes an exception: a handler of the kernel runs.",
    "call": "Go to another function, and remember the way back.",
    "nop": "An instruction that does nothing. That of ftrace is five bytes long, as long as a call.",
    "protocol": "The order of writes and waits by which the bytes change.",
    "ftrace": "The part of the kernel that traces functions.",
    "__fentry__": "What the compiler's call at the start of a function calls (gcc -pg -mfentry). It returns at once. "
    "A traced function calls a trampoline in its place.",
    "in the file": "In the kernel as the build left it on disk, which gdb reads. CPUs run what is in memory.",
    "sync": "Every CPU is asked to answer, by an interrupt. "
    "It answers between two instructions, so it holds no half of one then. "
    "And it serializes: it runs what memory held when it answered. What is stored later is open again.",
    "answer": "An interrupt asks a CPU. It answers between two instructions, and goes on.",
    "trampoline": "A few instructions that save what the function needs, call the tracer, and come back.",
    "handler": "The code of the kernel that runs when a CPU takes an int3 or an interrupt.",
    "interrupt": "A signal that makes a CPU leave what it does for a moment, between two instructions. "
    "Where interrupts are off, it has to wait.",
    "exception": "What makes a CPU leave its work because of the instruction itself: an int3, or bytes that are none.",
    "batch": "Up to 256 functions that are changed together: each wait serves them all.",
    "to write": "On the map: a site of the batch with no int3, not completely written yet.",
    "written": "On the map: a site of the batch under way with all of its new bytes.",
    "cache line": "64 bytes that come from memory together. Five bytes across two of them may come at two times. "
    "No manual promises that those of one line are read at once. "
    "Simplified: a few functions here lie across two lines; Linux aligns each so that its five bytes do not.",
    "trace": "To write down each call of a function: task, CPU, time, function, and who called it. "
    "Simplified: ours writes from the first call on, Linux's once every place is changed (tr->function_enabled).",
    "site": "The place at the start of a function where the five bytes stand.",
    "tracer": "The code that every traced call runs: it writes the trace.",
    "serialize": "A CPU finishes all that it has begun, then fetches anew: it runs what memory holds at that moment. "
    "What another CPU stores after that is open again: old or new.",
    "oops": "What the kernel prints when its own code raises an exception that it cannot handle. "
    "Linux kills the task and goes on; in an interrupt, in init and in an idle task it panics. "
    "Simplified: panic_on_oops is 1 here, so the first oops is a panic and the end. "
    "Its Code line is what memory holds; < > is around the byte at RIP. Bytes CC before that fill the gap between two "
    "functions. Simplified: without the lines of segment and control registers.",
    "page fault": "The exception that a CPU takes where it reads, writes or runs an address without memory behind it.",
    "torn": "Of bytes that a CPU runs as one instruction: some are old and some are new.",
    "guard page": "The page below a stack. It is not mapped, so a stack that is full ends in an exception there.",
    "double fault": "An exception in the delivery of another: here, no room for its frame. "
    "The CPU takes it on a stack of its own.",
    "callback": "The function that a tracer gives to ftrace, to be called at each place.",
    "opcode": "The bytes that say which instruction it is. Where they say none, it is invalid.",
    "tail": "All bytes of the instruction but byte 0.",
    "head": "Byte 0, the first of the five.",
    "may run": "The bytes that this CPU may still run here by the fetch model. Manuals promise less: nothing until it "
    "serializes. Memory is one for all.",
    "record": "A few words in memory. The batch has one for each site: whose int3 this is, and what to do instead. "
    "The trace has one for each call.",
    "ipi": "An interrupt that one CPU sends to another.",
    "nmi": "A non-maskable interrupt: it comes to a CPU that has its interrupts off, too.",
    "pending": "Sent to a CPU and not taken by it yet.",
    "no site": "A function that begins with its own code: neither a call nor a NOP stands there.",
    "cycle": "One period of a CPU's clock. A CPU may run several instructions in one.",
    "noise": "How far the same code, timed twice, differs from itself.",
    "interval": "The value lies between its two ends, with the odds that are stated.",
    "ops": "Whoever wants functions traced: what to call, and for which functions.",
    "ring buffer": "Memory of one CPU for its trace; once it is full, the oldest lines give way.",
    PATCHING_TASK: "The patching task. Simplified: it has a CPU of its own; in Linux it runs on one of these CPUs.",
    "enabled": "A flag of the function's record: ftrace has made a call of its five bytes, or is about to. "
    "It sets the flag as it queues the change. In the middle of one the bytes may be the NOP still, or an int3.",
    "tramp": "One tracer alone wants this function, so the call leads to the trampoline of that tracer.",
    "guest": "The kernel that runs here.",
    "release": "The end of a change: the batch goes, once no handler reads it.",
    "event": "What happens at one moment: everybody sees what was before it, or what is after it.",
    "seed": "The number from which all comes that is random here: with the same one the same happens again.",
    "tick": "The timer's interrupt, after which another task may run.",
    "fetch model": f"How a CPU reads code while others write it: one of {', '.join(MODELS)}. {NOT_A_CPU}",
    **{f"model {name}": f"How a CPU reads code here. {meaning}" for name, meaning in MODELS.items()},
}
NO_WORD = "No word here is a technical one."
PATTERN = r"(?<![a-z]){}(?:s|es|d|ed)?(?![a-z_])"
"""Of a word in a text in lower case, in the singular or plural."""


def words_on(text: str) -> dict[str, str]:
    """The words of WORDS that stand in a text, in the order in which they do, then those that tell of them.

    A line may end within one of two parts. A name counts that ends in one (ftrace_trampoline), a longer one does not
    (release_pages).
    """
    meanings: dict[str, str] = {}
    while new := {word: WORDS[word] for word in standing_in(text) if word not in meanings}:
        meanings |= new
        text = "\n".join(new.values())
    return meanings


def standing_in(text: str) -> list[str]:
    """The words of WORDS that stand in a text, in its order."""
    lower = text.lower()
    found = [(re.search(PATTERN.format(re.escape(word).replace("\\ ", r"\s+")), lower), word) for word in WORDS]
    return [word for *_, word in sorted((at.start(), -at.end(), word) for at, word in found if at)]
