"""What plain mode says when it is asked: where am I, the site's bytes, a CPU, why. Sentences, no tables."""

from __future__ import annotations

from lessons.session.content import SCENARIOS
from lessons.session.stepper import Stepper
from lessons.story import LEFT_OUT, NO_TRACE, StoryNow
from lessons.story.lines import own_records
from lessons.story.stored import bytes_sentence
from lessons.story.why import why_label
from lessons.story.words import MODELS
from simkernel.errors import LearnerError
from simkernel.ftrace.now import FtraceNow
from simkernel.kernel.layout import PAGE_SIZE
from simkernel.sentence import cpu as cpu_name
from simkernel.sentence import listed, say, sentences, without_addresses
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot import NOW, MayRun, SiteSnapshot
from simkernel.trace import line_of

SO = "That is so here"
LAB = "The order of events that the lab has found, played on the machine: {}."
LEAST, MOST = 8, 40  # lines of the trace that are shown


def opening(stepper: Stepper, story: StoryNow) -> list[str]:
    """The first paragraph of a scenario: what it asks, and what there is."""
    scenario = stepper.scenario
    options, sites = story.snapshot.options, len(story.snapshot.map.states)
    asked = [f"{scenario.title}.", scenario.question] if scenario is not None else []
    asked += [LAB.format(stepper.title)] if stepper.from_lab else []
    run = f"{options.cpus} CPUs run" if options.cpus > 1 else "1 CPU runs"
    out = [*asked, f"{run}; {sites:,} functions can be traced."]
    out += [f"Protocol {story.protocol}: {story.era}.", _model(options)]
    listed_one = None if scenario is None else SCENARIOS.get(scenario.name)
    usual = Options() if listed_one is None else listed_one.options
    out += [f"Seed {options.seed}."] if options.seed != usual.seed else []
    site = story.snapshot.site
    if site is None:
        return out
    return [*out, _first_bytes(site), *([_line_break(site)] if site.line_break else [])]


def _model(options: Options) -> str:
    """How a CPU reads code, by the model's name and in words."""
    model = options.model.value
    return f"Fetch model {model}: {MODELS[model][0].lower()}{MODELS[model][1:]}"


def _line_break(site: SiteSnapshot) -> str:
    ends = "page" if (site.address + site.line_break) % PAGE_SIZE == 0 else "cache line"
    return f"A {ends} ends behind byte {site.line_break - 1}."


def _first_bytes(site: SiteSnapshot) -> str:
    return (
        f"{site.name} begins with the bytes {site.memory.data.hex(' ').upper()}, {without_addresses(site.memory.text)}."
    )


def where(stepper: Stepper, story: StoryNow) -> list[str]:
    """Step, phase, and what the patching task waits for."""
    of = f" of {story.total}" if story.total else ""
    what = f", {stepper.scenario.title}" if stepper.scenario is not None else ""
    what += f", {stepper.title}" if stepper.from_lab else ""
    what += f", by {story.protocol}" if not stepper.from_lab and story.snapshot.patching.variant.missing else ""
    phases = [one for one in story.phases if one.state != LEFT_OUT]
    at = next((number for number, phase in enumerate(phases, 1) if phase.state == NOW), 0)
    name = phases[at - 1].name if at else ""
    site = story.snapshot.site
    own = site is not None and site.address in story.snapshot.patching.sites
    others = ", at other sites" if story.steps_of and not own else ""
    phase = f"The phase is {name}, {at} of {len(phases)}{others}." if at else "No phase is under way."
    return [
        f"Step {story.step}{of}{what}{story.counted}.",
        phase,
        *sentences(story.ending or story.waits),
        *_command(stepper, story),
    ]


def _command(stepper: Stepper, story: StoryNow) -> list[str]:
    """What the command is for whose plan is carried out, where a story of the lab has not come to its change yet."""
    patch = story.snapshot.patching
    if not stepper.from_lab or patch.phase is not None or not patch.title or patch.waits_for:
        return []
    return [f"The lab has asked for that command, so that ftrace changes {site_name(story)}."]


def site_name(story: StoryNow) -> str:
    """The function that is looked at."""
    return "the site" if story.snapshot.site is None else story.snapshot.site.name


