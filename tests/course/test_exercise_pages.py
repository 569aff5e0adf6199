"""Pages of exercises: derived ones are in step and run untouched, and solutions are right."""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from answers import ANSWERS

import exercises as pages
import notebooks
import qm9course

pytestmark = [pytest.mark.usefixtures("lenient"), pytest.mark.filterwarnings("default")]
REPOSITORY = notebooks.read_repository(notebooks.ROOT)
COLAB = (
    "https://colab.research.google.com/github/ada/course/blob/main/book/exercises/doubling.ipynb"
)
SOLUTIONS = notebooks.ROOT / "book" / pages.SOLUTIONS
FIXTURE = (Path(__file__).parents[1] / "files" / "doubling.md").read_text("utf-8")


@pytest.mark.parametrize("chapter", qm9course.CHAPTERS)
def test_page_of_the_students_is_derived_from_the_solutions(chapter):
    assert notebooks.check_student_page(SOLUTIONS / f"{chapter}.md", REPOSITORY) == []


@pytest.mark.parametrize("chapter", qm9course.CHAPTERS)
def test_sections_are_the_exercises(chapter):
    text = (SOLUTIONS / f"{chapter}.md").read_text("utf-8")
    found = [(heading["number"], heading["title"]) for heading in pages.HEADING.finditer(text)]
    assert found == [(e.name, e.title) for e in qm9course.exercises(chapter)]
    for exercise, section in zip(
        qm9course.exercises(chapter), re.split(r"^## ", text, flags=re.MULTILINE)[1:], strict=False
    ):
        assert f'check("{exercise.name}", {exercise.function})' in section
        for word in ("**Practises:**", "**Time:**", "**Sanity check:**"):
            assert word in section


@pytest.mark.parametrize("chapter", qm9course.CHAPTERS)
def test_untouched_page_runs_from_top_to_bottom(chapter, tmp_path):
    page = notebooks.student_page(SOLUTIONS / f"{chapter}.md")
    notebook = notebooks.read_notebook(page.with_suffix(".ipynb"))
    assert all(not cell.outputs for cell in notebooks.code_cells(notebook))
    notebooks.client(notebook, tmp_path).execute(env={**os.environ, **notebooks.ENVIRONMENT})
    said = "\n".join(
        output.data["text/plain"]
        for cell in notebooks.code_cells(notebook)
        for output in cell.outputs
        if output.output_type == "display_data"
    )
    numbers = re.findall(r"^(\d\.\d) not attempted: ", said, re.MULTILINE)
    assert numbers == [exercise.name for exercise in qm9course.exercises(chapter)]
    assert f"{chapter}: 0 of {len(numbers)} right" in said


def program(function):
    """All that tells a student's function from another: its code, and that of what it calls."""
    parts = {}

    def add(function):
        parts[function] = (function.__code__, function.__defaults__)
        codes = [function.__code__]
        for code in codes:
            codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        for name in (name for code in codes for name in code.co_names):
            called = function.__globals__.get(name)
            called = getattr(called, "__wrapped__", called)  # what is compiled by JAX
            if isinstance(called, FunctionType) and called not in parts:
                # Code of libraries does not change; that of the page may.
                if called.__globals__.get("__name__") in ("__main__", function.__module__):
                    add(called)

    add(function)
    return tuple(parts.values())


FOUND: dict[tuple[object, ...], str] = {}


def outcomes(chapter, monkeypatch, replaced="", answer=None):
    """Run the solutions without their discussion, and with one function replaced."""
    found = {}

    def check(name, function):
        # Some answers train: each does so once, not for each variant of the page.
        key = (name, *program(function))
        if key not in FOUND:
            FOUND[key] = qm9course.examine(name, function).status
        found[name] = FOUND[key]

    monkeypatch.setattr(qm9course, "check", check)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names: dict[str, object] = {"__name__": "__main__"}
    section = ""
    for cell in notebooks.from_markdown(SOLUTIONS / f"{chapter}.md", REPOSITORY).cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "markdown":
            for heading in pages.HEADING.finditer(cell.source):
                section = heading["number"]
        elif notebooks.is_setup(cell.source) or "discussion" in tags:
            continue
        elif "solution" in tags and section == replaced:
            names[answer.__name__] = answer
        else:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(cell.source, f"<{chapter} {section}>", "exec"), names)
    return found


