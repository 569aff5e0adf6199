"""The cells of an exercise page, run in the reader's browser, where there is no notebook.

Pyodide runs this module in a worker of the page (``book/_static/run/worker.js``). It has NumPy,
`qm9lib` and `qm9course`; SciPy and matplotlib are loaded when they are imported. There is no JAX.
"""

from __future__ import annotations

import ast
import linecache
import sys
import traceback
from collections.abc import Callable
from types import CodeType
from typing import Any

from qm9course import showing

NOWHERE = ("equinox", "jax", "optax", "safetensors", "tensorflow")
"""Packages that no page has; modules that import them are not there either."""

KINDS = {"text/html": "_repr_html_", "image/svg+xml": "_repr_svg_", "image/png": "_repr_png_"}
"""The forms in which a page can show a value, and the methods that return them."""


class Nowhere:
    """Tells readers who import one of `NOWHERE` that it is not there, and where to find it.

    The worker puts it at the front of ``sys.meta_path``.

    Examples
    --------
    >>> Nowhere.find_spec("numpy") is None
    True
    >>> Nowhere.find_spec("jax.numpy")
    Traceback (most recent call last):
        ...
    ModuleNotFoundError: jax does not run in a page: open the exercises in Colab to use it
    """

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Refuse a module of these packages; leave all others to the other finders."""
        package = name.partition(".")[0]
        if package in NOWHERE:
            raise ModuleNotFoundError(
                f"{package} does not run in a page: open the exercises in Colab to use it",
                name=package,
            )


class Absent:
    """Stands in for a name that a page tried to import from one of `NOWHERE`: refuses any use."""

    def __init__(self, package: str) -> None:
        self._package = package

    def _refuse(self, *_: Any, **__: Any) -> Any:
        Nowhere.find_spec(self._package)

    __getattr__ = __call__ = __getitem__ = _refuse


class Page:
    """The namespace of a page's cells, which it runs one after the other.

    Parameters
    ----------
    show
        Shows HTML in the page; text is printed. (`qm9course.showing` needs it, too.)
    loadable
        Packages that can be loaded for this page.
    """

    def __init__(self, show: Callable[[str], None], loadable: tuple[str, ...] = ()) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.show = show
        self.loadable = loadable

    def run(self, source: str, name: str) -> str:
        r"""Run a cell; show what it prints, and its last expression.

        Parameters
        ----------
        source
            The code.
        name
            Name of the cell in error messages.

        Returns
        -------
        str
            ``"done"``; ``"failed"`` after an error, which is printed; or the name of a package to
            load before running the cell again.

        Examples
        --------
        >>> page = Page(print)
        >>> page.run("x = 1 + 1\nx", "cell")
        2
        'done'
        """
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        try:
            try:
                for code, statement in _compiled(source, name):
                    self._step(code, statement)
            finally:
                if "matplotlib.pyplot" in sys.modules:  # figures left open
                    from qm9course import inline

                    inline.show()
        except ModuleNotFoundError as error:
            if (package := _package(error)) in self.loadable:
                return package
            return self._failed(error, name)
        except (Exception, SystemExit) as error:
            return self._failed(error, name)
        return "done"

    def _step(self, code: CodeType, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Expr):
            self._display(eval(code, self.names))
            return
        try:
            exec(code, self.names)
        except ModuleNotFoundError as error:
            package = _package(error)
            if package not in NOWHERE or not isinstance(statement, ast.Import | ast.ImportFrom):
                raise
            # A page imports JAX for the exercises that need it; the others do without.
            for alias in statement.names:
                bound = alias.asname or alias.name.partition(".")[0]
                if alias.asname or "." not in alias.name or bound not in self.names:
                    self.names[bound] = Absent(package)

    def _display(self, value: Any) -> None:
        """Show the value of a statement that is an expression, as a notebook does."""
        if value is None:
            return
        if html := _html(value):
            self.show(html)
        else:
            print(repr(value))

    def _failed(self, error: BaseException, name: str) -> str:
        """Print an error with the lines in the page's cells that led to it."""
        told = traceback.TracebackException.from_exception(error)
        own = [frame for frame in told.stack if frame.filename.startswith("cell ")]
        told.stack = traceback.StackSummary.from_list(own)
        print("".join(told.format(chain=False)), end="", file=sys.stderr)
        return "failed"


def imports(source: str) -> list[str]:
    r"""Return the packages that a cell imports, anywhere in it; none if Python cannot parse it.

    Examples
    --------
    >>> imports("def f():\n    from scipy import stats\n    import os.path")
    ['os', 'scipy']
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return sorted(found)


def _html(value: Any) -> str:
    """Return the HTML that a notebook shows for a value instead of text; ``""`` if none."""
    if isinstance(value, type):
        return ""
    figure = sys.modules.get("matplotlib.figure")
    if figure is not None and isinstance(value, figure.Figure):
        from qm9course import inline

        return inline.picture(value)
    bundle = {kind: getattr(value, name)() for kind, name in KINDS.items() if hasattr(value, name)}
    if hasattr(value, "_repr_mimebundle_"):
        bundle |= value._repr_mimebundle_()
    if html := bundle.get("text/html") or bundle.get("image/svg+xml"):
        return html
    if png := bundle.get("image/png"):
        return showing.image(png, getattr(value, "alt", type(value).__name__))
    return ""


def _compiled(source: str, name: str) -> list[tuple[CodeType, ast.stmt]]:
    """Compile a cell by statements; only its last expression is shown, as in a notebook."""
    statements = ast.parse(source, name).body
    found = []
    for statement in statements:
        tree: ast.Module | ast.Expression = ast.Module([statement], [])
        mode = "exec"
        if statement is statements[-1] and isinstance(statement, ast.Expr):
            tree, mode = ast.Expression(statement.value), "eval"
        elif isinstance(statement, ast.Expr):  # computed, but not shown
            statement = ast.Pass()
        found.append((compile(tree, name, mode, dont_inherit=True), statement))
    return found


def _package(error: ModuleNotFoundError) -> str:
    """Return the package that is missing."""
    return (error.name or "").partition(".")[0]
