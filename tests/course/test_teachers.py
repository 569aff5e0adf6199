"""The teachers' page: what it plans, quotes and tells to type is so."""

from __future__ import annotations

import contextlib
import inspect
import io
import re

import pytest
from answers import ANSWERS

import classroom
import notebooks
from qm9course import CHAPTERS, examine, exercises
from qm9course.grade import Row, to_json

pytestmark = [pytest.mark.usefixtures("lenient"), pytest.mark.filterwarnings("default")]

TEXT = (notebooks.ROOT / "book" / notebooks.TEACHERS).read_text("utf-8")
MINUTES = {
    number: int(minutes)
    for number, minutes in re.findall(r"\| \[(\d+\.\d+) [^|]*\| [^|]* \| (\d+) min \|", TEXT)
}
REVEALED = re.findall(r"\*In (\d\.\d),\* `(.+?)` \*gets:\* “(.+?)”", TEXT)
QUOTED = re.findall(r"“([^”]+)” \((\d\.\d)\)", TEXT)


def wrong(exercise):
    return [one for one in ANSWERS if one.exercise == exercise and one.status == "wrong"]


@pytest.mark.parametrize(("exercise", "code", "quote"), REVEALED)
def test_misconception_is_a_wrong_answer_of_the_catalogue(exercise, code, quote):
    """The checker says these words of an answer that has this code."""
    found = [one for one in wrong(exercise) if code in inspect.getsource(one.function)]
    assert found, "no wrong answer has this code"
    said = [examine(exercise, one.function).message for one in found]
    assert any(quote in message for message in said), said


def test_every_misconception_has_an_answer():
    section = TEXT.partition("## Misconceptions")[2].partition("\n## ")[0]
    points = re.findall(r"(?m)^- .+$", section)
    assert len(points) >= 15 and all("*gets:*" in point for point in points)
    assert section.count("*gets:*") == len(REVEALED)


@pytest.mark.parametrize(("quote", "exercise"), QUOTED)
def test_marking_guide_quotes_the_checker(quote, exercise):
    assert any(
        quote in examine(exercise, one.function).message
        for one in wrong(exercise)
        if any(part[:25] in quote or quote[:25] in part for part in one.says)
    )


def plan(title):
    """The rows of the table below a heading."""
    section = TEXT.partition(f"### {title}")[2].partition("\n##")[0]
    rows = [row.strip("|").split("|") for row in re.findall(r"(?m)^\|.+\|$", section)]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def numbers(cell):
    """The exercises that a cell names: 1.1–1.3, 2.1."""
    found = []
    for first, last in re.findall(r"(\d\.\d)(?:–(\d\.\d))?", cell):
        names = list(MINUTES)
        found += names[names.index(first) : names.index(last or first) + 1]
    return found


def test_minutes_are_those_of_all_exercises():
    assert list(MINUTES) == [one.name for chapter in CHAPTERS for one in exercises(chapter)]
    told = re.findall(r"(?m)^(\d+) exercises, (\d+) minutes:$", TEXT)
    assert sum(int(number) for number, _ in told) == len(MINUTES)
    assert sum(int(minutes) for _, minutes in told) == sum(MINUTES.values())


def test_aims_are_those_of_every_chapter():
    assert TEXT.count("\nAfterwards a student can\n") == len(CHAPTERS)
    for chapter in CHAPTERS:
        source = (notebooks.ROOT / "book" / f"{chapter}.md").read_text("utf-8")
        aim = re.search(r"\*\*You will be able to\*\*\n\n(- .+)", source)[1]
        assert aim in TEXT


def test_afternoon_has_time_for_its_exercises():
    rows = plan("One afternoon")
    starts = [60 * int(time[0]) + int(time[2:]) for time, _, _ in rows] + [240]
    assert starts == sorted(starts)
    for (_, what, cell), start, end in zip(rows, starts, starts[1:], strict=False):
        assert sum(MINUTES[name] for name in numbers(cell)) <= 0.6 * (end - start), what


@pytest.mark.parametrize(("title", "most"), [("One week", 95), ("Half a course", 120)])
def test_plan_has_every_exercise_once_and_time_for_it(title, most):
    rows = plan(title)
    assert sorted(name for row in rows for cell in row[2:] for name in numbers(cell)) == sorted(
        MINUTES
    )
    for row in rows:
        assert sum(MINUTES[name] for name in numbers(row[2])) <= most, row


def test_points_are_computed_from_the_grades(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        Row("a.ipynb", "labels", {"1.1": "right", "1.2": "wrong", "1.3": "right"}),
        Row("b.ipynb", "labels", {"1.1": "right"}),
    ]
    (tmp_path / "grades.json").write_text(to_json(rows))
    code = re.search(r"```python\n(.+?)```", TEXT, re.DOTALL)[1]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, {})
    assert printed.getvalue() == "a.ipynb 4 points; read 1.2\nb.ipynb 2 points; read nothing\n"


def test_commands_without_network_are_those_of_the_zip():
    section = TEXT.partition("## A class without network")[2]
    commands = re.findall(r"(?m)^(?:python -m|course/bin).+$", section)
    assert len(commands) == 5
    assert commands == [line.strip() for line in re.findall(r"(?m)^    .+$", classroom.README)]
