"""What a story tells at a place: the phases, the bytes of the site, what happened and why, and how the kernel died."""

from __future__ import annotations

from collections.abc import Iterator

from lessons.machine import Bytes, Phase, PhaseState, Strip
from lessons.picture import Listing, Paragraph, Part, Prose, Tone
from lessons.story import LEFT_OUT, StoryNow
from lessons.story.linux_names import linux
from lessons.story.why import Why, said_below
from simkernel.sentence import cpu as cpu_name
from simkernel.sentence import offset, sentences, spans_of
from simkernel.sim.snapshot import DONE, NOW, Snapshot
from simkernel.sim.snapshot.changes import Aspect, Thing

ROWS = 5  # of the bytes, besides those of the CPUs: the heading, what was, memory, what a CPU ran, what it becomes
STAGES = {DONE: PhaseState.DONE, NOW: PhaseState.NOW, LEFT_OUT: PhaseState.LEFT_OUT}
HELP = {
    "phases": "The steps in which the instruction changes. A mark says which are done, which one is under way or next "
    "(in capitals), which come later and which is left out.",
    "bytes": "The first bytes of a function. `in memory` is what all CPUs share. Each CPU may run what its row says, "
    "by the fetch model (the manuals promise nothing until it serializes): "
    "bytes that it has read stay as read; for those in brackets, which it has not read yet, memory's stand there. "
    "Two values are pending: it may run the one or the other. What a CPU ran and was neither instruction stays.",
    "now": "What has just happened: the event of this step.",
    "reasons": "What that means, and what else happened since the step before.",
    "waits": "Whom the patching task waits for, or what it does next. CPUs never wait for it.",
    "why": "Why the phase is there. Where something that must hold does not, which CPU and byte break it.",
    "what holds": "What may be relied on now, checked at this very step.",
    "without it": "A phase can be left out, to see what it is for: x, and x again leads back.",
    "who in Linux": "Which function of Linux does this.",
    "next story": "What there is to watch after this story: Enter begins it, and Esc leads back to the list.",
    "oops": "What the kernel prints when it meets such a fault, and of the panic that follows here. The bytes behind "
    "`Code:` are memory's, not what the CPU ran: those stand in its row above. Simplified: the lines of segment and "
    "control registers (FS:, CS:) are left out, and PGD: no page tables map anything here. A line Modules stands only "
    "in a kernel that can load modules.",
}
CALLED = {"now": "what happened", "reasons": "what that means", "waits": "who waits",
          "without it": "without this phase", "who in Linux": "Linux's function"}  # fmt: skip


def phases_parts(story: StoryNow, begun: bool) -> Iterator[Part]:
    """The protocol's phases; all done once the batch of the story is over."""
    patch = story.snapshot.patching
    over = patch.phase is None and begun
    phases = tuple(
        Phase(
            one.name, PhaseState.DONE if over and one.state != LEFT_OUT else STAGES.get(one.state, PhaseState.TO_COME)
        )
        for one in story.phases
    )
    changed = story.snapshot.has_changed(Thing(Aspect.PHASE))
    yield Strip(name="phases", help=HELP["phases"], across=True, phases=phases, changed=changed, under_way=patch.begun)


def bytes_part(story: StoryNow) -> Part:
    if story.table is None:
        text = "No function is looked at yet: look at one, or trace some."
        return Prose(name="nothing", paragraphs=(Paragraph(text, tone=Tone.DIM),))
    keeps = len(story.table.cpus) + ROWS  # what a CPU ran that was neither instruction has a row that is kept for it
    return Bytes(name="bytes", help=HELP["bytes"], table=story.table, keeps=keeps)


def _prose(name: str, *paragraphs: Paragraph, keeps: int = 0) -> Part:
    return Prose(name=name, called=CALLED.get(name, ""), help=HELP[name], keeps=keeps, paragraphs=paragraphs)


def now_parts(story: StoryNow) -> Iterator[Part]:
    """What has just happened: the event, then the reasons; the rows of both are kept where nothing has."""
    said = [one for one in story.said if one not in said_below(story.why)]
    event = tuple(Paragraph(one, tone=Tone.STRONG) for one in said[:1])
    yield _prose("now", *event, keeps=2)
    yield _prose("reasons", *map(Paragraph, said[1:]), keeps=2)


def waits_parts(story: StoryNow) -> Iterator[Part]:
    """Whom the patching task waits for; at the end of the story its answer."""
    patch = story.snapshot.patching
    if story.ending:
        yield _prose("waits", Paragraph(story.ending, tone=Tone.STRONG), keeps=2)
    elif not story.snapshot.halt_reason:
        label = "Waits" if patch.waits_for or patch.holdouts else "Next"
        yield _prose("waits", Paragraph(story.waits, label), keeps=2)


def next_story_parts(following: str) -> Iterator[Part]:
    """What comes next on the path."""
    if following:
        yield _prose("next story", Paragraph(following, "Next"))


def reasons_parts(story: StoryNow, later: bool, away: bool) -> Iterator[Part]:
    """Why the phase is there, what holds, how to see what comes of leaving it out; then who does it."""
    why, alive = story.why, story.snapshot.oops is None
    yield _prose("why", *_reasons(story))
    if why.holds:
        yield _prose("what holds", Paragraph(why.true_now, "Holds"))
    if story.can_leave_out and alive and not away and not why.event:
        text = f"{why.phase}? Press x, and see."
        yield _prose("without it", Paragraph(text, "Without"))
    if alive and why.linux:
        version, text = linux(why.linux, later)
        yield _prose("who in Linux", Paragraph(text, version, Tone.DIM))


def _reasons(story: StoryNow) -> Iterator[Paragraph]:
    """What is broken, and why the phase is there; where this model does not need it, that."""
    why, alive = story.why, story.snapshot.oops is None
    if not why.holds:
        yield Paragraph(_broken(why), "Broken", Tone.BROKEN)
    if why.event:
        yield Paragraph(why.event, "Why")
    elif why.why and alive:
        which = ", which is left out" if why.missing else "" if why.begun else ", which is next"
        yield Paragraph(" ".join(filter(None, (f"{why.phase}{which}: {why.why}", story.safe_here))), "Why")


def _broken(why: Why) -> str:
    """What breaks it, with the CPU and the byte where the sentence does not name them."""
    said = {(span.role, span.value) for span in spans_of(why.broken)}
    theirs = (
        cpu_name(why.cpu) if why.cpu is not None else None,
        offset(why.byte) if why.byte is not None else None,
    )
    who = ", ".join(span.text for span in theirs if span is not None and (span.role, span.value) not in said)
    first, *more = sentences(why.broken)
    first, end = (first, "") if not more else (first[:-1], ".")
    return " ".join((f"{first} ({who}){end}" if who else f"{first}{end}", *more)) + "."


def oops_parts(snapshot: Snapshot) -> Iterator[Part]:
    """The kernel's last words, as it prints them."""
    oops = snapshot.oops
    if oops is not None:
        title = f"the kernel died on CPU{oops.cpu}"
        yield Listing(name="oops", title=title, help=f"{HELP['oops']} {oops.afterwards}", lines=oops.lines, broken=(0,))
