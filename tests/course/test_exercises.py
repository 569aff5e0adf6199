"""Checkers: every answer of tests/answers gets the outcome and the words that it must."""

from __future__ import annotations

import dataclasses
import functools
import re
from functools import cache
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from answers import ANSWERS

import qm9course
from qm9course import CHAPTERS, check, checking, examine, hint, progress
from qm9course.diagnosis import explain, same
from qm9lib.errors import UnknownNameError

pytestmark = [pytest.mark.usefixtures("lenient"), pytest.mark.filterwarnings("default")]
ALL = [exercise for chapter in CHAPTERS for exercise in qm9course.exercises(chapter)]


@pytest.fixture
def session(monkeypatch):
    """An interpreter in which nothing has been checked yet."""
    monkeypatch.setattr(qm9course, "_outcomes", {})
    monkeypatch.setattr(qm9course, "_hinted", {})


@cache
def judged(answer):
    """Examine an answer of the catalogue, once for all tests."""
    return examine(answer.exercise, answer.function)


def number(answer):
    same_exercise = [other for other in ANSWERS if other.exercise == answer.exercise]
    return f"{answer.exercise}-{answer.status}-{same_exercise.index(answer)}"


@pytest.mark.parametrize("answer", ANSWERS, ids=number)
def test_answer(answer):
    outcome = judged(answer)
    assert outcome.status == answer.status, outcome
    assert all(part in outcome.message for part in answer.says), outcome
    if answer.status == "error":  # the line of the student's code is shown
        shown = re.search(r"^  in \S+, line (\d+): (.+)$", outcome.message, re.MULTILINE)
        lines = Path(answer.function.__code__.co_filename).read_text("utf-8").splitlines()
        assert shown[2] == lines[int(shown[1]) - 1].strip()


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.name)
def test_catalogue_is_rich_and_every_mistake_has_its_own_message(exercise):
    answers = [answer for answer in ANSWERS if answer.exercise == exercise.name]
    assert all(answer.says for answer in answers if answer.status != "right")
    assert all(answer.function.__name__ == exercise.function for answer in answers)
    assert sum(answer.status == "right" for answer in answers) >= 3
    mistakes = [answer for answer in answers if answer.status != "right"]
    assert len(mistakes) >= 4
    messages = [judged(answer).message for answer in mistakes]
    said = {re.sub(r"^  in .*\n?", "", message, flags=re.MULTILINE) for message in messages}
    assert len(said) == len(messages)  # they differ in more than the line of the student's code


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.name)
def test_exercise_is_complete(exercise):
    assert len(exercise.hints) >= 3
    assert exercise.title and exercise.learnt

    def stub(*arguments):
        raise NotImplementedError(f"Exercise {exercise.name}: {exercise.title}")

    assert examine(exercise.name, stub).status == "not attempted"
    for value in (None, 3.0, np.zeros(3)):
        outcome = examine(exercise.name, value)
        assert outcome.status == "wrong"
        assert f'check("{exercise.name}", {exercise.function})' in outcome.message
    for nothing in (lambda *_: None, lambda *_: "x", lambda *_: [1, [2, 3]], lambda *_: object()):
        assert examine(exercise.name, nothing).status in ("wrong", "error")


def test_names_count_from_one_in_the_order_of_the_chapters():
    for place, chapter in enumerate(CHAPTERS, 1):
        names = [exercise.name for exercise in qm9course.exercises(chapter)]
        assert names == [f"{place}.{i}" for i in range(1, len(names) + 1)]
        assert len(names) >= 5


def test_check_prints_hint_climbs_and_progress_remembers(session, capsys):
    progress()
    assert capsys.readouterr().out == "nothing has been checked here yet\n"
    check("1.1", lambda energy: 627.5095 * energy)
    check("1.2", lambda atomic_numbers, total, references: total)
    assert capsys.readouterr().out.startswith("1.1 right: ")
    for i in (1, 2, 3, 3):
        hint("1.1")
        said = capsys.readouterr().out
        assert said.startswith(f"1.1 hint {i} of 3: ")
        assert ("again" in said) == (i < 3)
    assert "That was the last hint" in said
    check("1.1", lambda energy: energy)  # an experiment afterwards
    assert capsys.readouterr().out.startswith("1.1 wrong: ")
    progress()
    said = capsys.readouterr().out
    assert said.startswith("labels: 1 of 6 right\n")
    assert "  1.2  wrong " in said
    assert "  1.3  not checked " in said


