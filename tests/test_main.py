import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from limits import HANG

import qm9lib
from qm9lib import QM9, doctor, training
from qm9lib.__main__ import main
from qm9lib.data import cache, figshare, files, qm9pack, verify
from qm9lib.errors import DataError


def rows_of(text: str) -> dict[str, str]:
    return {name: value for name, value in (line.split("  ", 1) for line in text.splitlines())}


def test_doctor_prints_what_a_report_needs() -> None:
    command = [sys.executable, "-m", "qm9lib", "doctor"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = {name: value.strip() for name, value in rows_of(out).items()}
    assert rows["python"].startswith(sys.version.split()[0])
    assert rows["qm9pack"] == "1.0.3"
    assert rows["devices"].startswith(("cpu", "TFRT_CPU", "cuda"))
    assert rows["qm9pack data"].endswith("data")
    assert rows["cache folder"] == str(files.cache_folder())
    assert "qm9-v2-qm9pack.safetensors" in rows


WATER = "3\nwater\nO 0 0 0.119\nH 0 0.763 -0.477\nH 0 -0.763 -0.477\n"


def called(arguments: Sequence[str]) -> list[str]:
    """Return the command line of a command, whichever package has it."""
    package = "qm9course" if arguments[0] == "grade" else "qm9lib"
    return [sys.executable, "-m", package, *arguments]


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command of the package as a user does; more options are those of `subprocess.run`."""
    environment = options.pop("env", os.environ) | {"PYTHONUNBUFFERED": ""}
    return subprocess.run(
        called(arguments), stderr=subprocess.PIPE, text=True,
        timeout=HANG, env=environment, **options,
    )  # fmt: skip


BROKEN = {
    "jax": "raise RuntimeError('cannot load\\nlibcudart')",
    "numpy": "raise ImportError('numpy is built for another Python')",
    "safetensors": "import nothing_of_this_name",
    "platformdirs": "def user_cache_dir(*_):\n    raise KeyError('HOME')",
    "scipy": "0 /",
    "equinox": "raise AttributeError",
}


@pytest.mark.parametrize("package", BROKEN)
def test_doctor_where_a_package_is_broken(tmp_path: Path, package: str) -> None:
    """What it is made for: the rest of the report is there, and the line says what is wrong."""
    (tmp_path / f"{package}.py").write_text(BROKEN[package])
    environment = {name: text for name, text in os.environ.items() if name != "QM9LIB_CACHE"}
    environment["PYTHONPATH"] = str(tmp_path)
    done = command("doctor", stdout=subprocess.PIPE, env=environment)
    # Some packages print a traceback of what they import, and go on.
    assert done.returncode == 0 and "qm9lib" not in done.stderr
    rows = rows_of(done.stdout)
    assert any("broken: " in text for text in rows.values())
    if package != "platformdirs":
        assert re.fullmatch(r" *[\d.]+, broken: \w+: .*", rows[package])
    assert rows["python"].strip().startswith(sys.version.split()[0]) and "processors" in rows
    # Any other command says whom to ask.
    done = command("info", stdout=subprocess.PIPE, env=environment)
    assert "Traceback" not in done.stderr or package in ("platformdirs", "scipy", "jax", "equinox")


def test_doctor_where_a_package_has_no_version(tmp_path: Path) -> None:
    """What pip leaves where it was stopped."""
    (tmp_path / "tqdm-4.0.dist-info").mkdir()
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = command("doctor", stdout=subprocess.PIPE, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert rows_of(done.stdout)["tqdm"].strip() == "broken: its version is missing"


def test_doctor_where_the_cache_folder_is_none() -> None:
    environment = os.environ | {"QM9LIB_CACHE": "here"}
    done = command("doctor", stdout=subprocess.PIPE, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "broken: DataError: the environment variable QM9LIB_CACHE is 'here'" in done.stdout


COMMANDS = {
    "info": ["info"],
    "doctor": ["doctor"],
    "help": ["train", "--help"],
    "predict": ["predict", str(Path(__file__).with_name("files") / "dsgdb9nsd_000005.xyz")],
    "grade": ["grade", "nothing.ipynb"],
}


@pytest.mark.skipif(os.name == "nt", reason="its pipes say nothing")
@pytest.mark.parametrize("name", COMMANDS)
def test_output_that_nobody_reads(name: str) -> None:
    """As with `| head`, which ends before all is written."""
    reading, writing = os.pipe()
    os.close(reading)
    done = command(*COMMANDS[name], stdout=writing)
    os.close(writing)
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
    assert done.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk here is always full")
@pytest.mark.parametrize("name", COMMANDS)
def test_output_that_cannot_be_written(name: str) -> None:
    with open("/dev/full", "w") as full:
        done = command(*COMMANDS[name], stdout=full)
    assert done.stderr.endswith("error: No space left on device\n")
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
    assert done.returncode == 1


@pytest.mark.skipif(os.name == "nt", reason="no shell that closes streams")
@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(streams: str) -> None:
    command = f'"{sys.executable}" -m qm9lib info {streams}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=HANG)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout == "" or ">&-" in streams.replace("2>&-", "") or "cache folder" in done.stdout
    )


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "cp932", "latin-1", "utf-16"])
@pytest.mark.parametrize(
    "arguments", [["predict", "--help"], ["grade", "caf\u00e9-\U0001d4d0.ipynb"]]
)
def test_terminals_of_any_encoding(encoding: str, arguments: list[str]) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run(
        called(arguments), capture_output=True, env=environment,
        timeout=HANG,
    )  # fmt: skip
    shown = (done.stdout + done.stderr).decode(encoding, "replace")
    assert done.returncode == (1 if arguments[0] == "grade" else 0), shown
    assert "Traceback" not in shown and ("XYZ file" in shown or "ipynb" in shown)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "x", "--label", "foo"], "argument --labels: unknown label 'foo'; use one of"),
        (["train", "x", "--size", "110001"], "--size: 110001 is not between 1 and 110,000, the"),
        (["train", "x", "--size", "0"], "argument --size: 0 is not between 1 and 110,000"),
        (["train", "x", "--size", "many"], "argument --size: invalid int value: 'many'"),
        (["train", "x", "--label", ""], "argument --labels: unknown label ''; use one of"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: Any) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err


def test_info_where_the_data_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QM9LIB_CACHE", str(tmp_path))
    assert main(["info"]) == 0
    monkeypatch.setattr(qm9pack, "is_installed", lambda: False)
    capsys.readouterr()
    assert main(["info"]) == 1
    rows = {name: value.strip() for name, value in rows_of(capsys.readouterr().out).items()}
    assert rows["qm9pack data"] == "not installed"
    assert rows["dsgdb9nsd.xyz.tar.bz2"] == "not fetched"
    assert rows["qm9-v2-figshare-all.safetensors"] == "not written"
    (tmp_path / "qm9-v2-figshare.safetensors").write_bytes(b"")
    assert doctor.has_data()
    assert list(tmp_path.iterdir()) == [tmp_path / "qm9-v2-figshare.safetensors"]


def test_fetch_and_verify_all_molecules(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch"]) == 0
    assert capsys.readouterr().out == "QM9(130,831 molecules, 2,359,210 atoms)\n"
    assert main(["verify"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 7 and all(line.startswith("ok ") for line in lines)
    assert "ok      130,831 characterized molecules: 130,831" in lines
    assert "ok      gap = lumo - homo within 1.5e-04 hartree: largest difference 1.0e-04" in lines


def test_verify_finds_what_is_wrong(qm9, sample) -> None:
    failed = [check.name for check in verify.checks(sample) if not check.passed]
    assert failed == ["130,831 characterized molecules", "their content (SHA-256)"]
    fields = {name: getattr(sample, name).copy() for name in type(sample).__dataclass_fields__}
    fields["labels"][5, 11] = fields["labels"][5, 12] + 1  # U0 above U
    fields["labels"][6, 13] += 2e-6  # H
    fields["labels"][7, 7] += 2e-4  # lumo
    fields["labels"][8, 1] = float("nan")
    fields["smiles"][9] = "C"
    damaged = {check.name: check for check in verify.checks(type(sample)(**fields))}
    assert [name for name, check in damaged.items() if not check.passed] == [
        "130,831 characterized molecules",
        "their content (SHA-256)",
        "labels and positions are finite",
        "gap = lumo - homo within 1.5e-04 hartree",
        "H - U = RT within 1.0e-06 hartree",
        "U0 < U < H and G < H",
        "heavy atoms as in the SMILES",
    ]
    assert damaged["their content (SHA-256)"].found.startswith("different: ['atomic_numbers',")
    assert damaged["heavy atoms as in the SMILES"].found == "1 exceptions"


ORDER, SMILES = "U0 < U < H and G < H", "heavy atoms as in the SMILES"
GAS, ORBITALS = "H - U = RT within 1.0e-06 hartree", "gap = lumo - homo within 1.5e-04 hartree"
FINITE = "labels and positions are finite"
RT = 8.314462618 * 298.15 / 2625499.6  # hartree


def put(name: str, place: object, value: object):
    """Write into one array."""
    return lambda fields, _: fields[name].__setitem__(place, value)


def set_label(name: str, value, rows: tuple[int, ...] = (4,)):
    """Write a label of some molecules, computed from their labels."""
    column = qm9lib.LABELS[name].index

    def change(fields: dict[str, np.ndarray], sample: QM9) -> None:
        for row in rows:
            fields["labels"][row, column] = value(sample[row].target)

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (put("labels", (8, 1), 1.0),
         {FINITE: "yes", ORDER: "0 exceptions", SMILES: "0 exceptions"}),
        (put("positions", (8, 1), float("inf")), {FINITE: "no"}),
        (put("labels", (8, 1), float("nan")), {FINITE: "no"}),
        (set_label("U0", lambda of: of("U")), {ORDER: "1 exceptions"}),
        (set_label("G", lambda of: of("H"), (3, 9)), {ORDER: "2 exceptions"}),
        (set_label("U", lambda of: of("H")),
         {ORDER: "1 exceptions", GAS: "largest difference 9.4e-04"}),
        (set_label("H", lambda of: of("U") + RT + 3e-6), {GAS: "largest difference 3.0e-06"}),
        (set_label("H", lambda of: of("U") + RT - 3e-6), {GAS: "largest difference 3.0e-06"}),
        (set_label("gap", lambda of: of("lumo") - of("homo") + 3e-4),
         {ORBITALS: "largest difference 3.0e-04"}),
        (set_label("gap", lambda of: of("lumo") - of("homo") - 3e-4),
         {ORBITALS: "largest difference 3.0e-04"}),
        (put("smiles", 6, "c"), {SMILES: "1 exceptions"}),  # ethane with one carbon
        (put("smiles", 0, "c"), {SMILES: "0 exceptions"}),  # methane in small letters
        (put("smiles", slice(0, 2), ["N", "C"]), {SMILES: "2 exceptions"}),
        (put("smiles", 2, "F"), {SMILES: "1 exceptions"}),
    ],
)  # fmt: skip
def test_verify_tells_each_defect(sample: QM9, change, expected: dict[str, str]) -> None:
    fields = {name: getattr(sample, name).copy() for name in QM9.__dataclass_fields__}
    change(fields, sample)
    found = {check.name: check for check in list(verify.checks(QM9(**fields)))[2:]}
    assert [*found] == [FINITE, ORBITALS, GAS, ORDER, SMILES]
    for name, text in expected.items():
        assert found[name].found == text
    failed = {name for name, check in found.items() if not check.passed}
    if FINITE not in failed:  # nothing compares with NaN
        fine = ("yes", "0 exceptions")
        assert failed == {name for name, text in expected.items() if text not in fine}
    else:
        assert expected == {FINITE: "no"}


def test_verify_leaves_out_what_is_listed(
    sample: QM9, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As if the last three of the sample were uncharacterized, and all others characterized."""
    monkeypatch.setenv("QM9LIB_CACHE", str(tmp_path))
    read, listed = [], {int(i) for i in sample.index[-3:]}
    monkeypatch.setattr(verify, "CHARACTERIZED", 1_997)
    rest = {name: getattr(sample[:-3], name) for name in verify.CONTENT}
    monkeypatch.setattr(verify, "CONTENT", cache.digests(rest))
    monkeypatch.setattr(figshare, "read_uncharacterized", lambda path: read.append(path) or listed)
    for qm9 in (sample, sample[:-3]):
        number, content, *_ = verify.checks(qm9)
        assert number == ("1,997 characterized molecules", True, "1,997")
        assert content == ("their content (SHA-256)", True, "same")
    assert read == [tmp_path / "figshare" / "uncharacterized.txt"]
    number, content, *_ = verify.checks(sample[1:-3])
    assert number == ("1,997 characterized molecules", False, "1,996")
    assert not content.passed and "'labels'" in content.found


def test_verify_of_fetched_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QM9LIB_CACHE", str(tmp_path))
    assert list(verify.file_checks()) == []
    (tmp_path / "figshare").mkdir()
    file = figshare.PUBLISHED.uncharacterized
    (tmp_path / "figshare" / file.name).write_text("x")
    digest = hashlib.sha256(b"x").hexdigest()
    assert list(verify.file_checks()) == [(f"{file.name} (SHA-256)", False, digest)]


def test_verify_reports_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QM9LIB_CACHE", str(tmp_path))
    monkeypatch.setattr(qm9pack, "read", qm9pack.read_sample)
    (tmp_path / "figshare").mkdir()
    (tmp_path / "figshare" / "atomref.txt").write_text("")
    assert main(["verify"]) == 1
    streams = capsys.readouterr()
    assert "FAILED  atomref.txt (SHA-256): e3b0c442" in streams.out
    assert "FAILED  130,831 characterized molecules: 2,000" in streams.out
    assert streams.err == "error: 3 checks failed\n"


def test_bad_data_shows_no_traceback(tmp_path: Path) -> None:
    environment = os.environ | {"QM9LIB_CACHE": "/proc/nowhere"}
    command = [sys.executable, "-m", "qm9lib", "fetch"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: cannot write /proc/nowhere: ")
    assert "QM9LIB_CACHE" in done.stderr and "Traceback" not in done.stderr


def test_interrupt_has_its_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "report", interrupted)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("arguments", [[], ["diagnose"], ["fetch", "--source", "web"]])
def test_bad_command_line_shows_usage_and_no_traceback(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "qm9lib", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "usage: python -m qm9lib" in done.stderr and "Traceback" not in done.stderr


def test_library_errors_reach_the_caller() -> None:
    assert issubclass(DataError, ValueError)


TRAIN = """
import functools, itertools, signal, sys, types
import qm9lib
import qm9lib.__main__ as program
from qm9lib import training
from qm9lib.__main__ import main

# Ctrl-C works here, too, where the tests run behind a shell's `&`, which lets it be ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Loading takes no time, and each look at the clock a fifth of a second.
program.time = types.SimpleNamespace(perf_counter=lambda: program._STARTED)
clock = functools.partial(next, itertools.count(0, 0.2))
training.fit = functools.partial(training.fit, clock=clock)

split = qm9lib.load().split("dimenet")
small = qm9lib.Split(split.train[:300], split.valid[:100], split.test[:100])
qm9lib.QM9.split = lambda self, name: small
raise SystemExit(main(sys.argv[1:]))
"""


@pytest.mark.timing
def test_train_and_evaluate(tmp_path: Path) -> None:
    """On a few hundred molecules: what is told about a part is computed from the stored model."""
    environment = os.environ | {"TQDM_DISABLE": "1"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", TRAIN, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    path = tmp_path / "model.safetensors"
    small = ("--minutes", "0.4", "--features", "4", "--layers", "1")
    done = run("train", str(path), *small)
    assert done.returncode == 0, done.stderr
    assert sorted(tmp_path.iterdir()) == [path.with_suffix(".json"), path]
    record = json.loads(path.with_suffix(".json").read_text())
    assert record["network"] == {
        "class": "PaiNN", "features": 4, "layers": 1, "radial": 8, "cutoff": 5.0, "pooling": "sum",
        "norm": True,
    }  # fmt: skip
    assert (record["n_train"], record["n_valid"], record["unit"]) == (300, 100, "kcal/mol")
    assert record["environment"]["python"] == sys.version.split()[0]

    done = run("evaluate", str(path))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["part"], result["n"], [*result["errors"]]) == ("valid", 100, ["H"])
    errors = result["errors"]["H"]
    best = min(epoch["valid_mae"] for epoch in record["history"])
    assert errors["mae"] == pytest.approx(best, rel=1e-4) and errors["unit"] == "kcal/mol"
    assert errors["mae (meV)"] == pytest.approx(43.364104 * errors["mae"], rel=1e-6)
    assert errors["rmse (meV)"] >= errors["mae (meV)"] and errors["rmse"] >= errors["mae"]

    record_of_qm9 = Path(__file__).with_name("files") / "dsgdb9nsd_000001.xyz"
    (other := tmp_path / "again.safetensors").write_bytes(path.read_bytes())
    done = run("predict", str(record_of_qm9), "--model", str(path), str(other))
    assert (done.returncode, done.stderr) == (0, "")
    [methane] = json.loads(done.stdout)
    assert methane["formula"] == "CH4" and methane["uncertainty of H (kcal/mol)"] == 0


@pytest.mark.parametrize(
    ("labels", "pooling"),
    [("H", "sum"), ("mu", "dipole"), ("gap", "attention"), ("r2", "extent"), ("A", "mean"),
     ("U0,mu", ["sum", "dipole"])],
)  # fmt: skip
def test_each_label_has_the_readout_that_obeys_its_law(
    labels: str,
    pooling: str | list[str],
    sample: QM9,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What `train` asks of `fit`, which is not run here."""
    asked = {}

    def fit(network, train, valid, label, settings, *, checkpoint, mesh):
        asked.update(network=network.config, train=train, labels=label, settings=settings)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "fit", fit)
    monkeypatch.setattr("qm9lib.__main__._STARTED", time.perf_counter())  # not when pytest did
    monkeypatch.setattr(jax.config, "update", lambda *_: None)  # JAX has its devices already
    monkeypatch.setattr(qm9lib, "load", lambda: sample)
    monkeypatch.setattr(QM9, "split", lambda *_: qm9lib.Split(sample, sample[:9], sample[:9]))
    arguments = ["train", str(tmp_path / "x"), "--labels", labels, "--size", "50", "--devices", "1"]
    assert main([*arguments, "--features", "4", "--layers", "1", "--seed", "3"]) == 130
    assert asked["network"]["pooling"] == pooling and asked["network"]["features"] == 4
    assert (len(asked["train"]), asked["labels"]) == (50, labels.split(","))
    settings = asked["settings"]
    assert (settings.optimizer, settings.loss, settings.seed) == ("muon", "absolute", 3)


def test_evaluate_without_a_file(
    sample: QM9, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    """Of the pretrained networks; a file of the name that stands for them is a file."""
    part = sample[700:720]
    monkeypatch.setattr(qm9lib, "load", lambda: sample)
    monkeypatch.setattr(QM9, "split", lambda *_: qm9lib.Split(sample, part, part))
    assert main(["evaluate"]) == 0
    result = json.loads(capsys.readouterr().out)
    predicted, _ = qm9lib.pretrained.load("H").predict(part)
    errors = result.pop("errors")
    assert result == {"model": "pretrained", "split": "dimenet", "part": "valid", "n": 20}
    assert [*errors] == qm9lib.pretrained.labels() and errors["H"]["unit"] == "kcal/mol"
    assert errors["H"]["mae"] == pytest.approx(qm9lib.mae(predicted, part.target("H")), rel=1e-4)
    assert main(["evaluate", "--labels", "mu"]) == 0
    [alone] = json.loads(capsys.readouterr().out)["errors"].values()
    assert alone["unit"] == "D" and alone["mae"] == pytest.approx(errors["mu"]["mae"], rel=1e-4)
    assert main(["evaluate", "--labels", "A"]) == 1
    assert "error: the model does not know A; it has mu, alpha, " in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "pretrained"]) == 1
    assert "error: there is no file pretrained" in capsys.readouterr().err


def test_predict_some_labels(capsys: Any) -> None:
    """In the order in which they are asked for; hydrogen cyanide, whose dipole is 2.9 D."""
    command = COMMANDS["predict"]
    assert main([*command, "--labels", "mu,gap"]) == 0
    [result] = json.loads(capsys.readouterr().out)
    told = [key for key in result if "(" in key]
    assert told == [
        "mu (D)", "uncertainty of mu (D)", "gap (hartree)", "uncertainty of gap (kcal/mol)"
    ]  # fmt: skip
    assert result["mu (D)"] == pytest.approx(2.9, abs=0.5)
    assert main([*command, "--labels", "mu,A"]) == 1
    assert "error: the model does not know A; it has mu, alpha, " in capsys.readouterr().err


@pytest.mark.timing
def test_ctrl_c_keeps_the_best_weights(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    command = [sys.executable, "-c", TRAIN, "train", str(path), "--features", "4", "--layers", "1"]
    command += ["--minutes", "4e4"]  # nothing but Ctrl-C ends it
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.PIPE) as process:
        os.close(theirs)
        shown, pressed = b"", False
        try:
            while piece := os.read(ours, 1000):
                shown += piece
                if b"validation MAE" in shown and not pressed:  # the first epoch is done
                    process.send_signal(signal.SIGINT)
                    pressed = True
        except OSError:  # how Linux tells that the other end is closed
            pass
        output, _ = process.communicate(timeout=HANG)
    os.close(ours)
    assert pressed and process.returncode == 0, shown
    assert b"interrupted: the best weights so far are kept" in shown
    assert b"Traceback" not in shown and b"validation MAE" in output
    assert sorted(tmp_path.iterdir()) == [path.with_suffix(".json"), path]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["evaluate", "nothing.safetensors"], 1, "error: there is no file nothing.safetensors"),
        (["evaluate", "broken"], 1, "error: broken is damaged, or is not a model of this version"),
        (["train", "."], 1, "error: cannot write .: Is a directory; remove the folder of this"),
        (
            ["train", "broken/x"],
            1,
            "error: cannot write broken/x: part of its path is a file; name another folder",
        ),
        (["predict", "nothing.xyz"], 1, "error: cannot read nothing.xyz: No such file"),
        (["predict", "broken"], 1, "error: broken, line 1: found 'no molecule', expected the"),
        (["predict", "nan.xyz"], 1, "error: nan.xyz, line 3: x is 'nan', expected a number of Å"),
        (["predict", "zero.xyz"], 1, "error: zero.xyz, line 1: found '0', expected the number of"),
        (["predict", "same.xyz"], 1, "error: same.xyz, line 4: this atom is in the same place"),
        (["predict", "dummy.xyz"], 1, "error: dummy.xyz, line 3: 'Xx' is not an element"),
        (
            ["predict", "good.xyz", "--model", "broken"],
            1,
            "error: broken is damaged, or is not a model",
        ),
        (["predict", "sulfur.xyz"], 1, "warning: sulfur.xyz, line 1 (S): no prediction: the mod"),
        (["train", "x", "--label", "energy"], 2, "argument --labels: unknown label 'energy'; use"),
        (["train", "x", "--minutes", "0"], 2, "argument --minutes: 0 is not above 0 and at most"),
        (["train", "x", "--minutes", "inf"], 2, "argument --minutes: inf is not above 0 and at mo"),
        (["train", "x", "--minutes", "nan"], 2, "argument --minutes: nan is not above 0 and at mo"),
        (["train", "x", "--minutes", "0.05"], 1, "error: 0.05 minutes is too short: loading the"),
        (["train", "x", "--features", "99999999"], 2, "argument --features: 99999999 is not abo"),
        (["train", "x", "--learning-rate", "1e300"], 2, "argument --learning-rate: 1e300 is not"),
        (["grade", "x.ipynb", "--memory", "1e300"], 2, "argument --memory: 1e300 is not above 0"),
        (["grade", "x.ipynb", "--json", "x.ipynb"], 1, "error: --json x.ipynb would replace a no"),
        (
            ["grade", "x.ipynb", "--json", "/dev/null"],
            1,
            "error: cannot write /dev/null: it is not",
        ),
        (["train", "x.json"], 1, "error: model, record and checkpoint need three different"),
        (["train", "x", "--checkpoint", "x"], 1, "error: model, record and checkpoint need"),
        (["train", "x", "--checkpoint", "."], 1, "error: cannot write .: Is a directory; rem"),
        (["train", "x", "--seed", "-1"], 2, "argument --seed: -1 is not between 0 and"),
        (["train", "x", "--seed", "one"], 2, "argument --seed: invalid int value: 'one'"),
        (["evaluate", "x" * 300], 1, "error: there is no file xxx"),
        (["train", "x", "--devices", "3"], 2, "argument --devices: invalid choice: 3"),
        (["train", "x", "--size", "many"], 2, "argument --size: invalid int value: 'many'"),
    ],
)
def test_bad_input_to_train_evaluate_and_predict(
    arguments: list[str], status: int, message: str, tmp_path: Path
) -> None:
    files = {
        "broken": "no molecule", "nan.xyz": "1\n\nC nan 0 0", "zero.xyz": "0\n\n",
        "same.xyz": "2\n\nC 0 0 0\nC 0 0 0", "dummy.xyz": "1\n\nXx 0 0 0",
        "good.xyz": "1\n\nC 0 0 0", "sulfur.xyz": "1\n\nS 0 0 0",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(called(arguments), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == status and message in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == set(files)


@pytest.mark.parametrize("package", ["qm9lib", "qm9course"])
def test_short_commands_are_the_same_program(package: str) -> None:
    short = {"qm9lib": "qm9", "qm9course": "qm9course"}[package]
    program = Path(sys.executable).parent / short
    texts = []
    for call in ([program], [sys.executable, "-m", package]):
        done = subprocess.run([*call, "--help"], capture_output=True, text=True, check=True)
        texts.append(" ".join(done.stdout.split()))
    assert texts[0].startswith(f"usage: {short} [-h]")
    assert texts[1].startswith(f"usage: python -m {package} [-h]")
    assert texts[0].split("COMMAND ...", 1)[1] == texts[1].split("COMMAND ...", 1)[1]


COMPLETED = """
eval "$({program} --completion bash)"
COMP_WORDS=({words}) COMP_CWORD={last}
_shtab_{name}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(sys.platform == "win32", reason="bash is asked")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("qm9 tr", ["train"]),
        ("qm9 predict mol", ["molecules.xyz"]),
        ("qm9 predict molecules.xyz --m", ["--model"]),
        ("qm9 fetch --source f", ["figshare"]),
        ("qm9course grade --js", ["--json"]),
        ("qm9course grade stu", ["student.ipynb"]),
    ],
)
def test_a_shell_completes(words: str, found: list[str], tmp_path: Path) -> None:
    for name in ("molecules.xyz", "student.ipynb"):
        (tmp_path / name).touch()
    name, *rest = words.split()
    program = Path(sys.executable).parent / name
    script = COMPLETED.format(program=program, words=words, last=len(rest), name=name)
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (done.stdout.split(), done.stderr) == (found, "")


@pytest.mark.parametrize("name", ["mine.json", "mine.txt", "mine.safetensors"])
def test_training_replaces_nothing_of_others(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Neither the model's file nor that of the record, which nobody has named."""
    monkeypatch.setattr(jax.config, "update", lambda *_: None)  # JAX has its devices already
    mine = tmp_path / name
    mine.write_text('{"name": "mine"}')
    given = tmp_path / ("mine.txt" if name == "mine.txt" else "mine.safetensors")
    assert main(["train", str(given), "--devices", "1"]) == 1
    assert f"error: {mine} exists, but is not " in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ['{"name": "mine"}']


def test_a_model_that_is_named_twice(tmp_path: Path, capsys: Any) -> None:
    water = tmp_path / "water.xyz"
    water.write_text(WATER)
    twice = [str(tmp_path / "a"), str(tmp_path / "x" / ".." / "a")]
    assert main(["predict", str(water), "--model", *twice]) == 1
    assert "error: --model names a file twice" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "status"), [(WATER, 0), (WATER + "1\n\nHe 0 0 0\n", 1)])
