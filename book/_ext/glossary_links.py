"""Sphinx extension: the first use of a glossary term on a page leads to its entry.

Chapters stay plain Markdown. A ``{glossary}`` may name several terms before one definition: the
first is shown, and the others are forms of it that are found in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

MOST = 12
"""Links on one page; more would be litter."""

MOST_IN_PARAGRAPH = 2

SKIPPED = (
    nodes.table, nodes.figure, nodes.caption, nodes.legend, nodes.footnote, nodes.citation,
    nodes.definition_list, nodes.topic,
)  # fmt: skip
"""What may hold paragraphs that are no running text."""


@dataclass(frozen=True)
class Entry:
    """An entry of the glossary.

    Attributes
    ----------
    document
        Page of the glossary.
    anchor
        Place on that page.
    forms
        How the term may stand in a text, the shown one first.
    title
        First sentence of the definition.
    targets
        Where the links of the definition lead, as written.
    """

    document: str
    anchor: str
    forms: tuple[str, ...]
    title: str
    targets: tuple[str, ...]


def pattern(forms: Iterable[str]) -> re.Pattern[str]:
    """Return what finds the forms as whole words; a small first letter may also be a capital.

    Examples
    --------
    >>> found = pattern(["mask", "MAE", "padded mask"])
    >>> found.findall("Masks: a padded mask, one mask-like thing, Mask, mae, MAE")
    ['padded mask', 'Mask', 'MAE']
    """
    words = "|".join(
        f"[{form[0]}{form[0].upper()}]{re.escape(form[1:])}"
        if form[0].islower()
        else re.escape(form)
        for form in sorted(forms, key=len, reverse=True)
    )
    return re.compile(rf"(?<![\w-])(?:{words})(?![\w-])")


def read_entries(app: Sphinx, doctree: nodes.document) -> None:
    """Collect the entries of a page, and leave the first term of each as the one that is shown."""
    for glossary in doctree.findall(addnodes.glossary):
        for item in glossary.findall(nodes.definition_list_item):
            first, *others = [child for child in item if isinstance(child, nodes.term)]
            definition = item.next_node(nodes.definition)
            assert definition is not None
            entry = Entry(
                app.env.docname,
                first["ids"][0],
                tuple(term.astext() for term in (first, *others)),
                first_sentence(definition),
                tuple(link["reftarget"] for link in definition.findall(addnodes.pending_xref)),
            )
            _entries(app.env)[entry.forms[0]] = entry
            for term in others:
                # The anchors stay, for {term}`masks` leads there.
                first["ids"] += term["ids"]
                item.remove(term)


def first_sentence(definition: nodes.definition) -> str:
    """Return the first sentence of a definition, without formatting."""
    text = " ".join(definition[0].astext().split())
    return re.split(r"(?<=[.!?]) (?=[A-Z])", text)[0]


def link_terms(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Link the first use of each term on a page that is meant to have links.

    Terms that the page itself explains come last: if there are too many, they are left out.
    """
    if not any(fnmatch(docname, page) for page in app.config.glossary_links_pages):
        return
    entries = {form: entry for entry in _entries(app.env).values() for form in entry.forms}
    if not entries:
        return
    found = pattern(entries)
    own = docname.rpartition("/")[2]
    uses: dict[Entry, tuple[nodes.Text, re.Match[str]]] = {}
    for text in running_text(doctree):
        for match in found.finditer(text.astext()):
            form = match[0] if match[0] in entries else match[0][0].lower() + match[0][1:]
            uses.setdefault(entries[form], (text, match))

    in_paragraph: dict[nodes.Element, int] = {}
    chosen: dict[nodes.Text, list[tuple[re.Match[str], Entry]]] = {}
    for entry in sorted(uses, key=lambda entry: explained_in(entry) == own):
        text, match = uses[entry]
        paragraph = text.parent
        if sum(map(len, chosen.values())) == app.config.glossary_links_most:
            break
        if in_paragraph.get(paragraph, 0) < MOST_IN_PARAGRAPH:
            in_paragraph[paragraph] = in_paragraph.get(paragraph, 0) + 1
            chosen.setdefault(text, []).append((match, entry))

    for text, matches in chosen.items():
        new: list[nodes.Node] = []
        end = 0
        for match, entry in sorted(matches, key=lambda match: match[0].start()):
            new += [
                nodes.Text(text.astext()[end : match.start()]),
                _link(app, docname, entry, match),
            ]
            end = match.end()
        new.append(nodes.Text(text.astext()[end:]))
        text.parent.replace(text, [node for node in new if node.astext()])


def running_text(doctree: nodes.document) -> Iterator[nodes.Text]:
    """Yield the plain text of paragraphs and lists; not what is bold, a link, code or a formula."""
    for paragraph in doctree.findall(nodes.paragraph):
        above: nodes.Element | None = paragraph.parent
        while above is not None and not (
            isinstance(above, SKIPPED) or "cell" in above.get("classes", ())
        ):
            above = above.parent
        if above is None:
            yield from (child for child in paragraph.children if isinstance(child, nodes.Text))


def explained_in(entry: Entry) -> str:
    """Return the name of the page to which the definition's first link leads."""
    return re.sub(r"(\.\w+)?(#.*)?$", "", entry.targets[0]) if entry.targets else ""


def _link(app: Sphinx, docname: str, entry: Entry, match: re.Match[str]) -> nodes.reference:
    link = make_refnode(
        app.builder, docname, entry.document, entry.anchor, nodes.Text(match[0]), entry.title
    )
    link["classes"].append("glossary-link")
    return link


def _entries(env: BuildEnvironment) -> dict[str, Entry]:
    if not hasattr(env, "glossary_entries"):
        env.glossary_entries = {}  # type: ignore[attr-defined]
    entries: dict[str, Entry] = env.glossary_entries  # type: ignore[attr-defined]
    return entries


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forget the entries of a page that is read again."""
    for name in [name for name, entry in _entries(env).items() if entry.document == docname]:
        del _entries(env)[name]


def merge(app: Sphinx, env: BuildEnvironment, docnames: object, other: BuildEnvironment) -> None:
    """Take over what another process has read."""
    _entries(env).update(_entries(other))


def setup(app: Sphinx) -> dict[str, object]:
    """Collect entries as pages are read, and link to them when all references are known."""
    app.add_config_value("glossary_links_pages", [], "env", [list])
    app.add_config_value("glossary_links_most", MOST, "env", [int])
    app.connect("doctree-read", read_entries)
    app.connect("doctree-resolved", link_terms)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