@pytest.mark.parametrize("name", ["0.1", "9.1", "labels", "", 1, None, check])
def test_what_is_no_name_of_an_exercise_is_told(name, session, capsys):
    with pytest.raises(UnknownNameError, match=r"unknown exercise .* use one of: .?\d\.1"):
        examine(name, lambda: None)
    for ask in (lambda: check(name, lambda: None), lambda: hint(name)):
        ask()
        said = " ".join(capsys.readouterr().out.split())
        assert said == (
            'An exercise is named by its number, in quotes: "1.1", "2.1", "3.1", "4.1", "5.1", '
            '"6.1", "7.1" and so on.'
        )


@pytest.mark.parametrize("name", ["1.9", 1.9, "1.", "1.1.1"])
def test_unknown_exercise_of_a_chapter_is_told_with_the_known_ones(name, session, capsys):
    with pytest.raises(UnknownNameError, match=r"unknown exercise .* use one of: 1\.1, 1\.2"):
        examine(name, lambda: None)
    for ask in (lambda: check(name, lambda: None), lambda: hint(name)):
        ask()
        assert " ".join(capsys.readouterr().out.split()) == (
            f"There is no exercise {name}. The chapter on labels has "
            '"1.1", "1.2", "1.3", "1.4", "1.5" and "1.6".'
        )
    assert qm9course._outcomes == {}


def test_number_without_quotes_is_understood(session, capsys):
    check(1.1, lambda energy: energy)
    hint(1.1)
    check(np.float64(1.1), lambda energy: 627.5095 * energy)
    hint("1.1")
    wrong, first, right, second = re.findall(r"^1\.1 [a-z]+(?: \d)?", capsys.readouterr().out, re.M)
    assert (wrong, right) == ("1.1 wrong", "1.1 right")
    assert (first, second) == ("1.1 hint 1", "1.1 hint 2")
    assert list(qm9course._outcomes) == ["1.1"]


def test_number_that_may_be_another_exercise_is_asked_for(session, capsys, monkeypatch):
    found = qm9course.exercises("labels")
    tenth = dataclasses.replace(found[1], name="1.10")
    monkeypatch.setattr(qm9course, "exercises", lambda chapter: (*found, tenth))
    check(1.10, lambda energy: 627.5095 * energy)
    assert capsys.readouterr().out.startswith("The number 1.1 can mean more than one exercise: ")
    check("1.1", lambda energy: 627.5095 * energy)
    check("1.10", lambda energy: energy)
    check(1.2, lambda energy: energy)
    said = capsys.readouterr().out
    assert re.findall(r"^1\.\d+ [a-z]+", said, re.M) == ["1.1 right", "1.10 error", "1.2 error"]


def test_messages_fit_the_page():
    for answer in ANSWERS[::5]:
        lines = str(judged(answer)).splitlines()
        assert max(map(len, lines)) <= checking.WIDTH


def test_exception_is_shown_with_its_line_and_its_meaning():
    def to_kcal_per_mol(energy):
        shares = np.ones(3) / 3
        return 627.5 * energy * shares[3]

    outcome = examine("1.1", to_kcal_per_mol)
    assert outcome.status == "error"
    assert "IndexError: index 3 is out of bounds" in outcome.message
    assert "return 627.5 * energy * shares[3]" in outcome.message
    assert "This means: an index is beyond the end" in outcome.message


def test_exercise_explains_exceptions_in_its_own_words():
    def explain(error, arguments):
        return f"the argument was {arguments[0]}" if isinstance(error, KeyError) else None

    def judge(answer):
        return answer(7)

    def looked_up(x):
        return {}[x]

    exercise = checking.Exercise("0.1", "t", "f", judge, ("a", "b", "c"), "l", explain=explain)
    outcome = checking.examine(exercise, looked_up)
    assert outcome.status == "error"
    first, line, meaning = outcome.message.splitlines()
    assert first == "your code stopped with KeyError: 7"
    assert line.startswith("  in looked_up, line ") and line.endswith(": return {}[x]")
    assert meaning == "  This means: the argument was 7."
    # What it does not know keeps its usual meaning.
    assert "from 0, and the last" in checking.examine(exercise, lambda x: [][x]).message


