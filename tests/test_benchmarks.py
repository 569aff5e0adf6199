"""The race against peers: the same rules for all, and a README that says what is stored."""

import contextlib
import json
import math

import pytest
from networks import filled

import notebooks
from qm9lib import training
from qm9lib.models.gnn import GraphNetwork

FOLDER = notebooks.ROOT / "benchmarks"


@pytest.fixture
def race(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import race

    return race


def search(race, error):
    errors = {}
    while len(errors) < race.TRIALS and (setting := race.next_trial(errors)):
        errors[setting] = error(*setting)
    return errors


def bowl(best_rate, best_batch):
    return lambda rate, batch: math.log(rate / best_rate) ** 2 + math.log(batch / best_batch) ** 2


@pytest.mark.parametrize("best", [(3e-3, 32), (12e-3, 32), (1.5e-3, 16), (6e-3, 64)])
def test_search_ends_at_the_best_when_all_its_neighbours_are_worse(race, best):
    errors = search(race, bowl(*best))
    assert race.ranked(errors)[0] == best
    assert race.edge(errors) == "all neighbours are worse"
    rate, batch = best
    assert {(2 * rate, batch), (rate / 2, batch), (rate, 2 * batch), (rate, batch // 2)} < {*errors}


def test_search_says_when_it_ends_at_an_edge(race):
    errors = search(race, bowl(1e3, 32))
    assert len(errors) == race.TRIALS
    assert race.edge(errors) == f"not finished after {race.TRIALS} trainings"
    errors = search(race, bowl(3e-3, 1))
    assert race.ranked(errors)[0] == (3e-3, race.SMALLEST)
    assert race.edge(errors) == "the best batch size is at the end of its range"


def test_search_goes_back_from_where_the_error_is_not_a_number(race):
    errors = search(race, lambda rate, batch: None if rate > 1e-3 else bowl(5e-4, 32)(rate, batch))
    assert race.ranked(errors)[0] == (3e-3 / 8, 32)


def test_readme_has_the_race_that_is_stored_and_it_was_fair(race):
    section = json.loads((FOLDER / "results" / "accuracy.json").read_text("utf-8"))["race"]
    record = section["record"]
    assert {**race.summary(record), "record": record}.items() <= section.items()
    assert race.table(section) in (FOLDER / "README.md").read_text("utf-8")
    trainings = [race.Training(**one) for one in record["trainings"]]
    tuning, lengths = (record["options"][f"{name} (core s)"] for name in ("tuning", "lengths"))
    assert {one.seconds for one in trainings} <= {tuning, *lengths}
    for rival in record["rivals"]:
        for optimizer in race.OPTIMIZERS:
            best = race.ranked(race.tried(trainings, rival, optimizer, tuning))[0]
            mine = [one for one in trainings if (one.rival, one.optimizer) == (rival, optimizer)]
            raced = {(one.learning_rate, one.batch) for one in mine if one.seconds != tuning}
            assert raced == {best}, f"{rival} raced with other settings than it was tuned to"


def test_stopwatch_starts_with_the_second_step(race, monkeypatch, sample, lenient):
    """`fit` asks its clock when `benchmarks/ours.py` thinks that it does."""
    import ours

    # A clock on which each question takes a second.
    asked = iter(range(10**6))
    monkeypatch.setattr(ours.time, "process_time", lambda: float(next(asked)))
    steps = []

    class Bar:
        def update(self, molecules):
            steps.append(molecules)

        def __getattr__(self, name):
            return lambda *_, **__: None

    monkeypatch.setattr(training.loop, "progress_bar", lambda **_: contextlib.nullcontext(Bar()))
    clock = ours.Stopwatch()
    settings = training.Settings(minutes=100 / 60, batch_size=4)
    network = filled(GraphNetwork, 1)
    _, run = training.fit(network, sample[700:850], sample[850:870], settings=settings, clock=clock)
    assert clock.preparation == ours.Stopwatch.BEFORE - 1
    assert len(run.history) > 1
    assert ours.steps_of(clock, run) == len(steps)
