"""Change one thing of a module at a time, and see whether its tests notice: ``make mutants``.

The changes are those of mutmut, and a few of our own: a statement left out, ``None`` returned. For
each of them a process is forked in which the heavy libraries are loaded already; JAX starts in it,
for what has started JAX cannot be forked. A change within a function is put into the module that
is there, after the tests have been collected. What survives that, and changes outside of functions,
are tried once more in a process that imports the module anew. The tests run from the fastest to the
slowest, up to the first that fails. A test that takes far more processor time than without the
change fails too.

A survivor has to be explained in ``tests/mutants.toml``. Results are kept in ``_build/mutants``,
so that an interrupted run goes on where it was, until a module or its tests change.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import importlib
import inspect
import json
import math
import os
import resource
import signal
import sys
import time
import tomllib
import types
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, NoReturn, cast
from unittest import mock

import pytest

ROOT = Path(__file__).parents[1]
EXPLAINED = ROOT / "tests" / "mutants.toml"
RESULTS = ROOT / "_build" / "mutants"

TESTS: dict[str, list[str]] = {
    "labels": ["tests/test_labels.py"],
    "units": ["tests/test_units.py"],
    "metrics": ["tests/test_metrics.py"],
    "data.dataset": ["tests/data/test_dataset.py"],
    "data.records": ["tests/data/test_records.py", "tests/data/test_fuzz_records.py"],
    "models.graphs": ["tests/models/test_graphs.py"],
    "models.composition": ["tests/models/test_composition.py"],
    "models.gnn": ["tests/models/test_gnn.py"],
    "models.painn": ["tests/models/test_painn.py"],
    "training.optimizers": ["tests/training/test_optimizers.py"],
    **dict.fromkeys(
        (
            "training.run",
            "training.checks",
            "training.step",
            "training.checkpoint",
            "training.loop",
        ),
        ["tests/training/test_training.py", "-k", "not many_devices"],
    ),
    "models.readouts": ["tests/models/test_readouts.py"],
    "models.target": ["tests/models/test_target.py"],
    "models.model": ["tests/models/test_storage.py"],
    "models.storage": ["tests/models/test_storage.py"],
    "pretrained.domain": ["tests/pretrained/test_domain.py"],
    "pretrained.predict": ["tests/pretrained/test_predict.py"],
    "data.verify": ["tests/test_main.py", "-k", "verify"],
}
"""What a module is tested by, besides the examples in its docstrings."""


def path_of(module: str) -> Path:
    """Return the file of a module of qm9lib, such as ``models.gnn``."""
    return ROOT.joinpath("qm9lib", *module.split(".")).with_suffix(".py")


NEEDED = 0.9
"""Part of the mutants of each module that has to be killed."""

# Loaded once, before anything is forked; none of them starts JAX.
HEAVY = (
    "beartype", "equinox", "hypothesis", "jax", "jaxtyping", "matplotlib.figure", "notebooks",
    "optax.contrib", "pytest", "qm9pack", "safetensors.numpy", "scipy.sparse.csgraph",
    "scipy.spatial.transform", "tqdm",
)  # fmt: skip
ENVIRONMENT = {
    # What is compiled for one mutant need not be for the next.
    "JAX_COMPILATION_CACHE_DIR": str(RESULTS / "compiled"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    "HYPOTHESIS_STORAGE_DIRECTORY": str(RESULTS / "hypothesis"),
    # Two devices, so that tests of sharing among all devices have something to share.
    "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    "TQDM_DISABLE": "1",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}
OPTIONS = [
    "-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin",
    "--hypothesis-seed=0",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # some plugins are loaded before it starts
]  # fmt: skip
WAIT = 3600
"""Seconds by the clock, for what waits without end."""

MEMORY = 6 * 2**30
"""Bytes that a process may take: a loop without end may fill a list."""

UNNOTICED, MAYBE = "survives", "to be tried once more"


@dataclass(frozen=True)
class Mutant:
    """A module with one change."""

    module: str
    function: str
    """Name with that of its class, as in ``__qualname__``; empty outside of functions."""
    line: int
    before: str
    after: str
    source: str
    within: bool
    """Whether the change is within the body of a function."""

    @property
    def name(self) -> str:
        """What the results call it."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:16]

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from others, wherever in the file it stands."""
        return self.module, self.function, self.before, self.after


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Return all mutants of a module's source text, in the order of its lines."""
    import libcst as cst
    from libcst import matchers as m
    from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper
    from mutmut.mutation import mutators

    def strings(node: cst.SimpleString) -> Iterator[cst.CSTNode]:
        # Words with spaces between are for people; without, a key or a setting.
        if " " not in node.raw_value.strip():
            yield next(iter(mutators.operator_string(node)))

    def arguments(node: cst.Call) -> Iterator[cst.CSTNode]:
        # Those with a name, and the last without: the others leave a call that cannot work.
        named = [i for i, argument in enumerate(node.args) if argument.keyword]
        plain = len(node.args) - len(named)
        for i in named + [plain - 1] * (len(node.args) > 1 and plain > 0):
            if not m.matches(node.args[i], m.Arg(keyword=m.Name("strict"))):
                kept = [*node.args[:i], *node.args[i + 1 :]]
                if kept and not m.matches(node.args[-1], m.Arg(comma=m.Comma())):
                    kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
                yield node.with_changes(args=kept)

    def methods(node: cst.Call) -> Iterator[cst.CSTNode]:
        if not m.matches(node.func, m.Attribute(attr=m.Name("index"))):  # of `operator` here
            yield from mutators.operator_symmetric_string_methods_swap(node)

    def numbers(node: cst.Integer | cst.Float) -> Iterator[cst.CSTNode]:
        value = node.evaluated_value
        yield node.with_changes(value=repr(value + 1 if abs(value) < 1000 else 2 * value))

    def returned(node: cst.Return) -> Iterator[cst.CSTNode]:
        if node.value is not None and not m.matches(node.value, m.Name("None")):
            yield node.with_changes(value=cst.Name("None"), whitespace_after_return=SPACE)

    def statements(node: cst.BaseSmallStatement) -> Iterator[cst.CSTNode]:
        yield cst.Pass()

    SPACE = cst.SimpleWhitespace(" ")
    operators: list[tuple[Any, Callable[[Any], Iterable[cst.CSTNode]]]] = [
        (cst.Integer | cst.Float, numbers),
        (cst.SimpleString, strings),
        (cst.Name, mutators.operator_name),
        (cst.AugAssign, mutators.operator_augmented_assignment),
        (cst.UnaryOperation, mutators.operator_remove_unary_ops),
        (cst.Call, arguments),
        (cst.Call, methods),
        (cst.Lambda, mutators.operator_lambda),
        (cst.CSTNode, mutators.operator_keywords),
        (cst.CSTNode, mutators.operator_swap_op),
        (cst.IfExp, mutators.operator_if_exp),
        (cst.Return, returned),
        (cst.Expr | cst.Raise | cst.AugAssign | cst.Assert, statements),
    ]
    text = source.encode()
    wrapper = MetadataWrapper(cst.parse_module(text))
    spans = wrapper.resolve(ByteSpanPositionProvider)
    lines = source.split("\n")
    found: list[Mutant] = []

    class Visitor(cst.CSTVisitor):
        def __init__(self) -> None:
            super().__init__()
            self.names: list[str] = []  # of classes and functions around this place
            self.functions = 0  # how many of them are functions
            self.bodies = 0  # of functions: neither their heads nor their decorators
            self.bound: set[str] = set()  # names that have a value in the outermost function

        def change(self, node: cst.CSTNode, new: cst.CSTNode) -> None:
            # A span leaves out the parentheses around an expression.
            if getattr(node, "lpar", ()) and getattr(new, "lpar", ()) == getattr(node, "lpar", ()):
                new = new.with_changes(lpar=(), rpar=())
            start, end = spans[node].start, spans[node].start + spans[node].length
            code = wrapper.module.code_for_node(new)
            changed = (text[:start] + code.encode() + text[end:]).decode()
            new_lines = changed.split("\n")
            first = next(i for i, line in enumerate(lines) if line != new_lines[i])
            rest = 1  # lines after the change
            while lines[-rest] == new_lines[-rest] and rest < len(lines) - first:
                rest += 1
            before, after = (
                " ".join(" ".join(whole[first : len(whole) - rest + 1]).split())
                for whole in (lines, new_lines)
            )
            function = ".".join(self.names)
            found.append(
                Mutant(module, function, first + 1, before, after, changed, self.bodies > 0)
            )

        def on_visit(self, node: cst.CSTNode) -> bool:
            if isinstance(node, cst.ClassDef | cst.FunctionDef):
                if not self.functions:
                    self.bound = set()
                self.names.append(node.name.value)
                self.functions += isinstance(node, cst.FunctionDef)
            if isinstance(node, cst.Annotation | cst.Decorator | cst.Import | cst.ImportFrom):
                return False
            if isinstance(node, cst.FunctionDef) and (
                node.name.value.startswith(("__repr__", "_repr_"))
                or any(m.matches(d, m.Decorator(m.Name("overload"))) for d in node.decorators)
            ):
                return False
            if m.matches(node, m.If(m.Name("TYPE_CHECKING"))) or m.matches(
                node, m.Expr(m.SimpleString() | m.ConcatenatedString())  # a docstring
            ):  # fmt: skip
                return False
            if m.matches(node, m.Raise(m.Call(m.Name("AssertionError")))):
                return False  # never reached
            if not self.functions and m.matches(node, m.Assign(value=m.Subscript())):
                return False  # a name for a type
            if m.matches(node, m.Arg(keyword=m.Name("strict"))):
                return False  # of zip: an assertion
            if m.matches(node, m.Call(m.Name("cast"))):
                node.args[1].visit(self)
                return False
            for kind, operator in operators:
                if isinstance(node, kind):
                    for new in operator(node):
                        self.change(node, new)
            if isinstance(node, cst.Assign):
                self.assigned(node)
            elif m.matches(node, m.If(m.Name() | m.Attribute() | m.Call())):
                self.change(node.test, cst.UnaryOperation(cst.Not(), node.test))
            # What an exception says is for people.
            return not isinstance(node, cst.Raise) and super().on_visit(node)

        def assigned(self, node: cst.Assign) -> None:
            """Leave out what gives a name another value, or an array another element."""
            targets = [target.target for target in node.targets]
            names = {name.value for t in targets for name in m.findall(t, m.Name())}
            if self.bodies and (
                any(isinstance(target, cst.Subscript) for target in targets) or names <= self.bound
            ):
                self.change(node, cst.Pass())
            self.bound |= names

        def on_leave(self, original_node: cst.CSTNode) -> None:
            if isinstance(original_node, cst.ClassDef | cst.FunctionDef):
                self.names.pop()
                self.functions -= isinstance(original_node, cst.FunctionDef)

        def visit_Param(self, node: cst.Param) -> None:
            self.bound.add(node.name.value)

        def visit_FunctionDef_body(self, node: cst.FunctionDef) -> None:
            self.bodies += 1

        def leave_FunctionDef_body(self, node: cst.FunctionDef) -> None:
            self.bodies -= 1

    wrapper.visit(Visitor())
    return sorted(found, key=lambda mutant: mutant.line)