def said_of(name, answer):
    outcome = examine(name, answer)
    assert outcome.status == "error"
    return outcome.message


def test_name_that_is_used_twice_is_named():
    def called(energy):
        sum = 0.0
        return sum(627.5095 * energy)

    def unbound(energy):
        max = max(energy)  # noqa: F823
        return 627.5095 * max

    def of_the_notebook(energy):
        HALF = HALF / 2  # noqa: F823
        return HALF * energy

    def too_late(energy):
        if np.ndim(energy) == 7:
            factor = 627.5095
        return factor * energy

    def product(energy):
        return energy(627.5095)

    assert "the name `sum` is used twice" in said_of("1.1", called)
    assert "the name `max` is used twice" in said_of("1.1", unbound)
    assert "no longer Python's own" in said_of("1.1", unbound)
    assert "no longer that of the notebook" in said_of("1.1", of_the_notebook)
    assert "factor is used before it has a value" in said_of("1.1", too_late)
    assert "`energy` is a number, not a function" in said_of("1.1", product)
    assert "round brackets after something" in said_of("1.1", lambda energy: [energy][0](2))


HALF = 0.5


def test_cache_is_not_explained_as_a_dictionary():
    @functools.lru_cache
    def cached(energy):
        return 627.5095 * energy

    def inner(energy):
        return cached(energy)

    def with_jax(energy):
        return cached(jnp.asarray(energy))

    for answer in (cached, inner, with_jax):
        said = said_of("1.1", answer)
        assert "functools.cache or lru_cache" in said
        assert "one key at a time" not in said
    assert "one key at a time" in said_of("1.1", lambda energy: {1.0: 627.5095}.get(np.ones(2)))


@pytest.mark.parametrize(
    ("work", "says"),
    [
        (lambda x: np.ones((3, 2)) @ np.ones(3), "Is a .T missing"),
        (lambda x: np.dot(np.ones((3, 2)), np.ones(3)), "is a .T missing"),
        (lambda x: np.ones(3) * np.ones((3, 2)), "Make a column of them, x[:, None]"),
        (lambda x: np.ones((3, 2)) * np.ones(3), "Make a column of them, x[:, None]"),
        (lambda x: np.ones(4) * np.ones((3, 2)), "print the .shape of each"),
        (lambda x: [None][0] + x, "something here is None"),
        (lambda x: list(x), "this is a single number"),
        (lambda x: len(x), "a single number has no length"),
        (lambda x: np.ones(5).reshape(2, -1), "to a shape with the same number of elements"),
    ],
)
def test_meanings_of_exceptions(work, says):
    assert says in said_of("1.1", work)


def judge_of(answer, **options):
    cases = [checking.Case("one and two", (np.array([1.0, 2.0]),))]
    return checking.compared(lambda x: 1.5 * x, lambda: cases, **options)(answer)


def test_decimals_that_integers_lose_are_found_after_all_else():
    whole = {"whole": lambda: [checking.Case("integers", (np.array([1, 3]),))]}

    def cut(x):
        result = np.zeros_like(x)
        result[:] = 1.5 * x
        return result

    def in_place(x):
        x *= 1.5
        return x

    def stopped(x):
        if x.dtype.kind == "i":
            raise checking.StoppedError
        return 1.5 * x

    assert judge_of(cut) is None
    assert "the decimals are cut off" in judge_of(cut, **whole)
    assert judge_of(stopped, **whole) is None
    assert judge_of(lambda x: 1.5 * x, **whole) is None
    assert isinstance(judge_of(in_place, **whole), checking.Right)


def test_answer_that_remembers_or_changes_numbers_is_told():
    def growing(x, found=[]):  # noqa: B006
        found.append(x)
        return sum(found)

    def changing(x):
        x[0] += 1.0
        return 1.5 * x

    assert "it remembers earlier calls" in judge_of(growing)
    assert "It also changes the array that it is given" in judge_of(changing)


@pytest.mark.parametrize("exercise", [e for e in ALL if e.explain], ids=lambda e: e.name)
def test_no_exercise_has_words_for_what_the_student_did_not_do(exercise):
    def slow(*arguments):
        raise TimeoutError("it took more than 6 s")

    outcome = examine(exercise.name, slow)
    assert outcome.status == "error"
    assert "it took more than 6 s" in outcome.message
    assert "This means" not in outcome.message


