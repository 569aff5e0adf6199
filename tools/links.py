"""What a notebook says where its Markdown source has what only the site understands.

A chapter cites with ``{cite}`KEY` `` and links to ``../solutions/NAME.ipynb#part``. Jupyter and
Colab would show the first as it stands, and the second leads nowhere from a notebook that lies
alone. In a notebook both are links to the web, and so is a molecule that a page lets a reader ask
the network about. The site takes its text from the Markdown file
(``book/_ext/prose.py``), and keeps its citations and its own links.

`notebooks.py` calls this; nothing here is run by hand.
"""

from __future__ import annotations

import re
from pathlib import Path

from docutils.nodes import make_id
from pybtex.database import Entry, parse_file

from exercises import EXERCISES, SOLUTIONS, slug

CITATION = re.compile(r"\{cite(?P<kind>:\w+)?\}`(?P<keys>[^`]+)`")
PAGE = re.compile(r"\]\((?!\w+:)(?P<file>[^)#\s]+)\.(?:md|ipynb)(?:#(?P<anchor>[^)\s]+))?\)")
ASK = re.compile(r"^```\{ask-network\}.*\n(?::.*\n)*((?:.*\n)*?)```$", re.MULTILINE)
"""A molecule that can be asked in the page (``book/_ext/live.py``), with its caption."""

RAW = re.compile(r"\{[a-z][\w:+.-]*\}`|^ *(?:`{3,}|~{3,}|:{3,}) *\{[^}]*\}.*$", re.MULTILINE)
"""A role or a directive: what a notebook shows as it stands."""


class LinkError(Exception):
    """Something in a chapter that cannot be said in a notebook; who edits it has to mend it."""


def for_notebook(text: str, page: Path, site: str | None) -> str:
    """Return the text of a Markdown cell as the notebook has it.

    Parameters
    ----------
    text
        The cell in the source of the page.
    page
        That source, a ``.md`` in ``book/`` or in a folder of it.
    site
        Where the book is published. If None, links to pages stay as they are: nothing is published
        yet, and between the files of a clone they work.

    Raises
    ------
    LinkError
        If a citation has no entry, a link no page or section, or a role or directive would be left.
    """
    book = page.parents[1] if page.parent.name in (EXERCISES, SOLUTIONS) else page.parent
    ask = f"[Ask the network]({'../' * (page.parent != book)}ask.md)"
    text = ASK.sub(lambda match: f"**{ask}.** {match[1].strip()}", text)
    text = CITATION.sub(lambda match: cited(match["keys"], match["kind"], book), text)
    if raw := RAW.search(text):
        raise LinkError(f"a notebook would show {raw[0].strip()} as it stands")
    if site is None:
        return text
    return PAGE.sub(lambda match: f"]({site}/{address(match, page, book)})", text)


def cited(keys: str, kind: str | None, book: Path) -> str:
    """Return links to what is cited, in brackets unless the citation is part of the sentence."""
    entries = parse_file(book / "references.bib").entries
    links = []
    for key in map(str.strip, keys.split(",")):
        if key not in entries:
            raise LinkError(f"references.bib has no entry {key}")
        links.append(reference(entries[key]))
    return ", ".join(links) if kind == ":t" else f"({'; '.join(links)})"


def reference(entry: Entry) -> str:
    """Return a link such as ``[Gilmer et al. 2017](https://...)``, to the DOI if there is one.

    Places on the site's own list of references are numbered anew with every entry; a DOI stays.
    """
    names = [
        " ".join(map(str, [*person.rich_prelast_names, *person.rich_last_names]))
        for person in entry.persons["author"]
    ]
    several = len(names) > 2 or names[-1] == "others"
    text = f"{names[0]} et al." if several else " and ".join(names)
    text = f"{text} {entry.fields['year']}"
    if "doi" in entry.fields:
        return f"[{text}](https://doi.org/{entry.fields['doi']})"
    return f"[{text}]({entry.fields['url']})" if "url" in entry.fields else text


def address(match: re.Match[str], page: Path, book: Path) -> str:
    """Return where a page that is linked to is on the site, such as ``book/data.html#units``."""
    file = (page.parent / f"{match['file']}.md").resolve()
    if not file.is_relative_to(book.resolve()) or not file.is_file():
        raise LinkError(f"there is no page {match['file']}, to which a link leads")
    path = f"book/{file.relative_to(book.resolve()).with_suffix('.html').as_posix()}"
    if match["anchor"] is None:
        return path
    headings = re.findall(r"^#+ (.+?)\s*$", file.read_text("utf-8"), re.MULTILINE)
    for heading in headings:
        if slug(heading) == match["anchor"]:
            return f"{path}#{make_id(heading)}"
    raise LinkError(f"{file.name} has no section #{match['anchor']}, to which a link leads")