@pytest.mark.parametrize(
    "exercise",
    [exercise.name for chapter in qm9course.CHAPTERS for exercise in qm9course.exercises(chapter)],
)
def test_a_wrong_answer_fails_its_own_exercise_alone(exercise, monkeypatch):
    wrong = next(a for a in ANSWERS if a.exercise == exercise and a.status == "wrong")
    chapter = qm9course.BY_NUMBER[exercise.partition(".")[0]]
    found = outcomes(chapter, monkeypatch, exercise, wrong.function)
    assert [name for name, status in found.items() if status != "right"] == [exercise]
    assert len(found) == len(qm9course.exercises(chapter))


def test_derived_page_of_a_small_fixture():
    text = pages.student(FIXTURE, "doubling", COLAB)
    assert text.startswith("---\n# Derived from ../solutions/doubling.md, by `make notebooks`")
    assert f"# Exercises: doubling\n\n[Open these exercises in Colab]({COLAB})\n\n" in text
    assert (
        'def double(x):\n    """Return 2 x.\n\n    x: a number\n    """\n'
        '    raise NotImplementedError("Exercise 0.1: Double it")\n```'
    ) in text
    assert (
        "def triple(\n    x: float = 1.0,\n) -> float:\n    '''Return 3 x.'''\n"
        '    raise NotImplementedError("Exercise 0.2: Triple it")\n\n\ndef helper(x):'
    ) in text
    assert "[Solution of 0.2](../solutions/doubling.ipynb#02-triple-it)" in text
    for secret in ("x + x", "3 * x", "Said to nobody", "double(4)", "solution, hide-input"):
        assert secret not in text


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("# Solutions: doubling", "# Doubling", "title must begin"),
        ("## 0.2", "## 0.1", "two exercises 0.1"),
        ("return x + x", "return (x", "the solution of 0.1 is not valid Python"),
        ('    """One more."""\n', "", "helper, the solution of 0.2, has no docstring"),
        ('check("0.2", triple)', "triple(1)", "exercise 0.2 has no check cell"),
        (":tags: [solution]", "", "exercise 0.2 has no solution cell"),
        ("def helper(x):", "y = 3\n\n\ndef helper(x):", "only functions, but line 8 is: y = 3"),
        ("---\nkernelspec", "kernelspec", "no YAML header"),
    ],
)
def test_what_cannot_be_derived_is_told(old, new, says):
    assert old in FIXTURE
    with pytest.raises(pages.ExerciseError, match=says):
        pages.student(FIXTURE.replace(old, new, 1), "doubling", COLAB)


def test_table_of_the_teachers_is_that_of_the_exercises():
    text = (notebooks.ROOT / "book" / notebooks.TEACHERS).read_text("utf-8")
    assert text == notebooks.teachers_text(notebooks.ROOT)
    assert text.count("](exercises/") == sum(
        len(qm9course.exercises(c)) for c in qm9course.CHAPTERS
    )


def test_edited_or_stale_page_is_found(tmp_path):
    (tmp_path / pages.SOLUTIONS).mkdir()
    source = tmp_path / pages.SOLUTIONS / "doubling.md"
    source.write_text(FIXTURE, "utf-8")
    page = notebooks.student_page(source)
    (problem,) = notebooks.check_student_page(source, REPOSITORY)
    assert problem == "exercises/doubling.md is not what follows from solutions/doubling.md"
    notebooks.derive_student_page(source, REPOSITORY)
    assert notebooks.check_student_page(source, REPOSITORY) == []
    for file in (page, page.with_suffix(".ipynb")):
        kept = file.read_text("utf-8")
        file.write_text(kept.replace("A text.", "Another text."), "utf-8")
        assert file.name in notebooks.check_student_page(source, REPOSITORY)[0]
        file.write_text(kept, "utf-8")
    source.write_text(FIXTURE.replace("A text.", "Other words."), "utf-8")
    assert len(notebooks.check_student_page(source, REPOSITORY)) == 1
