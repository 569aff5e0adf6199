"""Command line: ``python -m qm9lib COMMAND``, or ``qm9 COMMAND`` if the package is installed.

Exit status: 0 done, 1 the data is missing, damaged or wrong, 2 wrong usage, 130 interrupted,
141 the output was not read to its end.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from qm9lib import terminal
from qm9lib.terminal import EPILOG, MONTH, ends_at_once, positive

# The other modules are imported where they are used, so that --help appears at once, and `doctor`
# works even if a package is broken.

_STARTED = time.perf_counter()
_TRAINING = 110_000  # molecules of the dimenet split
_PRETRAINED = Path("pretrained")  # compared by identity: a file may have that name
_AFTERWARDS = 4.0  # seconds of a training's minutes reserved for the last validation and the files


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status."""
    return terminal.run(_parser, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = terminal.parser(
        "qm9lib",
        "Helpers for the course 'Molecular energies with graph neural networks'.",
        f"{EPILOG} The cache folder is that of the platform, or QM9LIB_CACHE.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(
        name: str, run: Callable[[argparse.Namespace], int], help: str
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            help=help,
            description=f"{help[0].upper()}{help[1:]}.",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        command.set_defaults(run=run)
        if name in ("fetch", "verify"):
            command.add_argument(
                "--source",
                choices=("auto", "qm9pack", "figshare"),
                default="auto",
                help="auto: the cache, the installed qm9pack"
                + (", or else the published archive (87 MB)" if name == "fetch" else ""),
            )
            command.add_argument(
                "--keep-uncharacterized",
                action="store_true",
                help="all 133,885 molecules, which only figshare has",
            )
        return command

    add("fetch", _fetch, "get the molecules, check them, and write the cache file")
    add("info", _info, "show where the data is; exit status 1 if load() would find none")
    add("verify", _verify, "recompute counts, hashes and physical identities of all molecules")
    add("doctor", _doctor, "print versions, data, cache and device: text for a bug report")

    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    train = add("train", _train, "train a PaiNN on the dimenet split, and store it")
    train.add_argument(
        "file", type=Path, help="safetensors file to write, with its record beside it"
    )
    train.add_argument(
        "--minutes",
        type=positive(float, MONTH),
        default=1.0,
        help="total time, from start to finish",
    )
    train.add_argument(
        "--labels", type=_labels, default="H",
        help="label names, separated by commas, such as mu,gap",
    )  # fmt: skip
    train.add_argument("--size", type=_size, default=_TRAINING, help="training molecules")
    train.add_argument("--seed", type=_seed, default=0, help="seed of initial weights and order")
    train.add_argument("--features", type=positive(int, 4096), default=32, help="channels")
    train.add_argument("--layers", type=positive(int, 64), default=3, help="message layers")
    train.add_argument(
        "--learning-rate",
        type=positive(float, 1000),
        default=6e-3,
        help="highest learning rate of the optimiser",
    )
    train.add_argument(
        "--devices", type=int, choices=(1, 2, 4, 8, 16, 32), default=_devices(cores),
        help="parts into which the CPU is divided to share each batch",
    )  # fmt: skip
    train.add_argument(
        "--checkpoint",
        type=Path,
        default=argparse.SUPPRESS,
        help="file written after every epoch; if it exists, training continues from it",
    )

    evaluate = add("evaluate", _evaluate, "print the error of a stored model, as JSON")
    evaluate.add_argument(
        "file", type=Path, nargs="?", default=_PRETRAINED,
        help="safetensors file written by train, or the networks included in the package",
    )  # fmt: skip
    evaluate.add_argument(
        "--labels", type=_labels, default=argparse.SUPPRESS,
        help="label names, separated by commas; by default all labels of the model",
    )  # fmt: skip
    evaluate.add_argument(
        "--part", choices=("valid", "test"), default="valid",
        help="part of the dimenet split: choose a model on valid, and use test only once",
    )  # fmt: skip

    predict = add("predict", _predict, "predict molecules of an XYZ file, as JSON")
    predict.add_argument("file", type=Path, help="XYZ file (in Å) with one or more molecules")
    predict.add_argument(
        "--model", type=Path, nargs="+", action="extend", default=argparse.SUPPRESS,
        metavar="MODEL",
        help="safetensors files written by train; by default the pretrained networks",
    )  # fmt: skip
    predict.add_argument(
        "--labels", type=_labels, default=argparse.SUPPRESS,
        help="label names, separated by commas; by default all labels of the models",
    )  # fmt: skip

    return parser


def _labels(text: str) -> list[str]:
    from qm9lib.errors import UnknownNameError
    from qm9lib.labels import LABELS

    names = text.split(",")
    try:
        found = [LABELS[name].name for name in names]
    except UnknownNameError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if len({*found}) < len(found):
        raise argparse.ArgumentTypeError(f"{text} names a label twice")
    return found


def _chosen(options: argparse.Namespace, known: Sequence[str]) -> Sequence[str]:
    """Return the labels that are asked for: all known labels, or those named."""
    from qm9lib.errors import DataError

    labels: Sequence[str] = getattr(options, "labels", known)
    if others := [label for label in labels if label not in known]:
        raise DataError(f"the model does not know {', '.join(others)}; it has {', '.join(known)}")
    return labels


def _size(text: str) -> int:
    value = int(text)
    if not 0 < value <= _TRAINING:
        raise argparse.ArgumentTypeError(
            f"{text} is not between 1 and {_TRAINING:,}, the training molecules of the split"
        )
    return value


_size.__name__ = "int"  # argparse names it where the text is no number


def _devices(found: int) -> int:
    """Return the largest power of two of the devices found, but not more than 8."""
    return 1 << (min(found, 8).bit_length() - 1)


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {2**32 - 1:,}")
    return value


_seed.__name__ = "int"  # argparse names it where the text is no number


def _fetch(options: argparse.Namespace) -> int:
    from qm9lib import QM9
    from qm9lib.data import sources

    print(QM9(**sources.fetch(options.source, options.keep_uncharacterized)))
    return 0


@ends_at_once
def _info(options: argparse.Namespace) -> int:
    from qm9lib import doctor

    print(doctor.table(doctor.data()))
    return 0 if doctor.has_data() else 1


@ends_at_once
def _verify(options: argparse.Namespace) -> int:
    from qm9lib import load
    from qm9lib.data import verify

    qm9 = load(options.source, keep_uncharacterized=options.keep_uncharacterized)
    failed = 0
    for check in (*verify.file_checks(), *verify.checks(qm9)):
        failed += not check.passed
        print(f"{'ok' if check.passed else 'FAILED':6}  {check.name}: {check.found}")
    if failed:
        print(f"error: {failed} check{'s' * (failed > 1)} failed", file=sys.stderr)
    return 1 if failed else 0


def _train(options: argparse.Namespace) -> int:
    import equinox as eqx
    import jax

    from qm9lib.models import programs

    jax.config.update("jax_num_cpu_devices", options.devices)
    programs.check_devices()
    on_cpu = jax.default_backend() == "cpu"
    devices = options.devices if on_cpu else _devices(len(jax.devices()))
    from qm9lib import load, models, training
    from qm9lib.data.files import check_writable, replacing
    from qm9lib.errors import DataError
    from qm9lib.labels import LABELS
    from qm9lib.models import painn
    from qm9lib.models.readouts import readout_for

    check_writable(options.file)  # first: a folder such as "." has no suffix to change
    record, checkpoint = options.file.with_suffix(".json"), getattr(options, "checkpoint", None)
    files = [options.file, record, *([checkpoint] if checkpoint else [])]
    if len(set(files)) < len(files):
        raise DataError(
            "model, record and checkpoint need three different files, given "
            f"{', '.join(map(str, files))}: give the model a name ending in .safetensors, and "
            "the checkpoint another name"
        )
    for path in files[1:]:
        check_writable(path)
    _check_ours(options.file, record)
    split = load().split("dimenet")
    programs.keep()
    # Compiled as one program, which is kept: one for each array would take seconds.
    network = eqx.filter_jit(painn.PaiNN)(
        options.features,
        options.layers,
        pooling=readout_for(*options.labels),
        key=jax.random.key(options.seed),
    )
    spent = time.perf_counter() - _STARTED + _AFTERWARDS
    if spent >= 60 * options.minutes:
        raise DataError(
            f"{options.minutes:g} minutes is too short: loading the molecules and storing the "
            f"model take {spent:.0f} s, before and after the training; give more --minutes"
        )
    settings = training.Settings.for_painn(
        minutes=options.minutes - spent / 60,
        learning_rate=options.learning_rate,
        seed=options.seed,
        **({} if on_cpu else {"chunk_size": None}),
    )
    model, run = training.fit(
        network, split.train[: options.size], split.valid, options.labels, settings,
        checkpoint=checkpoint, mesh=jax.make_mesh((devices,), ("batch",)),
    )  # fmt: skip
    models.save(model, options.file)
    with replacing(record) as temporary:
        temporary.write_text(json.dumps(run.to_dict(), indent=2) + "\n", encoding="utf-8")
    best = run.history[run.best_epoch]
    each = best.valid_each or {options.labels[0]: best.valid_mae}
    found = (f"{label} {error:.3g} {LABELS[label].error_unit}" for label, error in each.items())
    print(f"{options.file}: validation MAE {', '.join(found)}")
    return 0


def _check_ours(model: Path, record: Path) -> None:
    """Raise an error if a file that training would replace belongs to something else."""
    from qm9lib import models
    from qm9lib.errors import DataError
    from qm9lib.training import Run

    def read(path: Path) -> None:
        Run.from_dict(json.loads(path.read_text(encoding="utf-8")))

    for path, reader, what in ((model, models.load, "model"), (record, read, "training record")):
        if path.exists():
            try:
                reader(path)
            except Exception as error:
                raise DataError(
                    f"{path} exists, but is not a {what} written by this command: name another "
                    "file, so that nothing is lost"
                ) from error


@ends_at_once
def _evaluate(options: argparse.Namespace) -> int:
    from qm9lib import load, mae, models, pretrained, rmse
    from qm9lib.labels import LABELS
    from qm9lib.models import programs

    programs.check_devices()
    if options.file is _PRETRAINED:
        labels = _chosen(options, pretrained.labels())
        ensembles = pretrained.load_each(labels)
    else:
        model = models.load(options.file)
        labels, ensembles = _chosen(options, model.labels), [models.Ensemble((model,))]
    part = getattr(load().split("dimenet"), options.part)
    each = {label: both for one in ensembles for label, both in one.predict_each(part).items()}
    errors: dict[str, dict[str, str | float]] = {}
    for label in labels:
        unit, small = LABELS[label].unit, LABELS[label].error_unit
        errors[label] = {"unit": small}
        for to in (small, "meV") if unit == "hartree" else (small,):
            for error in (mae, rmse):
                name = error.__name__ if to == small else f"{error.__name__} ({to})"
                predicted, true = each[label][0], part.target(label)
                errors[label][name] = error(predicted, true, unit=unit, to=to)
    result = {
        "model": str(options.file), "split": "dimenet", "part": options.part,
        "n": len(part), "errors": errors,
    }  # fmt: skip
    print(json.dumps(result, indent=2))
    return 0


@ends_at_once
def _predict(options: argparse.Namespace) -> int:
    from qm9lib.data import xyz

    molecules = xyz.read(options.file)  # before JAX is loaded, to report errors here at once
    from qm9lib import models, pretrained
    from qm9lib.errors import DataError
    from qm9lib.models import programs
    from qm9lib.pretrained.predict import predict

    programs.check_devices()
    ensemble = None
    if hasattr(options, "model"):
        paths = [path.resolve() for path in options.model]
        if again := [str(path) for path in options.model if paths.count(path.resolve()) > 1]:
            raise DataError(
                f"--model names a file twice ({', '.join(again)}), and a model always agrees "
                "with itself: name each file once"
            )
        try:
            ensemble = models.Ensemble(tuple(models.load(path) for path in options.model))
        except ValueError as error:
            raise DataError(str(error)) from error
    known = ensemble.labels if ensemble else pretrained.labels()
    results = predict(molecules, ensemble, _chosen(options, known))
    print(json.dumps(results, indent=2))
    for result in results:
        for warning in result["warnings"]:
            where = f"{options.file}, line {result['line']} ({result['formula']})"
            print(f"warning: {where}: {warning}", file=sys.stderr)
    refused = (w.startswith("no prediction") for result in results for w in result["warnings"])
    return 1 if any(refused) else 0


@ends_at_once
def _doctor(options: argparse.Namespace) -> int:
    from qm9lib import doctor

    print(doctor.report())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