def test_signature_is_read_once(monkeypatch):
    read = []
    signature = checking.inspect.signature
    monkeypatch.setattr(
        checking.inspect, "signature", lambda answer: read.append(answer) or signature(answer)
    )
    answer = lambda z, total, references: total  # noqa: E731
    assert examine("1.2", answer).status == "wrong"
    assert read.count(answer) == 1


def test_signature_that_was_changed_is_told():
    outcome = examine("1.2", lambda molecule: 0.0)
    assert outcome.status == "error"
    assert "called with 3 arguments, but takes (molecule)" in outcome.message


def test_exit_does_not_end_the_session():
    assert examine("1.1", lambda energy: exit(1)).status == "error"


def test_own_not_implemented_error_is_an_error():
    def to_kcal_per_mol(energy):
        raise NotImplementedError("later")

    assert examine("1.1", to_kcal_per_mol).status == "error"


def test_answers_cannot_spoil_the_arguments_of_each_other():
    def judge_of(change):
        cases = checking.Case("an array", (np.ones(3), {"a": 1.0}))
        return checking.compared(lambda x, d: x.sum() + d["a"], lambda: [cases])(change)

    def spoil(x, d):
        value = x.sum() + d.pop("a")
        x[:] = 7
        return value

    for _ in range(2):
        assert judge_of(spoil) == checking.Right(
            "it also changes its arguments, which the caller may need: copy first"
        )
    exercise = checking.Exercise("0.1", "t", "f", judge_of, ("a", "b", "c"), "Learnt.")
    outcome = checking.examine(exercise, spoil)
    assert outcome.status == "right"
    assert outcome.message.endswith("copy first. Learnt.")


def test_data_that_are_missing_make_it_not_checkable():
    def judge(answer):
        raise checking.NotCheckableError("no data here")

    exercise = checking.Exercise("0.1", "t", "f", judge, ("a", "b", "c"), "l")
    outcome = checking.examine(exercise, lambda: None)
    assert str(outcome) == "0.1 not checkable: no data here"


def test_results_that_do_not_depend_on_the_arguments_or_are_right_in_part():
    wanted = [np.arange(2.0), np.arange(2.0) + 5, np.arange(2.0) + 9]
    texts, atoms = ["a", "b", "c,"], [None] * 3
    assert explain([np.ones(2)] * 3, wanted, texts, atoms).startswith("whatever the arguments are")
    found = [wanted[0], np.array([5.0, 7.0]), wanted[2]]
    assert explain(found, wanted, texts, atoms).endswith("expected 6. It is right for a and c")
    with pytest.raises(ValueError, match="nothing to explain"):
        explain(wanted, wanted, texts, atoms)


