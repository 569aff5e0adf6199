"""The cells of an exercise page, as its worker runs them; in a browser: tests/web/test_run.py."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import qm9course
from qm9course import showing
from qm9course.page import NOWHERE, Nowhere, Page

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shown():
    return []


@pytest.fixture
def page(shown):
    return Page(shown.append, ("scipy", "matplotlib"))


@pytest.fixture
def nowhere(monkeypatch):
    """As in a page: a package that it does not have cannot be imported, loaded before or not."""
    for name in list(sys.modules):
        if name.partition(".")[0] in NOWHERE:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Nowhere, *sys.meta_path])


def test_cells_share_their_names_and_the_last_expression_is_shown(page, shown, capsys):
    assert page.run("import math\n2 + 2\nx = 3", "cell a") == "done"
    assert capsys.readouterr().out == ""
    assert page.run("print('a')\nmath.floor(x)\n'b' * x", "cell b") == "done"
    assert capsys.readouterr().out == "a\n'bbb'\n"
    assert page.run("None", "cell c") == page.run("", "cell d") == "done"
    assert capsys.readouterr().out == "" and shown == []
    assert page.run("__name__", "cell e") == "done"
    assert capsys.readouterr().out == "'__main__'\n"


def test_what_has_html_is_shown_as_html(page, shown, capsys):
    class Rich:
        def _repr_html_(self):
            return "<b>1</b>"

    class Bundle:
        def _repr_mimebundle_(self, **_):
            return {"text/plain": "two", "text/html": "<b>2</b>"}

    page.names |= {"rich": Rich(), "bundle": Bundle()}
    page.run("rich", "cell a")
    page.run("bundle", "cell b")
    assert shown == ["<b>1</b>", "<b>2</b>"] and capsys.readouterr().out == ""


PNG = b"\x89PNG\r\n\x1a\n"  # how such a file begins


def test_what_has_a_picture_is_shown_as_one(page, shown, capsys):
    class Drawn:
        def _repr_html_(self):
            return None

        def _repr_svg_(self):
            return "<svg></svg>"

    class Painted:
        alt = "a < b"

        def _repr_png_(self):
            return PNG

    class Bundle:
        def _repr_mimebundle_(self):
            return {"text/plain": "x", "image/png": base64.b64encode(PNG).decode()}

    page.names |= {"drawn": Drawn(), "painted": Painted(), "bundle": Bundle()}
    for name in ("drawn", "painted", "bundle"):
        assert page.run(name, "cell a") == "done"
    data = f'src="data:image/png;base64,{base64.b64encode(PNG).decode()}">'
    assert shown == ["<svg></svg>", f'<img alt="a &lt; b" {data}', f'<img alt="Bundle" {data}']
    assert capsys.readouterr().out == ""


@pytest.fixture
def pyplot(monkeypatch, shown):
    """As in a page, with the backend that the worker chooses."""
    from matplotlib import pyplot

    before = pyplot.get_backend()
    pyplot.switch_backend("module://qm9course.inline")
    monkeypatch.setattr(showing, "PAGE", shown.append)
    yield pyplot
    pyplot.close("all")
    pyplot.switch_backend(before)


DRAW = """from matplotlib import pyplot as plt
figure, ax = plt.subplots()
ax.set(title="Errors < 1", xlabel="steps", ylabel="MAE")
"""
DRAWN = '<img alt="Figure: Errors &lt; 1; MAE against steps" src="data:image/png;base64,'


@pytest.mark.parametrize("end", ["figure", "plt.show()", "pass", "1 / 0"])
def test_a_figure_is_shown_once_as_a_picture(page, shown, capsys, pyplot, end):
    page.run(DRAW + end, "cell a")
    assert [html[: len(DRAWN)] for html in shown] == [DRAWN]
    assert base64.b64decode(shown[0].partition("base64,")[2].rstrip('">')).startswith(PNG)
    said = capsys.readouterr()
    assert said.out == "" and ("1 / 0" in said.err) == (end == "1 / 0")
    assert pyplot.get_fignums() == []
    page.run("figure", "cell b")  # it is there, and can be shown again
    assert len(shown) == 2


def test_a_figure_is_shown_where_the_cell_asks_for_it(page, shown, capsys, pyplot):
    page.names["shown"] = shown
    page.run(f"{DRAW}plt.show()\nprint(len(shown))\nplt.figure()", "cell a")
    assert capsys.readouterr().out == "1\n"
    assert shown[1].startswith('<img alt="Figure" ')


def test_it_takes_what_a_notebook_takes_and_no_more(page, capsys):
    assert page.run("def f(x: Arry):\n    return x", "cell a") == "failed"
    assert "NameError: name 'Arry' is not defined" in capsys.readouterr().err
    source = "class Rich:\n    def _repr_html_(self):\n        return None\n"
    assert page.run(f"{source}Rich", "cell b") == page.run("Rich()", "cell c") == "done"
    assert capsys.readouterr().out.startswith("<class '__main__.Rich'>\n<__main__.Rich object")


def test_a_part_that_needs_jax_leaves_the_package_itself_alone(page, nowhere, capsys):
    assert page.run("import qm9lib\nimport qm9lib.training", "cell a") == "done"
    assert page.run("qm9lib.__version__", "cell b") == "done"
    assert capsys.readouterr().out == "'0.1.0'\n"


def test_an_error_is_told_with_the_lines_of_the_cells_alone(page, capsys):
    assert page.run("def f(x):\n    return 1 / x", "cell 1.1") == "done"
    assert page.run("print(1)\nf(0)\nprint(2)", "cell 1.2") == "failed"
    said = capsys.readouterr()
    assert said.out == "1\n"
    lines = [line for line in said.err.splitlines() if not set(line) <= set(" ~^")]
    assert lines == [
        "Traceback (most recent call last):",
        '  File "cell 1.2", line 2, in <module>',
        "    f(0)",
        '  File "cell 1.1", line 2, in f',
        "    return 1 / x",
        "ZeroDivisionError: division by zero",
    ]
    assert page.run("a = (", "cell 1.3") == "failed"
    said = capsys.readouterr().err
    assert 'File "cell 1.3", line 1' in said and "SyntaxError" in said
    assert page.run("exit()", "cell 1.4") == "failed"
    assert "SystemExit" in capsys.readouterr().err


def test_a_package_that_can_be_loaded_is_asked_for(page, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert page.run("print(1)\nfrom scipy import stats", "cell a") == "scipy"
    assert capsys.readouterr().out == "1\n"
    assert page.run("import no_such_package", "cell b") == "failed"
    assert "No module named 'no_such_package'" in capsys.readouterr().err


def test_what_runs_nowhere_is_absent_and_says_so_when_it_is_used(page, capsys, nowhere):
    refusal = "jax does not run in a page: open the exercises in Colab to use it"
    assert page.run("import jax\nimport jax.numpy as jnp\nx = 1", "cell a") == "done"
    assert page.run("from jax import numpy as other, grad", "cell b") == "done"
    assert capsys.readouterr().err == ""
    for use in ("jnp.sum", "jax.jit(f)", "grad(1)", "other[0]"):
        assert page.run(use, "cell c") == "failed"
        assert capsys.readouterr().err.endswith(f"ModuleNotFoundError: {refusal}\n")
    assert page.run("def f():\n    import jax\nf()", "cell d") == "failed"  # used, not named
    assert capsys.readouterr().err.endswith(f"ModuleNotFoundError: {refusal}\n")


def test_outcomes_are_shown_in_the_page_as_in_a_notebook(shown, capsys, monkeypatch):
    monkeypatch.setattr(showing, "PAGE", shown.append)
    showing.show([("right", "1.1 right", ": yes")])
    assert shown == [showing.html([("right", "1.1 right", ": yes")])]
    assert capsys.readouterr().out == ""


def test_the_solutions_of_those_marked_need_jax_and_of_no_others():
    """In a process that has what a page has; the solutions are those of the notebooks."""
    program = """
        import json, sys
        from qm9course import CHAPTERS, exercises, page
        sys.meta_path.insert(0, page.Nowhere)
        failed = []
        for chapter in CHAPTERS:
            notebook = json.load(open(f"book/solutions/{chapter}.ipynb"))
            cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
            cells = [c for c in cells if not c.startswith(("# @title", "progress"))]
            names = page.Page(print)
            for cell in cells[:1]:
                assert names.run(cell, "cell") == "done"
            for exercise in exercises(chapter):
                [cell] = [c for c in cells if f"def {exercise.function}(" in c]
                names.run(cell, "cell")
                try:
                    status = __import__("qm9course").examine(
                        exercise.name, names.names[exercise.function]
                    ).status
                except ModuleNotFoundError:
                    status = "no JAX"
                if status != "right":
                    failed.append(exercise.name)
        print("failed", json.dumps(failed))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    marked = [
        one.name
        for chapter in qm9course.CHAPTERS
        for one in qm9course.exercises(chapter)
        if one.needs_jax
    ]
    assert done.stdout.splitlines()[-1] == f"failed {json.dumps(marked)}"
