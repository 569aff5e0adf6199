"""All answers of tests/answers that need no JAX: a page says of each what Python says here."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import answers
import pytest
from playwright.sync_api import Browser

import qm9course
from browser import HANG
from qm9course.page import NOWHERE
from web import checks

IN_JAX = (*NOWHERE, "qm9lib.models", "qm9lib.training", "qm9lib.pretrained")

# What the modules of the catalogue import, and then their answers in the order of the file.
CATALOGUE = """
import sys, types
found = []
def answer(status):
    return lambda name, *says: lambda function: found.append((name, function)) or function
sys.modules["answers"] = types.SimpleNamespace(
    right=answer("right"), wrong=answer("wrong"), stops=answer("error")
)
"""
JUDGED = """
import json
from qm9course import examine
from qm9course.showing import PAGE as show
skipped = set(json.loads({skipped!r}))
for number, (name, function) in enumerate(found):
    if number not in skipped:
        show(json.dumps([number, str(examine(name, function))]))
"""

# Run cells in a worker like that of the page, and return what it shows and prints.
ASK = """([before, cells]) => new Promise((resolve, reject) => {
  const {mark, pyodide} = JSON.parse(document.getElementById("qm9-run").textContent);
  const search = new URLSearchParams({mark, pyodide});
  const worker = new Worker(`../../_static/run/worker.js?${search}`);
  const [shown, printed] = [[], []];
  worker.onmessage = ({data}) => {
    if (data.html) shown.push(data.html);
    if (data.text) printed.push(data.text);
    if (data.failed) reject(new Error(data.failed));
    if (data.done) {
      worker.terminate();
      resolve({shown, printed: printed.join(""), done: data.done});
    }
  };
  worker.postMessage({before, cells});
})"""


def ours(text: str) -> str:
    """Return what the course says of an answer, without what Python and NumPy say of an error.

    Their words, and the names of their frames, change with their versions, and lines are broken
    elsewhere then. A set of texts has another order in each process.
    """
    text = re.sub(r"(stopped with \w+): .*?(?=\n  (?! )|\Z)", r"\1", text, flags=re.DOTALL)
    text = re.sub(r"^  in \S+, line", "  in line", text, flags=re.MULTILINE)
    return " ".join(re.sub(r"np\.str_\('.*?'\)", "np.str_()", text).split())


def needs_jax(function: Callable[..., Any], seen: frozenset[Any] = frozenset()) -> bool:
    """Whether a function, or one of its module that it calls, names something of JAX."""
    codes, names = [function.__code__], set()
    while codes:
        code = codes.pop()
        names |= set(code.co_names)
        codes += [const for const in code.co_consts if isinstance(const, types.CodeType)]
    if names & {"jax", "models", "training", "pretrained"}:  # imported here, or as in qm9lib.models
        return True
    for value in (function.__globals__.get(name) for name in names):
        owner = getattr(
            value, "__name__" if isinstance(value, types.ModuleType) else "__module__", ""
        )
        if str(owner).startswith(IN_JAX):
            return True
        own = isinstance(value, types.FunctionType) and value.__module__ == function.__module__
        if own and value not in seen and needs_jax(value, seen | {function}):
            return True
    return False


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("subject", qm9course.CHAPTERS)
def test_catalogue(
    browser: Browser, address: str, subject: str, record_property: Callable[[str, object], None]
) -> None:
    elsewhere = {one.name for one in qm9course.exercises(subject) if one.needs_jax}
    module = f"answers.{subject}"
    own = [one for one in answers.ANSWERS if one.function.__globals__["__name__"] == module]
    source = Path(answers.__file__).with_name(f"{subject}.py").read_text("utf-8")
    unwrapped = [getattr(one.function, "__wrapped__", one.function) for one in own]
    skipped = [
        number
        for number, (one, function) in enumerate(zip(own, unwrapped, strict=True))
        if one.exercise in elsewhere or needs_jax(function)
    ]
    with checks.visit(browser, f"{address}book/exercises/{subject}.html", 1280) as seen:
        seen.page.set_default_timeout(HANG)
        cells = [
            ["cell decorators", CATALOGUE],
            ["cell catalogue", source],
            ["cell judge", JUDGED.format(skipped=json.dumps(skipped))],
        ]
        result = seen.page.evaluate(ASK, [[], cells])
        assert checks.requests(seen) == []
    assert result["done"] == "done", result["printed"]
    said = {number: ours(text) for number, text in map(json.loads, result["shown"])}
    expected = {
        number: ours(str(qm9course.examine(one.exercise, one.function)))
        for number, one in enumerate(own)
        if number not in skipped
    }
    assert said == expected
    record_property(
        "measured", f"{subject}: {len(said)} answers judged alike, {len(skipped)} not tried"
    )
    # Of each exercise that the page offers, there are right answers and wrong ones among them.
    for one in qm9course.exercises(subject):
        statuses = {own[number].status for number in said if own[number].exercise == one.name}
        assert one.needs_jax or statuses >= {"right", "wrong"}, one.name
