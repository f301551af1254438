"""The command `simkernel`: its list of commands, and what becomes of an error.

Exit codes: 0 it worked; 1 a check failed, the guest kernel died, or nothing can be printed; 2 what was asked for cannot
be done; 70 a bug of ours; 128 + n ended by signal n (130: ctrl-C).
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from simkernel import __version__, room
from simkernel.errors import GuestError, LearnerError, nearest
from tui import globs, streams
from tui.interrupt import end_in_peace, exit_code, raise_on_signals
from tui.options import refuse_screen_options, takes_screen
from tui.streams import StreamError, say

OK, FAILED, USAGE, BUG = 0, 1, 2, 70

COMMANDS = {
    "demo": "Watch one function's NOP become a call and a NOP again, byte by byte.",
    "step": "Step through a scenario, forwards and backwards: a screen, or --plain.",
    "boot": "Boot the toy kernel; --step shows each line as it happens.",
    "functions": "List the functions that can be traced.",
    "disas": "Disassemble a function in gdb's layout: as built, booted or traced.",
    "trace": "Trace functions and print the trace in ftrace's format.",
    "funccount": "Count the calls of functions.",
    "explore": "Look at every order of events of a patch protocol: safe, or the shortest way to a crash.",
    "overhead": "What tracing costs, on and off: counted, and priced by a table.",
    "native": "Patch running code on this very CPU, by the same protocols.",
    "show": "Print a file of ftrace, or kallsyms or dmesg, as Linux formats it.",
    "config": "Print the kernel configuration that the toy kernel stands for.",
    "doctor": "Say what is installed here, what is missing, and what that costs.",
}


SCREENS = ("step",)  # the commands that open a screen


def no_screen(command: str, options: Sequence[str]) -> str:
    """What is said of options of the screen at a command that opens none."""
    return f"{command} prints text and opens no screen: leave {' and '.join(options)} out, or use `simkernel step`."


def message_of(error: click.ClickException) -> str:
    """What is wrong with a command line."""
    if isinstance(error, click.NoSuchOption) and error.ctx is not None and error.option_name in ("--ascii", "--theme"):
        return no_screen(error.ctx.info_name or "", [error.option_name])
    return error.format_message()


class Commands(click.Group):
    """The commands by name; a command's module is imported only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of the table, where click would sort them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module and return the command; None where no command has the name."""
        if cmd_name not in COMMANDS:
            return None
        room.check(room.LIBRARIES, "the libraries of simkernel take")
        module = importlib.import_module(f"tui.commands.{cmd_name}")
        command: click.Command = module.command
        command.short_help = COMMANDS[cmd_name]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click has it; an unknown name is refused with the nearest one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}.{nearest(args[0], COMMANDS)} `simkernel --help` lists them.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The part of `--help` that lists the commands, from the table: none is imported."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s", prog_name="simkernel")
@click.option("--plain", "is_plain", is_flag=True, help="Short paragraphs instead of a screen.")
@click.option("--lines", is_flag=True, help="Take words with Enter instead of single keys. It implies --plain.")
@takes_screen
@click.pass_context
def simkernel(ctx: click.Context, is_plain: bool, lines: bool, ascii_only: bool, theme: str | None) -> None:
    """A toy x86-64 kernel that a simulated ftrace patches while it runs.

    Without a command it opens a screen on which one can follow that step by step, as `step` does. These options may
    stand before `step` or behind it.

    Exit codes: 0 it worked; 1 a check failed, the toy kernel died, or nothing can be printed; 2 what was asked for
    cannot be done; 70 a bug of simkernel; 128 + n ended by signal n (130: ctrl-C).
    """
    if ctx.invoked_subcommand is None:
        room.check(room.LIBRARIES, "the libraries of simkernel take")
        if is_plain or lines:
            refuse_screen_options(ascii_only, theme)
            from tui.commands.step import run_plain

            ctx.exit(run_plain(lines=lines))
        from tui.app.start import open_screen

        ctx.exit(open_screen(ascii_only=ascii_only, theme=theme))
    options = {"--ascii": ascii_only, "--theme": theme, "--plain": is_plain, "--lines": lines}
    given = [name for name, on in options.items() if on]
    if given and ctx.invoked_subcommand not in SCREENS:
        raise click.UsageError(no_screen(ctx.invoked_subcommand, given))
    chosen = {"ascii_only": ascii_only, "theme": theme, "is_plain": is_plain, "lines": lines}
    ctx.default_map = {ctx.invoked_subcommand: chosen}


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; every error has become one message on stderr."""
    try:
        code = simkernel.main(args=arguments, prog_name="simkernel", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else OK  # what a command gave to ctx.exit()
    except click.ClickException as error:
        say(message_of(error))
        if isinstance(error, click.UsageError) and error.ctx is not None:
            files = globs.files_among(arguments or sys.argv[1:]) if error.ctx.info_name in globs.COMMANDS else []
            if len(files) > 1:
                say(globs.hint(files))
            say(f"`{error.ctx.command_path} --help` says more.")
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        end_in_peace()
        say("interrupted")
        return exit_code()
    except StreamError as error:
        if error.left:
            return OK
        say(str(error))
        return FAILED
    except LearnerError as error:
        say(str(error))
        return USAGE
    except GuestError as error:
        say(str(error))
        return FAILED
    except MemoryError:
        say("there is not enough memory for this; ask for less (fewer CPUs or functions, a shorter run), or allow more")
        return USAGE
    except Exception as error:
        if isinstance(error.__context__, KeyboardInterrupt):  # a last word to a terminal that has gone
            return exit_code()
        from tui.report import tell

        tell(error)
        return BUG


def main() -> None:
    """Run the command line of this process, and end the process.

    It ends without giving its memory back piece by piece: it has a lot of it, and ctrl-C is to be quick.
    """
    streams.prepare()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy would start one for each CPU; none has anything to do
    raise_on_signals()
    try:
        code = run()
    except KeyboardInterrupt:  # once more, while it is said of the first that it came
        end_in_peace()
        code = exit_code()
    sys.stderr.flush()
    os._exit(code)