def test_status_tells_of_molecules_without_a_prediction(
    text: str, status: int, tmp_path: Path, capsys: Any
) -> None:
    file = tmp_path / "some.xyz"
    file.write_text(text)
    assert main(["predict", str(file)]) == status
    assert json.loads(capsys.readouterr().out)[0]["H (hartree)"] < -70


@pytest.mark.parametrize("platform", ["cuda", "nonsense"])
def test_a_device_that_is_not_there(platform: str) -> None:
    file = COMMANDS["predict"][1]
    for arguments in (["predict", file], ["doctor"]):
        environment = os.environ | {"JAX_PLATFORMS": platform}
        done = command(*arguments, env=environment, stdout=subprocess.PIPE)
        assert "Traceback" not in done.stderr
        assert f"JAX_PLATFORMS={platform}" in done.stderr + done.stdout
        assert done.returncode == (arguments != ["doctor"])


def test_warnings_are_told_as_such(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def warning() -> str:
        warnings.warn("the file is damaged", stacklevel=1)
        return "table"

    monkeypatch.setattr("qm9lib.doctor.report", warning)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["doctor"]) == 0
    assert capsys.readouterr().err == "warning: the file is damaged\n"


def test_errors_and_warnings_that_nobody_reads(tmp_path: Path) -> None:
    file = tmp_path / "many.xyz"
    file.write_text(200 * "1\n\nHe 0 0 0\n")
    reading, writing = os.pipe()
    os.close(reading)
    with open(os.devnull, "w") as nowhere:
        done = subprocess.run(
            called(["predict", str(file)]), stdout=nowhere, stderr=writing, timeout=HANG
        )
    os.close(writing)
    assert done.returncode == 141


SLOW = """
import sys, time
import qm9lib.__main__ as program
from qm9lib.data import xyz

def read(path):
    print("reads", flush=True)
    time.sleep({seconds})

xyz.read = read
sys.exit(program.main(["predict", "x.xyz"]))
"""


@pytest.mark.timing
def test_ctrl_c_ends_a_command_that_only_reads() -> None:
    """At once, as other programs: an exception may come out of the middle of a library."""
    script = f"import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{SLOW}"
    with subprocess.Popen(
        [sys.executable, "-c", script.replace("{seconds}", str(HANG))],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "reads\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=HANG)
    assert (process.returncode, said) == (-signal.SIGINT, "")
