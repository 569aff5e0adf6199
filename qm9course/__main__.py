"""Command line: ``python -m qm9course grade NOTEBOOK...``, or ``qm9course grade NOTEBOOK...``.

Exit statuses are the same as for ``python -m qm9lib``.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from qm9lib import terminal
from qm9lib.terminal import EPILOG, MONTH, positive


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status."""
    return terminal.run(_parser, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = terminal.parser(
        "qm9course",
        "For teachers of the course 'Molecular energies with graph neural networks'.",
        EPILOG,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    help = "run students' notebooks and report which answers are right"
    grade = commands.add_parser(
        "grade",
        help=help,
        description=f"{help[0].upper()}{help[1:]}.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    grade.set_defaults(run=_grade)
    grade.add_argument(
        "notebook", nargs="+", type=Path, help="notebooks with exercises from one or more chapters"
    )
    grade.add_argument(
        "--minutes", type=positive(float, MONTH), default=5.0,
        help="minutes for one notebook; a single cell or answer can take a tenth of them",
    )  # fmt: skip
    grade.add_argument(
        "--memory",
        type=positive(float, 100_000),
        default=8.0,
        help="GB of memory for one notebook (on Linux)",
    )
    grade.add_argument(
        "--sandbox", action="store_true",
        help="run each notebook in bubblewrap (Linux): no network, and one folder to write to",
    )  # fmt: skip
    grade.add_argument("--reasons", action="store_true", help="say what is wrong with each answer")
    grade.add_argument(
        "--json",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="write the full results to this file",
    )
    return parser


def _grade(options: argparse.Namespace) -> int:
    from qm9course import grade
    from qm9lib import progress
    from qm9lib.data.files import check_writable, replacing
    from qm9lib.errors import DataError

    file: Path | None = getattr(options, "json", None)
    if file is not None:
        if file.suffix == ".ipynb":  # a forgotten name: `--json *.ipynb`
            raise DataError(f"--json {file} would replace a notebook; name another file")
        check_writable(file)
    # So that ending the grader also ends the process of a notebook.
    for number in ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGXCPU"):
        if hasattr(signal, number):
            signal.signal(getattr(signal, number), lambda number, _: sys.exit(128 + number))
    rows: list[grade.Row] = []
    try:
        for row in progress.bar(
            grade.grade(options.notebook, options.minutes, options.memory, sandbox=options.sandbox),
            total=len(options.notebook), unit="notebook", disable=None,
        ):  # fmt: skip
            rows.append(row)
            if file is not None:  # each time, so that the rows so far are saved, whatever happens
                with replacing(file) as temporary:
                    temporary.write_text(grade.to_json(rows), encoding="utf-8")
    finally:
        if rows:
            print(grade.table(rows, options.reasons))
    return 0 if all(row.chapter and not row.failed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
