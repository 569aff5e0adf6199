"""Command line: ``python -m qm9lib doctor``."""

from __future__ import annotations

import argparse


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code (0: done; 2: wrong usage, by argparse)."""
    parser = argparse.ArgumentParser(
        prog="python -m qm9lib",
        description="Helpers of the course 'Molecular energies with graph neural networks'.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "doctor",
        help="print versions, data, cache and device: text to paste into a bug report",
        description="Print versions, data, cache and device: text to paste into a bug report.",
    )
    parser.parse_args(arguments)

    from qm9lib.doctor import report

    print(report())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