@pytest.mark.parametrize(
    ("found", "expected", "says"),
    [
        ([np.eye(3)[:, :2]], [np.eye(3)[:2]], "transposed array: its shape is"),
        ([[[0, 1], [2, 3]]], [np.array([[0, 2], [1, 3]])], "rows and columns are swapped"),
        ([np.array([1.0, 4.0])], [np.array([1.0, 2.0])], "squares"),
        ([np.array([2.0, 4.0])], [np.array([1.0, 2.0])], "twice"),
        ([np.array([0.5, 1.0])], [np.array([1.0, 2.0])], "half"),
        ([np.array([np.inf, 2.0])], [np.array([1.0, 2.0])], "an array with 1 infinite value: look"),
        (
            [np.array([np.nan, 2.0])],
            [np.array([1.0, 2.0])],
            "an array with 1 NaN, which means “not a number”",
        ),
        (
            [np.array([1.0, 2.0, 9.0])],
            [np.array([1.0, 2.0, 3.0])],
            r"1 of 3 values is wrong, at \[2\]: it is 9",
        ),
        ([np.array([1, 0])], [np.array([True, False])], "expected True and False"),
        ([(1.0,)], [(1.0, 2.0)], "1 result, expected 2, as in `return a, b`"),
        ([np.ones(3)], [(1.0, 2.0, 3.0)], "one array, expected 3 results, as in `return a, b, c`"),
        ([jnp.ones(3)], [(1.0, 2.0)], "one array, expected 2 results, as in `return a, b`"),
        ([7.0], [(1.0, 2.0)], "it returns 7, expected 2 results, as in `return a, b`"),
        ([[7.0]], [(1.0, 2.0)], r"it returns \[7\], expected 2 results"),
        ([np.array("a")], [(1.0, 2.0)], "an array of strings, expected 2 results"),
        ([np.array(["a"])], [np.ones(1)], "an array of strings, expected an array"),
        ([627.5], [627.9], "it returns 627.5, expected 627.9"),
        ([40.4751], [40.4799], r"it returns 40\.475, expected 40\.48"),
        ([(1.0, 3.0)], [(1.0, 2.0)], "the second result is wrong: it returns 3, expected 2"),
        ([{"a", "b"}], [{"a", "c"}], "lacks c and wrongly includes b"),
        ([{"a": 1.0}], [{"a": 2.0}], "a: it returns 1, expected 2"),
        (["x"], [1.0], "expected a number"),
        ([1.0], ["x"], "it returns 1, expected a string"),
        (["x"], [{"x"}], "it returns 'x', expected a set"),
        ([["x"]], [{"x": 1.0}], r"it returns \['x'\], expected a dictionary"),
        (["x"], [True], "it returns 'x', expected True or False"),
        ([jnp.array(False)], [True], "it returns False, expected True"),
        ([[1.0, 2.0]], [1.0], "expected one number"),
        ([None], [1.0], "`return` missing"),
        ([np.array([1.2, 3.5])], [np.array([1.23, 3.47])], "everything is rounded to 1 decimal:"),
        ([np.array([1.0, -3.0])], [np.array([1.2, -3.5])], "the decimals are cut off"),
        ([np.array([2.0, 5.0])], [np.array([-2.0, 5.0])], "minus signs are lost"),
        ([np.array([3.0, 4.5, 6.0])], [np.array([1.0, 1.5, 2.0])], "everything is 3 times what"),
        ([np.pi * np.arange(4)], [1.0 * np.arange(4)], r"times what it should be \(pi\)"),
        ([1.001 * np.arange(4)], [1.0 * np.arange(4)], "is a constant rounded, or mistyped"),
        ([np.array([2.0, 0.5])], [np.array([0.5, 2.0])], "reciprocals"),
        ([np.array([1.0, 4.0, 9.0])], [np.array([9.0, 4.0, 1.0])], "in reverse order"),
        ([np.array([1.0, 3.0, 7.0])], [np.array([1.0, 2.0, 4.0])], "start again from 0"),
        ([np.ones((3, 1))], [np.ones(3)], "the numbers are right, so give them this shape"),
        ([np.arange(1.0, 4)], [np.arange(4.0)], "the first value is missing"),
        ([np.arange(3.0)], [np.arange(4.0)], "the last value is missing"),
        ([np.arange(3.0)], [np.arange(9.0).reshape(3, 3)], "this is only the first row"),
        ([np.arange(6.0, 9)], [np.arange(9.0).reshape(3, 3)], "this is only the last row"),
        ([np.ones((4, 3))], [np.ones((2, 3))], "there are more rows than expected"),
        ([np.ones((2, 5))], [np.ones((2, 3))], "there are more than expected"),
        ([np.arange(6.0).reshape(2, 3)[:, ::2]], [np.arange(6.0).reshape(2, 3)], "column 1 is mis"),
        ([np.arange(6.0).reshape(2, 3).sum(1)], [np.arange(6.0).reshape(2, 3)], "sum along axis 1"),
        ([6.0], [np.array([1.0, 2.0, 3.0])], "this is the sum of all that is expected"),
        ([np.eye(3)], [np.eye(3) * [1, 0, 2]], "all on the diagonal"),
        ([np.array([[1.0, 2], [5, 6]])], [np.array([[1.0, 2], [3, 4]])], "wrong, all in row 1"),
        ([np.array([1.0, 0.0, 0.0])], [np.array([1.0, 2.0, 3.0])], "are they never filled in"),
        ([(1.0, np.ones(2))], [(1.0, np.ones(3))], "the second result is an array of shape"),
        ([(1.0, [2.0, 6.0])], [(1.0, np.array([1.0, 3.0]))], "in the second result everything is"),
    ],
)
def test_explanations(found, expected, says):
    assert not same(found[0], expected[0])
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(explain(found, expected, ["a"], [None]))
