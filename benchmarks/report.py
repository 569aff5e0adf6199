"""What a benchmark does with its result: a table for the reader, a file for the repository."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

RESULTS = Path(__file__).parent / "results"


def store(name: str, measured: Mapping[str, Any]) -> None:
    """Print what was measured and on which machine, and write ``results/NAME.json``."""
    result = {
        **measured, "processors": os.cpu_count(), "machine": platform.machine(),
        "python": platform.python_version(), "jax": jax.__version__,
    }  # fmt: skip
    for key, value in result.items():
        print(f"{key:50} {value}")
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written to {path.relative_to(RESULTS.parents[1])}")
