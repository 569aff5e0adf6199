"""Command line: ``python -m qm9lib COMMAND``.

Exit status: 0 done, 1 the data is missing, damaged or wrong, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from qm9lib.cache import DataError


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m qm9lib",
        description="Helpers of the course 'Molecular energies with graph neural networks'.",
        epilog="Exit status: 0 done, 1 the data is missing, damaged or wrong, 2 wrong usage, "
        "130 interrupted. The cache folder is that of the platform, or QM9LIB_CACHE.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], help: str) -> None:
        command = commands.add_parser(name, help=help, description=f"{help.capitalize()}.")
        command.set_defaults(run=run)
        if name in ("fetch", "verify"):
            command.add_argument(
                "--source",
                choices=("auto", "qm9pack", "figshare"),
                default="auto",
                help="auto: the cache, the installed qm9pack"
                + (", or else the published archive (87 MB)" if name == "fetch" else "")
                + " (default)",
            )
            command.add_argument(
                "--keep-uncharacterized",
                action="store_true",
                help="all 133,885 molecules, which only figshare has",
            )

    add("fetch", _fetch, "get the molecules, check them, and write the cache file")
    add("info", _info, "tell where the data is; status 1 if load() would find none")
    add("verify", _verify, "recompute counts, hashes and physical identities of all molecules")
    add("doctor", _doctor, "print versions, data, cache and device: text for a bug report")
    return parser


def _fetch(options: argparse.Namespace) -> int:
    from qm9lib import QM9, sources

    print(QM9(**sources.fetch(options.source, options.keep_uncharacterized)))
    return 0


def _info(options: argparse.Namespace) -> int:
    from qm9lib import doctor

    print(doctor.table(doctor.data()))
    return 0 if doctor.has_data() else 1


def _verify(options: argparse.Namespace) -> int:
    from qm9lib import load, verify

    qm9 = load(options.source, keep_uncharacterized=options.keep_uncharacterized)
    failed = 0
    for check in (*verify.file_checks(), *verify.checks(qm9)):
        failed += not check.passed
        print(f"{'ok' if check.passed else 'FAILED':6}  {check.name}: {check.found}")
    if failed:
        print(f"error: {failed} checks failed", file=sys.stderr)
    return 1 if failed else 0


def _doctor(options: argparse.Namespace) -> int:
    from qm9lib import doctor

    print(doctor.report())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
