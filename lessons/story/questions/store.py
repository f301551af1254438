"""What a single store would do, before the first one: asked where the change begins, answered by the explorer."""

from __future__ import annotations

from dataclasses import replace

from lessons.session.beliefs import Belief
from lessons.session.stepper import Stepper
from lessons.story.questions.question import StoryQuestion, made
from simkernel import events as ev
from simkernel.explore import Question as Asked
from simkernel.explore import explore
from simkernel.explore.case import BEHIND, Case, place_of
from simkernel.insn import INT3
from simkernel.protocol import Part, Phase, Variant, Which, Write
from simkernel.sentence import data, say
from simkernel.sim.narrate import PATCHING_TASK
from simkernel.sim.snapshot import SiteSnapshot
from simkernel.sim.snapshot.cpus import instructions_in

STORES = {
    Write(Which.HEAD, Part.INT3): None,
    Write(Which.HEAD): Belief.TEAR_FAULTS,
    Write(Which.TAIL): Belief.MEMORY_IS_ALL,
    Write(Which.ALL): Belief.FIVE_AT_ONCE,
}
"""What may be stored first, each with the belief that takes it for safe."""


def first_store(stepper: Stepper, site: SiteSnapshot, event: ev.BatchStarted) -> StoryQuestion | None:
    """Where a change begins that writes an int3 first: after which one store no CPU can run half an instruction."""
    first = next((one.action for one in stepper.protocol.phases if isinstance(one.action, Write)), None)
    if first is None or first.part is not Part.INT3 or site.old is None or site.new is None:
        return None
    case = _case(stepper, site)
    stores = {store: _text(site, store) for store in STORES if _bytes(site, store) != site.old.data}
    torn = {store: _torn(stepper, case, store) for store in stores}
    safe = [store for store, ran in torn.items() if not ran]
    if safe != [first]:
        return None
    return made(
        "first store",
        {text: STORES[store] for store, text in stores.items()},
        stores[first],
        facts=(
            say("{} will change {} from {} to {}.",
                PATCHING_TASK, site.name, data(site.old.data), data(site.new.data)),
        ),
        text=f"{PATCHING_TASK} makes one of these stores. After which one can no CPU run old and new bytes together?",
        hint="A CPU reads byte +0, the store comes, and the CPU reads on. Another one comes later. What do they run?",
        why=say("{} is an instruction of one byte: whenever a CPU comes, it runs that, or all of the old one.",
                data(bytes((INT3,)))),
        against={stores[store]: say("Your store lets a CPU run {}.", data(ran)) for store, ran in torn.items() if ran},
    )  # fmt: skip


def _case(stepper: Stepper, site: SiteSnapshot) -> Case:
    """What changes, for the explorer."""
    assert site.old is not None and site.new is not None
    end = site.address + site.size

    def target(code: bytes) -> int:
        found = (one.target for one in instructions_in(code, site.address, 1))
        return next((one for one in found if one is not None), end)

    old, new = site.old.data, site.new.data
    behind = stepper.image.read(end, BEHIND)
    place = place_of(site.address, site.size)
    return Case("one store", place, site.name, site.address, old, new, behind, target(old), target(new))


def _torn(stepper: Stepper, case: Case, store: Write) -> bytes:
    """What a CPU can run that is neither instruction, if that is all that is stored; nothing where it never can."""
    phase = Phase("store", store, (Part.NEW,), resolved=False, linux="", true_now="", why="", without="")
    variant = Variant(replace(stepper.protocol, name="one store", phases=(phase,)))
    model = stepper.simulation.options.model
    found = explore(Asked(variant, model=model, cpus=1, properties=("whole",), on=case))
    ran = getattr(getattr(found.schedule[-1], "move", None), "data", b"") if found.broken else b""
    return ran[: case.size] if isinstance(ran, bytes) else b""


def _bytes(site: SiteSnapshot, store: Write) -> bytes:
    """The bytes of the site after a store to the old ones."""
    assert site.old is not None and site.new is not None
    out = bytearray(site.old.data)
    for at in store.offsets(site.address, site.size):
        out[at] = INT3 if store.part is Part.INT3 else site.new.data[at]
    return bytes(out)


def _text(site: SiteSnapshot, store: Write) -> str:
    """Which bytes, and where."""
    offsets = store.offsets(site.address, site.size)
    stored = data(_bytes(site, store)[offsets.start : offsets.stop])
    if len(offsets) == site.size:
        return say("{}, all at once", stored)
    if len(offsets) == 1:
        return say("{} at +{}", stored, offsets.start)
    return say("{} at +{} to +{}", stored, offsets.start, offsets[-1])
