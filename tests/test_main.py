import subprocess
import sys

import pytest

from qm9lib import doctor, sources


def test_doctor_prints_what_a_report_needs() -> None:
    command = [sys.executable, "-m", "qm9lib", "doctor"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = dict(line.split(None, 1) for line in out.splitlines())
    assert rows["python"].startswith(sys.version.split()[0])
    assert rows["qm9pack"] == "1.0.3"
    assert rows["devices"].startswith(("cpu", "TFRT_CPU", "cuda"))
    assert rows["data"].startswith("qm9pack in ")
    assert "qm9-v1.safetensors" in rows["cache"]


def test_doctor_where_the_data_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> None:
        raise sources.DataError("the QM9 molecules are not installed")

    monkeypatch.setattr(sources, "qm9pack_folder", nothing)
    assert "data            the QM9 molecules are not installed" in doctor.report()


@pytest.mark.parametrize("arguments", [[], ["diagnose"]])
def test_bad_command_line_shows_usage_and_no_traceback(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "qm9lib", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "usage: python -m qm9lib" in done.stderr and "Traceback" not in done.stderr
