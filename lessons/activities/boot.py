"""Boot, stepped: what happens from power-on, and the sites that ftrace_init turns into NOPs on the way."""

from __future__ import annotations

from collections.abc import Callable

from lessons.activity import Action, Activity, Result, by
from lessons.picture import Log, Map, Paragraph, Picture, Prose, Row, Rows, Tone
from simkernel import disasm
from simkernel.events import Event, Switched
from simkernel.ftrace.records import MCOUNT_INSN_SIZE
from simkernel.kernel import KernelImage
from simkernel.report import Report
from simkernel.schedule import Act
from simkernel.sentence import say
from simkernel.sim.narrate import sentence
from simkernel.sim.options import RUNNING, Options
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot import SiteMap
from simkernel.sim.snapshot.site import NOP, site_map

SITES_A_STEP = 16  # that ftrace_init converts between two pictures
HELP = {
    "map": "Every site: how many hold a call, as the build left them, and how many a NOP.",
    "about": "What there is to look at now.",
    "site": "The site that was written last: its bytes in the file of the kernel, and in memory.",
    "log": "What happened since power-on.",
}
"""What F1 says of the part with the focus."""


class Booting:
    """A machine that is switched on. Nobody looks at single instructions yet: the patching task acts when it can."""

    def __init__(self, image: KernelImage, options: Options) -> None:
        self.simulation = Simulation(image, options.paced(RUNNING))

    def step(self) -> bool:
        """To the next thing that happens: an event, or some more sites converted. False once boot is over."""
        simulation = self.simulation
        while not simulation.booted() and not simulation.halt_reason:
            early = simulation.patching.total > 0 and simulation.patching.ready
            events = simulation.step(Act(SITES_A_STEP)) if early else simulation.step()
            if early or any(not _to_itself(event) for event in events):
                break
        return not simulation.booted() and not simulation.halt_reason

    @property
    def said(self) -> list[tuple[int, str]]:
        """The clock and the sentence of each event so far."""
        simulation = self.simulation
        protocol = simulation.patching.protocol
        events = (event for event in simulation.log if not _to_itself(event))
        return [(event.clock, sentence(event, simulation.image, protocol)) for event in events]

    @property
    def sites(self) -> SiteMap:
        """The state of every site."""
        return site_map(self.simulation)


def _to_itself(event: Event) -> bool:
    """The first task of a CPU is its idle task, and so is what ran there before."""
    return isinstance(event, Switched) and event.previous == event.next


def _bytes_row(where: str, data: bytes, site: int, symbolize: Callable[[int], str]) -> Row:
    """The bytes of a site, and what they are."""
    first = next(iter(disasm.decode(data, site)))
    text = first.text if first.target is None else f"{first.mnemonic} {symbolize(first.target)}"
    return Row((where, data.hex(" ").upper(), text))


