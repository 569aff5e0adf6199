"""Sphinx extension: the role ``{version}`` is the version of something that the site serves.

It is read where the thing itself is, when the page is built:

- ``{version}`pip:PACKAGE` ``: the installed Python package,
- ``{version}`npm:PACKAGE` ``: the npm package under ``.venv/web``,
- ``{version}`wheel:PACKAGE` ``: the package of Pyodide whose wheel is under ``.venv/web``,
- ``{version}`file:PACKAGE/PATH:WORDS` ``: what follows these words in a file of an installed
  Python package.

What is not there, the site does not serve.
"""

from __future__ import annotations

import json
import re
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from npm import WEB, WHEELS
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

ABSENT = "not in this build"


def version(where: str, root: Path) -> str | None:
    """Return the version of a thing; None if it is not here.

    Parameters
    ----------
    where
        ``pip:PACKAGE``, ``npm:PACKAGE``, ``wheel:PACKAGE`` or ``file:PACKAGE/PATH:WORDS``.
    root
        Folder of the source.

    Raises
    ------
    ValueError
        If it is none of the four, or a file is there and does not tell the version.

    Examples
    --------
    >>> version("pip:no-such-package", Path(".")) is None
    True
    """
    kind, _, place = where.partition(":")
    if kind == "pip":
        try:
            return metadata.version(place)
        except metadata.PackageNotFoundError:
            return None
    if kind == "npm":
        file = root / WEB / place / "package.json"
        return str(json.loads(file.read_text("utf-8"))["version"]) if file.exists() else None
    if kind == "wheel":
        names = [file.name for file in (root / WHEELS).glob(f"{place.replace('-', '_')}-*")]
        return names[0].removesuffix(".zip").split("-")[1] if names else None
    if kind != "file":
        raise ValueError(f"{where!r} does not begin with pip:, npm:, wheel: or file:")
    path, _, words = place.partition(":")
    package, _, inside = path.partition("/")
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    text = (Path(spec.origin).parent / inside).read_text("utf-8")
    match = re.search(rf"{re.escape(words)}\s*v?([\d.]*\d)", text)
    if match is None:
        raise ValueError(f"{path} has no version after {words!r}: has it changed?")
    return match[1]


class VersionRole(SphinxRole):
    """``{version}`pip:Sphinx` ``: a version as text."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the version, or that there is none; a place that makes no sense is a warning."""
        self.env.note_reread()
        try:
            found = version(self.text, Path(self.env.srcdir))
        except (ValueError, OSError) as error:
            message = self.inliner.reporter.warning(f"version: {error}", line=self.lineno)
            return [nodes.Text("?")], [message]
        return [nodes.Text(found or ABSENT)], []


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the role."""
    app.add_role("version", VersionRole())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
