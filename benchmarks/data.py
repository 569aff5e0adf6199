"""Reading the data: load() against plain decompression, and against the classic way.

All sides read one archive of all 130,831 characterized molecules, rebuilt from qm9pack in the
published format, in turns in one run:

- plain decompression: Python's bz2 in one thread, and nothing done with the bytes;
- cold load: ``load("figshare")`` with the archive there but no cache file: checking its SHA-256,
  decompressing, reading every record strictly, and writing, checking and mapping the cache file;
- warm load: the same once more; and the memory of a process that does only that;
- classic reader: tarfile member by member, ``float`` word by word, pickle.

    python benchmarks/data.py    (Linux)

Prints a table and writes ``benchmarks/results/data.json``.
"""

from __future__ import annotations

import bz2
import json
import os
import pickle
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

import report

import make_archive

MOLECULES = 130_831
ROUNDS = 3

LOAD = """
import json, time
import qm9lib
from qm9lib.data import figshare, files
from qm9lib.data.figshare import Release, RemoteFile

def file(name):
    path = figshare.folder() / name
    return RemoteFile(name, path.stat().st_size, files.file_sha256(path), ("http://unused",))

figshare.PUBLISHED = Release(
    file("dsgdb9nsd.xyz.tar.bz2"), file("uncharacterized.txt"), file("atomref.txt"), 130_831, 1
)
start = time.perf_counter()
qm9 = qm9lib.load("figshare")
seconds = time.perf_counter() - start
assert len(qm9) == 130_831
# Not getrusage: what it tells starts at the memory of the process that started this one.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
memory = int(status["VmHWM"].split()[0]) / 1e3
print(json.dumps([seconds, memory]))
"""

RECORDS = """
import json, sys, time
import qm9lib
from qm9lib import qm9_fetch, qm9_parse

import tensorflow
qm9 = qm9lib.load("qm9pack")
start = time.perf_counter()
path = qm9_fetch(qm9, sys.argv[1])
written = time.perf_counter()
molecules = sum(1 for _ in qm9_parse(path))
print(json.dumps([molecules / (written - start), molecules / (time.perf_counter() - written)]))
"""


def child(code: str, *arguments: str, **environment: str) -> list[float]:
    """Run code in a fresh process and return the list that it prints."""
    command = [sys.executable, "-c", code, *arguments]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment
    out = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return json.loads(out.stdout)


def plain_decompression(archive: Path) -> float:
    """Return the seconds of decompressing in one thread."""
    start = time.perf_counter()
    decompressor = bz2.BZ2Decompressor()
    with open(archive, "rb") as file:
        while packed := file.read(1 << 20):
            decompressor.decompress(packed)
    return time.perf_counter() - start


def classic_reader(archive: Path, target: Path) -> float:
    """Return the seconds of the classic way: a list of molecules, pickled."""
    start = time.perf_counter()
    molecules = []
    with tarfile.open(archive, "r:bz2") as tar:
        for member in tar:
            file = tar.extractfile(member)
            lines = file.read().decode().splitlines()
            n = int(lines[0])
            labels = [float(word.replace("*^", "e")) for word in lines[1].split()[1:]]
            elements, positions = [], []
            for line in lines[2 : 2 + n]:
                element, *words = line.split()
                elements.append(element)
                positions.append([float(word.replace("*^", "e")) for word in words])
            molecules.append((elements, positions, labels))
    with open(target, "wb") as out:
        pickle.dump(molecules, out)
    return time.perf_counter() - start


def main() -> None:
    """Measure, print and store."""
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name)
        folder = cache / "figshare"
        folder.mkdir()
        archive = folder / "dsgdb9nsd.xyz.tar.bz2"
        make_archive.write(archive, make_archive.all_records(), total=MOLECULES)
        (folder / "uncharacterized.txt").write_text("===\nindex\n===\n58\n===\n")
        (folder / "atomref.txt").write_text("")
        plain, cold, warm, memory = [], [], [], []
        # In turns, and the best of each: what else the machine does then hits all alike.
        for _ in range(ROUNDS):
            plain.append(plain_decompression(archive))
            (cache / "qm9-v2-figshare.safetensors").unlink(missing_ok=True)
            cold.append(child(LOAD, QM9LIB_CACHE=name)[0])
            for _ in range(3):
                seconds, megabytes = child(LOAD, QM9LIB_CACHE=name)
                warm.append(seconds)
                memory.append(megabytes)
        classic = classic_reader(archive, cache / "molecules.pickle")
        writing, reading = child(RECORDS, str(cache / "all.tfrecord"))
    result = {
        "plain bz2 decompression (s)": round(min(plain), 2),
        "cold load (s)": round(min(cold), 2),
        "cold load: times plain decompression": round(min(cold) / min(plain), 2),
        "classic reader (s)": round(classic, 1),
        "classic reader: times the cold load": round(classic / min(cold), 1),
        "warm load (s)": round(min(warm), 3),
        "memory of a process with a warm load (MB)": round(max(memory)),
        "TFRecord writing (molecules/s)": round(writing),
        "TFRecord reading (molecules/s)": round(reading),
    }
    report.store("data", result)


if __name__ == "__main__":
    main()