class Boot(Activity):
    """A machine of its own, from power-on, forwards and back."""

    name = "boot"
    actions = (
        Action("next", "Next", "The next thing that happens, or the next few sites that ftrace_init converts."),
        Action("back", "Back", "Undo the last step, exactly."),
        Action(
            "enter", "Next phase", "Until ftrace_init has written every NOP; then until every CPU runs tasks.", "phase"
        ),
        Action("first", "To the start", "Back to power-on."),
        Action("last", "To the end", "Until every CPU runs tasks.", hint="to the end"),
    )

    def __init__(self, image: KernelImage, options: Options) -> None:
        self.booting = Booting(image, options)
        self._steps = [0]  # the position of each step so far, power-on's first
        self._at = 0
        self._before: SiteMap | None = None

    def start(self, report: Report) -> Result:
        """Begin at power-on; who left on the way goes on there, and is told so."""
        if self.over:
            self._go(0)
            self._before = None
        return Result(say("You left here. {} leads to power-on.", by("first")) if self._at else "")

    def do(self, action: Action, argument: str, report: Report) -> Result:
        """Carry an action out."""
        match action.name:
            case "next":
                self._forward()
            case "back":
                self._go(self._at - 1)
            case "first":
                self._go(0)
            case "enter":
                done = self._written == self._whole
                self._until(lambda: (self._written == self._whole) != done, report)
            case _:
                self._until(lambda: self.over, report)
        return Result()

    def _until(self, there: Callable[[], bool], report: Report) -> None:
        """Step on, once at least, until it is so or boot is over."""
        self._forward()
        while not there() and not self.over:
            report(f"{self._written:,} of {self._whole:,} sites", self._written / max(1, self._whole))
            self._forward()

    @property
    def _written(self) -> int:
        return self.booting.sites.count(NOP)

    @property
    def _whole(self) -> int:
        return len(self.booting.simulation.image.mcount_loc)

    def _forward(self) -> None:
        self._before = self.booting.sites
        if self._at + 1 < len(self._steps):
            self.booting.simulation.goto(self._steps[self._at + 1])
        else:
            self.booting.step()
            self._steps.append(self.booting.simulation.position)
        self._at += 1

    def _go(self, step: int) -> None:
        self._before = self.booting.sites
        self.booting.simulation.goto(self._steps[step])
        self._at = step

    @property
    def over(self) -> bool:
        """True once every CPU runs tasks, or none ever will."""
        simulation = self.booting.simulation
        return simulation.booted() or bool(simulation.halt_reason)

    def why_not(self, action: Action) -> str:
        """At an end of boot."""
        if self.over and action.name in ("next", "enter", "last"):
            return "every CPU runs tasks: boot is over. Go back, or leave"
        return "this is power-on: there is nothing before it"

    def offered(self) -> tuple[Action, ...]:
        """The actions that lead anywhere from here."""
        unfit = {*(("next", "enter", "last") if self.over else ()), *(() if self._at else ("back", "first"))}
        return tuple(action for action in self.actions if action.name not in unfit)

    def picture(self) -> Picture:
        """What happened so far, and the state of every site."""
        simulation, sites = self.booting.simulation, self.booting.sites
        happened = tuple(text for _, text in self.booting.said)
        title = "what happened, the latest last"
        log = Log(name="log", help=HELP["log"], title=title, beside=True, sentences=happened)
        return Picture(
            title="Boot",
            place=f"step {self._at}, {simulation.clock:,} instructions, CPUs that run: {len(simulation.cpus)}",
            parts=(
                Map(
                    name="map",
                    help=HELP["map"],
                    title="every site",
                    sites=sites,
                    before=self._before,
                ),
                Prose(
                    name="about",
                    called="what happens",
                    help=HELP["about"],
                    paragraphs=(Paragraph(self._sentence(sites), tone=Tone.STRONG),),
                ),
                self._one(sites),
                *((log,) if happened else ()),
            ),
            survival=("about", "log", "site", "map"),
            keys=("next", "back", "enter", "last", "first"),
        )

    def _one(self, sites: SiteMap) -> Rows:
        """The site that was written last, the first one before: its bytes in the file and in memory."""
        simulation = self.booting.simulation
        image = simulation.image
        at = max((number for number, state in enumerate(sites.states) if state == NOP), default=0)
        site = int(image.mcount_loc[at])
        both = (("in the file", image.read), ("in memory", simulation.read))
        rows = tuple(_bytes_row(where, read(site, MCOUNT_INSN_SIZE), site, image.symbolize) for where, read in both)
        title = f"site {at + 1:,} of {len(sites.states):,}, at {image.symbolize(site)}"
        return Rows(
            name="site",
            help=HELP["site"],
            title=title,
            columns=(),
            rows=rows,
        )

    def _sentence(self, sites: SiteMap) -> str:
        """What is to be looked at here."""
        simulation, written, whole = self.booting.simulation, sites.count(NOP), len(sites.states)
        if simulation.halt_reason:
            return f"The simulation has stopped: {simulation.halt_reason}."
        if self.over:
            return f"Every CPU runs tasks. All {whole:,} sites hold a NOP."
        if not self._at:
            return f"Power-on. The build has left a call of __fentry__ at each of {whole:,} sites."
        if written == whole:
            return f"All {whole:,} sites hold a NOP; the other CPUs come up."
        return f"ftrace_init writes a NOP over each call of the build: {written:,} of {whole:,} so far."
