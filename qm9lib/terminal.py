"""The parts that all commands share: names, exit statuses, no traceback for a full disk."""

from __future__ import annotations

import argparse
import functools
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

EPILOG = (
    "Exit status: 0 done, 1 the data is missing, damaged or wrong, 2 wrong usage, 130 interrupted, "
    "141 the output was not read to its end."
)

MONTH = 60 * 24 * 31
"""Minutes: the most that a command may be given."""


SHELLS = ("bash", "zsh", "fish", "tcsh")
"""Shells with a script that completes commands and options."""


def parser(package: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """Return a parser of commands, named after how the program was called.

    Parameters
    ----------
    package
        A package that can be run, and has a command of the same name or, without ``lib``, a shorter
        one.
    description, epilog
        Text of its help.
    """
    short = package.removesuffix("lib")
    called = Path(sys.argv[0]).stem == short
    made = argparse.ArgumentParser(
        prog=short if called else f"python -m {package}", description=description, epilog=epilog
    )
    made.add_argument(
        "--completion", action=_Completion, choices=SHELLS, dest=argparse.SUPPRESS,
        const=short, help=f"print a script that lets a shell complete the arguments of {short}",
    )  # fmt: skip
    return made


class _Completion(argparse.Action):
    """Print the script and end."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> None:
        import shtab  # here, so that `doctor` works without it

        parser.prog = str(self.const)
        actions = [*parser._actions]
        for action in actions:
            if isinstance(action, argparse._SubParsersAction):
                actions += [inner for one in action.choices.values() for inner in one._actions]
            elif action.type is Path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(parser, shell=str(values)))
        parser.exit()


def run(parser: Callable[[], argparse.ArgumentParser], arguments: list[str] | None = None) -> int:
    """Run the command that the arguments name, and return its exit status.

    Parameters
    ----------
    parser
        Creates the parser, which sets ``run`` to the function of a command.
    arguments
        By default the arguments of the process.

    Raises
    ------
    ValueError
        If it is not one of ours: a bug in this package, which should be visible.
    """
    _prepare_streams()
    try:
        return _command(parser, arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # nobody is reading any more, as with `| head`
        _drop_output()
        return 141
    except OSError as error:
        _drop_output()
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except ImportError as error:
        print(
            f"error: a package is missing or broken ({error}); `python -m qm9lib doctor` lists "
            "all of them",
            file=sys.stderr,
        )
        return 1
    except ValueError as error:
        from qm9lib.errors import DataError

        if not isinstance(error, DataError):  # a bug of ours, which should be visible
            raise
        print(f"error: {error}", file=sys.stderr)
        return 1


def ends_at_once(
    command: Callable[[argparse.Namespace], int],
) -> Callable[[argparse.Namespace], int]:
    """Let Ctrl-C end a command that has nothing to clean up, as it ends other programs.

    A Python exception would be raised in the middle of a library, which may not survive it.
    """

    @functools.wraps(command)
    def run(options: argparse.Namespace) -> int:
        ours = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )
        if ours:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            return command(options)
        finally:
            if ours:
                signal.signal(signal.SIGINT, signal.default_int_handler)

    return run


def _command(parser: Callable[[], argparse.ArgumentParser], arguments: list[str] | None) -> int:
    try:
        options = parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], int] = options.run
        with warnings.catch_warnings():
            warnings.showwarning = _say_warning  # type: ignore[assignment]
            return command(options)
    finally:
        sys.stdout.flush()  # find out now what cannot be written, not when Python ends


def _say_warning(message: Warning | str, *rest: Any) -> None:
    """Print a warning like any other message: without the line of Python that it comes from."""
    print(f"warning: {message}", file=sys.stderr)


def _prepare_streams() -> None:
    """Make sure that printing never fails: without a stream, or on one without the letter Å."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Discard standard output: the rest of it would fail again when Python ends."""
    for stream in (sys.stdout, *([sys.stderr] if _is_broken(sys.stderr) else [])):
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        except (OSError, ValueError):  # not a file, as in a test
            pass


def _is_broken(stream: Any) -> bool:
    try:
        stream.flush()
    except OSError:
        return True
    return False


def positive(kind: type[int] | type[float], most: int) -> Callable[[str], int | float]:
    """Return a function that reads a number above 0, at most ``most``, from the command line."""

    def read(text: str) -> int | float:
        value = kind(text)
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most {most:,}")
        return value

    read.__name__ = kind.__name__  # argparse uses it if the text is not a number
    return read
