"""Sphinx extension: what the reference pages need to know about the package itself.

The directive ``{program-help}`` shows what a command prints when it is called with ``--help``.
Names that the package re-exports, such as `qm9lib.load`, lead to where they are defined.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import sys
from collections.abc import Iterable
from unittest import mock

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

COLUMNS = "80"
"""Width of a help text: that of a terminal."""


def help_text(module: str, arguments: list[str]) -> str:
    """Return what ``python -m MODULE ARGUMENTS --help`` prints.

    Parameters
    ----------
    module
        Package whose ``__main__`` has a function ``main`` that takes a list of arguments.
    arguments
        Words before ``--help``.

    Raises
    ------
    ValueError
        If the program does not know the arguments.

    Examples
    --------
    >>> print(help_text("qm9lib", ["doctor"]).splitlines()[0])
    usage: python -m qm9lib doctor [-h]
    """
    program = importlib.import_module(f"{module}.__main__")
    printed, errors = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(errors),
        mock.patch.dict(os.environ, {"COLUMNS": COLUMNS, "NO_COLOR": "1"}),
    ):
        try:
            program.main([*arguments, "--help"])
        except SystemExit as end:
            if end.code:
                raise ValueError(f"{module} {' '.join(arguments)}: {errors.getvalue()}") from end
    return printed.getvalue()


class ProgramHelp(SphinxDirective):
    """``{program-help} qm9lib train``: the help text of a command, as a literal block."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the block; a command that does not exist is a warning."""
        module, *arguments = self.arguments[0].split()
        try:
            text = help_text(module, arguments)
        except ValueError as error:
            raise self.error(str(error)) from error
        return [nodes.literal_block(text, text, language="none")]


def reexports(package: str, documented: Iterable[str]) -> dict[str, str]:
    """Return where the names of a package's ``__all__`` are documented under another name.

    Parameters
    ----------
    package
        Package with an ``__all__``.
    documented
        Full names of all documented objects.

    Returns
    -------
    dict
        Full documented name by full name in the package. A name that is documented under its own
        name, or nowhere, is not in it.

    Examples
    --------
    >>> reexports("qm9lib", ["qm9lib.data.dataset.load", "qm9lib.models.load"])
    {'qm9lib.load': 'qm9lib.data.dataset.load'}
    """
    module = importlib.import_module(package)
    known = set(documented)
    found = {}
    for name in module.__all__:
        if f"{package}.{name}" in known:
            continue
        value = getattr(module, name)
        for home in known:
            parent, _, last = home.rpartition(".")
            if last == name and getattr(sys.modules.get(parent), name, None) is value:
                found[f"{package}.{name}"] = home
    return found


def add_reexports(app: Sphinx, env: BuildEnvironment) -> None:
    """Make the package's own names lead to where they are documented."""
    domain = env.domains["py"]
    assert isinstance(domain, PythonDomain)
    package = app.config.package_reference_package
    for name, home in reexports(package, domain.objects).items() if package else ():
        domain.objects[name] = domain.objects[home]._replace(aliased=True)


def skip_tuple_fields(
    app: Sphinx, what: str, name: str, obj: object, skip: bool, options: object
) -> bool | None:
    """Leave out what Python itself says of a named tuple's fields; the docstring tells more."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def short_signature(text: str | None) -> str | None:
    """Return a signature or annotation without what is only known inside of libraries.

    Examples
    --------
    >>> short_signature("(x: Float[jaxlib._jax.Array, ' atoms'], y: list = <factory>)")
    "(x: Float[Array, 'atoms'], y: list = ...)"
    """
    if text is None:
        return None
    text = re.sub(r"\b(?:jaxlib\.[\w.]+\.|np\.)(?=Array|ndarray)", "", text)
    text = re.sub(r"\[(Array|ndarray), ' ", r"[\1, '", text)  # the space is there for linters
    # What is not Python, Sphinx would show as it is, with full names and without links.
    return re.sub(r"<function (\w+)[^>]*>", r"\1", text.replace("<factory>", "..."))


def shorten(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str, returns: str
) -> tuple[str | None, str | None]:
    """Shorten the signature that autodoc has made, and what it returns."""
    return short_signature(signature), short_signature(returns)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive; add names when all pages are read, before code is linked to them."""
    # To find what code means, codeautolink imports what the cells import. TensorFlow would talk.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    app.setup_extension("sphinx.ext.autodoc")
    app.add_config_value("package_reference_package", "", "env", [str])
    app.add_directive("program-help", ProgramHelp)
    app.connect("autodoc-process-signature", shorten)
    app.connect("autodoc-skip-member", skip_tuple_fields)
    app.connect("env-updated", add_reexports, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