class Tests:
    """A plugin of pytest that runs the fastest tests first, and notes how they went."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self.expected = seconds
        self.seconds: dict[str, float] = {}
        self.failed = ""

    def run(self, module: str) -> str:
        """Return the first test of a module that fails; nothing if all pass."""
        for descriptor in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        tests = [str(path_of(module)), *TESTS[module]]
        status = pytest.main([*OPTIONS, *tests], plugins=[self])
        return self.failed or (f"status {status:d} of pytest" if status else "")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the fastest first."""
        items.sort(key=lambda item: self.expected.get(item.nodeid, 0.0))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Measure the processor time of a test; far more than it should take ends the process."""
        start = time.process_time()
        if self.expected:
            limit = math.ceil(start + 10 + 5 * self.expected.get(item.nodeid, 0.0))
            resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        result = yield
        self.seconds[item.nodeid] = time.process_time() - start
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the first test that failed."""
        self.pytest_collectreport(report)

    def pytest_collectreport(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        """Note which file cannot be imported."""
        if report.failed and not self.failed:
            self.failed = report.nodeid


class Forking(Tests):
    """Once the tests are collected, a copy of the process runs them for each mutant."""

    def __init__(
        self, seconds: Mapping[str, float], mutants: list[Mutant], results: Results
    ) -> None:
        super().__init__(seconds)
        self.mutants, self.results = mutants, results
        self.pipe = 0

    def run(self, module: str) -> str:
        """Note besides which functions run before the tests do."""
        file, self.early = str(path_of(module)), set[str]()

        def profile(frame: types.FrameType, event: str, _: object) -> None:
            code = frame.f_code
            # The body of a class runs too, but is no function.
            if code.co_filename == file and code.co_flags & inspect.CO_OPTIMIZED:
                self.early.add(code.co_qualname.replace(".<locals>", ""))

        sys.setprofile(profile)
        return super().run(module)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> bool | None:
        """Fork for each mutant; the copy returns and runs the tests."""
        sys.setprofile(None)
        functions = functions_of(str(path_of(self.results.module)))
        gc.freeze()
        for mutant in self.mutants:
            self.pipe, said = fork()
            if self.pipe:
                signal.alarm(WAIT)
                if not put_in(mutant, functions):
                    answer(self.pipe, MAYBE)
                return None
            early = any(f"{mutant.function}.".startswith(f"{name}.") for name in self.early)
            self.results.note(mutant.name, said or (MAYBE if early else UNNOTICED))
        return True


def fork() -> tuple[int, str]:
    """Fork, and return in the copy a pipe to answer by; when it has ended, 0 and its answer."""
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        return writer, ""
    os.close(writer)
    with open(reader, encoding="utf-8") as pipe:
        said = pipe.read()
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        said = f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return 0, said


def answer(pipe: int, said: str) -> NoReturn:
    """End this copy with what it has to say."""
    with open(pipe, "w", encoding="utf-8") as file:
        file.write(said)
    os._exit(0)


def functions_of(file: str) -> list[types.FunctionType]:
    """Return all functions that have been made from a file."""
    return [
        thing
        for thing in gc.get_objects()
        if isinstance(thing, types.FunctionType) and thing.__code__.co_filename == file
    ]


def put_in(mutant: Mutant, functions: list[types.FunctionType]) -> bool:
    """Give the functions of the module that is loaded the code of the mutant, if that can be."""
    module = sys.modules[f"qm9lib.{mutant.module}"]
    loader = cast("SourceFileLoader", module.__loader__)
    new = dict(codes(loader.source_to_code(mutant.source.encode(), str(module.__file__))))
    changed = [f for f in functions if new.get(f.__code__.co_qualname, f.__code__) != f.__code__]
    try:
        for function in changed:
            function.__code__ = new[function.__code__.co_qualname]
    except ValueError:  # another closure
        return False
    return bool(changed)


def codes(code: types.CodeType) -> Iterator[tuple[str, types.CodeType]]:
    """Yield the name and code of all functions in a code."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant.co_qualname, constant
            yield from codes(constant)


def import_instead(mutant: Mutant) -> None:
    """Have Python import the mutant where the module is asked for."""
    file = path_of(mutant.module)
    compiled = f"{file.parent}/__pycache__/{file.stem}."
    read = SourceFileLoader.get_data

    def get_data(self: SourceFileLoader, path: str) -> bytes:
        if path == str(file):
            return mutant.source.encode()
        if str(path).startswith(compiled):
            raise OSError
        return read(self, path)

    mock.patch.object(SourceFileLoader, "get_data", get_data).start()
    sys.dont_write_bytecode = True


def without_change(module: str) -> dict[str, float]:
    """Return how long each test takes."""
    for _ in range(2):  # what is compiled in the first run is there in the second
        pipe, said = fork()
        if pipe:
            tests = Tests({})
            answer(pipe, json.dumps([tests.run(module), tests.seconds]))
        failed, seconds = json.loads(said)
        if failed:
            raise SystemExit(f"{module}: {failed} fails without any change")
    return cast("dict[str, float]", seconds)


class Results:
    """What became of each mutant of a module, kept in a file line by line."""

    def __init__(self, module: str, folder: Path = RESULTS) -> None:
        self.module = module
        self.file = folder / f"{module}.jsonl"
        self.file.parent.mkdir(parents=True, exist_ok=True)

    def digest(self) -> str:
        """Return a hash of the module and its tests."""
        files = [path_of(self.module), *(ROOT / name for name in TESTS[self.module])]
        texts = [file.read_bytes() for file in files if file.exists()]
        return hashlib.sha256(b"".join(texts)).hexdigest()

    def read(self) -> dict[str, str]:
        """Return the test that failed, by mutant; UNNOTICED and MAYBE are no tests."""
        if not self.file.exists():
            return {}
        return dict(json.loads(line) for line in self.file.read_text("utf-8").splitlines())

    def note(self, name: str, said: str) -> None:
        """Add a line."""
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, said]) + "\n")

    def restart(self, keep: bool) -> None:
        """Forget what was found with other tests; with ``keep``, only what survived them."""
        found = self.read()
        if found.get("tests") != self.digest():
            self.file.write_text("", encoding="utf-8")
            self.note("tests", self.digest())
            for name, said in found.items() if keep else ():
                if name != "tests" and said not in (UNNOTICED, MAYBE):
                    self.note(name, said)


def attempt(module: str, mutants: list[Mutant], results: Results) -> None:
    """Try all mutants of a module that there are no results of."""

    def left(*outcomes: str | None) -> list[Mutant]:
        found = results.read()
        return [mutant for mutant in mutants if found.get(mutant.name) in outcomes]

    if not left(None, MAYBE):
        return
    seconds = without_change(module)
    pipe, _ = fork()
    if pipe:
        within = [mutant for mutant in left(None) if mutant.within]
        tests = Forking(seconds, within, results)
        said = tests.run(module)
        # One of many copies, or the process that they are copied from.
        answer(tests.pipe or pipe, said)
    for mutant in left(None, MAYBE):
        pipe, said = fork()
        if pipe:
            signal.alarm(WAIT)
            resource.setrlimit(resource.RLIMIT_CPU, (60, resource.RLIM_INFINITY))
            import_instead(mutant)
            answer(pipe, Tests(seconds).run(module))
        results.note(mutant.name, said or UNNOTICED)


def judge(
    found: Mapping[str, tuple[int, list[Mutant]]], explained: list[dict[str, str]]
) -> list[str]:
    """Return what is wrong, given the number of mutants and the survivors of each module."""
    wrong = []
    entries = [e for e in explained if e["module"] in found]
    known = {tuple(e[part] for part in ("module", "function", "before", "after")) for e in entries}
    alive = {mutant.key for _, survivors in found.values() for mutant in survivors}
    for module, (total, survivors) in found.items():
        if total - len(survivors) < NEEDED * total:
            wrong.append(f"{module}: {len(survivors)} of {total} mutants survive")
        wrong += [
            f"{module}.py, line {mutant.line}, survives and is not explained:\n"
            f"[[survivor]]\nmodule = {json.dumps(module)}\n"
            f"function = {json.dumps(mutant.function)}\n"
            f"before = {json.dumps(mutant.before, ensure_ascii=False)}\n"
            f'after = {json.dumps(mutant.after, ensure_ascii=False)}\nwhy = ""\n'
            for mutant in survivors
            if mutant.key not in known
        ]
    wrong += [f"no longer survives: {' | '.join(key)}" for key in sorted(known - alive)]
    return wrong


def main() -> None:
    """Try the mutants of some modules, show a table, and fail if one should not have survived."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="default: all of them")
    parser.add_argument(
        "--survivors", action="store_true",
        help="after changing tests: only the mutants that survived before",
    )  # fmt: skip
    options = parser.parse_args()
    os.chdir(ROOT)
    os.environ |= ENVIRONMENT
    sys.path[:0] = [str(ROOT)]
    for name in HEAVY:
        importlib.import_module(name)
    gc.freeze()
    found = {}
    print(f"{'module':12}{'mutants':>8}{'killed':>8}{'':>8}{'minutes':>9}")
    for module in options.modules or TESTS:
        start = time.perf_counter()
        results = Results(module)
        results.restart(options.survivors)
        mutants = mutants_of(module, path_of(module).read_text("utf-8"))
        attempt(module, mutants, results)
        outcomes = results.read()
        survivors = [mutant for mutant in mutants if outcomes[mutant.name] == UNNOTICED]
        found[module] = len(mutants), survivors
        killed = len(mutants) - len(survivors)
        minutes = (time.perf_counter() - start) / 60
        print(f"{module:12}{len(mutants):8}{killed:8}{killed / len(mutants):8.1%}{minutes:9.1f}")
    entries = tomllib.loads(EXPLAINED.read_text("utf-8"))["survivor"] if EXPLAINED.exists() else []
    if wrong := judge(found, entries):
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
