"""From a command's options to a running simulation: what the commands share of the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simkernel.errors import GuestError
from tui.options import Options
from tui.output import ProgressLine, progress

if TYPE_CHECKING:
    from simkernel.ftrace.filters import FunctionNames
    from simkernel.kernel import KernelImage
    from simkernel.patching.commands import Command
    from simkernel.protocol import Variant
    from simkernel.sim.options import Options as EngineOptions
    from simkernel.sim.options import Pace
    from simkernel.sim.simulation import Simulation

SLICE = 100_000  # instructions between two looks at the progress line


def engine_options(options: Options, variant: Variant | None = None) -> EngineOptions:
    """The engine's options for a command's, at its default pace."""
    from simkernel.hw.fetch import FetchModel
    from simkernel.schedule import Policy
    from simkernel.sim.options import Options as EngineOptions

    made = EngineOptions(
        cpus=options.cpus,
        seed=options.seed,
        model=FetchModel(options.model),
        policy=Policy(options.policy),
        functions=options.functions,
        ibt=options.ibt,
    )
    changed: dict[str, Any] = {name: str(file) for name, file in options.kernel_files.items()}
    if variant is not None:
        changed["protocol"] = variant
    return replace(made, **changed)


def image_of(options: Options) -> KernelImage:
    """The kernel that the options name, not booted."""
    from simkernel.sim.options import load_image

    with progress("loading the kernel"):
        return load_image(engine_options(options))


def names_of(image: KernelImage) -> FunctionNames:
    """The functions of a kernel that can be traced, by name."""
    from simkernel.ftrace.filters import FunctionNames

    return FunctionNames(image.function_names(), image.mcount_loc)


def boot(
    options: Options,
    variant: Variant | None = None,
    image: KernelImage | None = None,
    pace: Pace | None = None,
) -> Simulation:
    """A booted kernel; `image` where it is at hand already, `pace` where it is not the default."""
    from simkernel.sim.simulation import Simulation

    image = image or image_of(options)
    made = engine_options(options, variant)
    with progress("booting"):
        return Simulation.boot(made if pace is None else made.paced(pace), image)


def carry_out(simulation: Simulation, options: Options, *commands: Command) -> None:
    """Give the patching task its commands and let the machine run until the task is done with all of them.

    Raises: GuestError where the kernel dies of it, or does not get there within `options.max_instructions`.
    """
    for command in commands:
        simulation.do(command)
    with progress("patching") as line:
        advance(simulation, options.max_instructions, line, until_idle=True)
    if not simulation.patching.idle:
        raise GuestError(
            f"the patching task is not done after {options.max_instructions:,} instructions; "
            "give it more with --max-instructions"
        )


def run(simulation: Simulation, instructions: int, what: str = "running") -> None:
    """Let the machine's clock pass so many instructions.

    Raises: GuestError where the kernel dies.
    """
    with progress(what) as line:
        advance(simulation, instructions, line)


def advance(simulation: Simulation, instructions: int, line: ProgressLine, until_idle: bool = False) -> None:
    """Run in slices, so that the progress line moves; to the clock's end, or until the patching task is idle."""
    clock = simulation.clock
    end = clock + instructions
    while clock < end and not simulation.halt_reason and not (until_idle and simulation.patching.idle):
        portion = min(SLICE, end - clock)
        if until_idle:
            simulation.run_until_idle(portion)
        else:
            simulation.run(portion)
        clock = simulation.clock
        line.show(f"{instructions - max(0, end - clock):,} instructions")
    check_alive(simulation)


def check_alive(simulation: Simulation) -> None:
    """GuestError, with the kernel's own last words, where it has died."""
    if simulation.halt_reason:
        raise GuestError(f"the toy kernel died: {simulation.halt_reason}")