def five_bytes(story: StoryNow) -> list[str]:
    """Memory first, then what the CPUs may run; CPUs that may run the same share a sentence."""
    site = story.snapshot.site
    if site is None:
        return ["No function is looked at: v and its name shows one."]
    said: dict[str, list[str]] = {}
    for one in site.cpus:
        said.setdefault(_may_run(site, one), []).append(f"CPU{one.cpu}")
    out = [f"In memory: {_lower(bytes_sentence(site))}"]
    out += [f"{listed(names)} {text}" for text, names in said.items()]
    if site.new is not None:
        out.append(f"They become {site.new.data.hex(' ').upper()}, {without_addresses(site.new.text)}.")
    return out


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _may_run(site: SiteSnapshot, one: MayRun) -> str:
    """A sentence on one CPU without its name."""
    if one.read:
        data = bytes(values[0] for values in one.options[: one.read]).hex(" ").upper()
        which = "byte 0" if one.read == 1 else f"bytes 0 to {one.read - 1}"
        return f"has read {data}, {which}; the rest will come from memory."
    if one.certain and bytes(values[0] for values in one.options) == site.memory.data:
        return "may run what memory holds."
    open_at = [at for at in range(site.size) if len(set(one.options[at])) > 1]
    if len(open_at) > 2 and all(len(set(one.options[at])) == 2 for at in open_at):
        return f"may run the old or the new byte at each of bytes {open_at[0]} to {open_at[-1]}."
    parts = [f"{' or '.join(f'{value:02X}' for value in sorted(set(one.options[at])))} at byte {at}" for at in open_at]
    return f"may run {listed(parts)}."


def cpu(story: StoryNow, number: int) -> list[str]:
    """One CPU: what it is at, what it may run here, its next instruction.

    Raises: LearnerError where there is no such CPU.
    """
    snapshot = story.snapshot
    if not 0 <= number < len(snapshot.cpus):
        raise LearnerError(f"there is no CPU{number}; there are CPU0 to CPU{len(snapshot.cpus) - 1}")
    now = snapshot.cpus[number]
    out = [f"{story.cpus[number].text}."]
    if snapshot.site is not None:
        out.append(f"Here it {_may_run(snapshot.site, snapshot.site.cpus[number])}")
    if now.sentence and not now.halted and snapshot.oops is None:
        out.append(f"Next it {now.sentence}.")
    return out


def why(story: StoryNow) -> list[str]:
    """What is true, whether it is, why the phase is there, and how to see what comes of leaving it out.

    Once the kernel has died no phase is under way or next; what was left out is still named.
    """
    panel = story.why
    sure = sentences(panel.true_now) if panel.holds else []
    holds = f"{SO if sure else 'Nothing is broken here'}: memory and each CPU were looked at."
    out = [*sure, holds if panel.holds else panel.verdict, *([panel.event] if panel.event else [])]
    if story.snapshot.halt_reason and not panel.missing:
        return out
    if panel.phase:
        out += [f"{why_label(panel)} {panel.why}"]
    if panel.missing:
        out += [f"Without {panel.phase}: {panel.without}"]
    elif panel.phase:
        out += sentences(panel.without) or [f"x leaves {panel.phase} out, and looks for a run that goes wrong."]
    return out


def addresses(story: StoryNow) -> list[str]:
    """Where the bytes lie, for who wants it."""
    site = story.snapshot.site
    if site is None:
        return ["No function is looked at."]
    last = site.address + site.size - 1
    out = [f"{site.name} is at {site.address:x}; byte {site.size - 1} is at {last:x}."]
    if site.line_break:
        out.append(_line_break(site))
    return out


def records(story: StoryNow) -> list[str]:
    """The last lines of the trace, aloud; what is awaited where there are none."""
    last = own_records(story.snapshot)
    if not last:
        return [f"The trace has {NO_TRACE}."]
    called = "{}, task {}: {} was called from {}."
    return [
        say(called, cpu_name(one.cpu), one.pid, without_addresses(one.function), without_addresses(one.parent))
        for one in last
    ]


def trace_file(simulation: Simulation) -> list[str]:
    """The last lines of the file `trace`: as many that two CPUs are among them, where two wrote any."""
    records = simulation.records(MOST)
    count = LEAST
    while count < len(records) and len({record.cpu for record in records[-count:]}) < 2:
        count += 1
    view = simulation.subsystem(FtraceNow).trace_view
    return [line_of(view, record) for record in records[-count:]]


def oops(story: StoryNow) -> list[str]:
    """What the kernel prints as it dies.

    Raises: LearnerError where it lives.
    """
    if story.snapshot.oops is None:
        raise LearnerError("the kernel has not died here")
    return [story.snapshot.oops.text]
