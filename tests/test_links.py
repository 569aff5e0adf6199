"""What a notebook says instead of what only the site understands."""

from __future__ import annotations

import pytest

import links

SITE = "https://ada.github.io/course"
BIBLIOGRAPHY = r"""
@article{One2001, author = {L{\"u}tt, Ada}, year = {2001}, doi = {10.1000/1}, url = {https://a.org}}
@misc{Two2002, author = {Ada van Dijk and Ben Cole}, year = {2002}, url = {https://b.org/2}}
@misc{Three2003, author = {Ada Dee and Ben Cole and Cy Eck}, year = {2003}, url = {https://c.org}}
@misc{More2004, author = {Ada Dee and others}, year = {2004}, doi = {10.1000/4}}
@book{Book2005, author = {Ada Dee}, year = {2005}}
"""


@pytest.fixture
def book(tmp_path):
    folder = tmp_path / "book"
    for room in ("exercises", "solutions"):
        (folder / room).mkdir(parents=True)
        (folder / room / "two.md").write_text("# Two\n\n## 0.1 Ångström to nm/pm\n", "utf-8")
    (folder / "one.md").write_text("# One\n", "utf-8")
    (folder / "references.bib").write_text(BIBLIOGRAPHY, "utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{cite:t}`One2001`.", "[Lütt 2001](https://doi.org/10.1000/1)."),
        ("so {cite}`Two2002`.", "so ([van Dijk and Cole 2002](https://b.org/2))."),
        ("{cite:p}`Three2003`", "([Dee et al. 2003](https://c.org))"),
        ("{cite:t}`More2004`", "[Dee et al. 2004](https://doi.org/10.1000/4)"),
        ("{cite:t}`Book2005`", "Dee 2005"),
        (
            "{cite}`Book2005, One2001`",
            "(Dee 2005; [Lütt 2001](https://doi.org/10.1000/1))",
        ),
        ("{cite:t}`Book2005,Three2003`", "Dee 2005, [Dee et al. 2003](https://c.org)"),
    ],
)
@pytest.mark.parametrize("site", [None, SITE])
def test_citation_becomes_author_and_year_with_a_link(book, text, shown, site):
    assert links.for_notebook(text, book / "one.md", site) == shown


@pytest.mark.parametrize(("page", "up"), [("one.md", ""), ("solutions/two.md", "../")])
@pytest.mark.parametrize("options", ["", ":mode: bond\n"])
def test_a_molecule_that_can_be_asked_becomes_a_link(book, page, up, options):
    (book / "ask.md").write_text("# Ask the network\n", "utf-8")
    caption = "Pull *it*.\nSee {cite:t}`One2001`."
    text = f"Look:\n\n```{{ask-network}} ethanol\n{options}{caption}\n```\n\nSo."
    cited = "See [Lütt 2001](https://doi.org/10.1000/1)."
    for site, address in ((None, f"{up}ask.md"), (SITE, f"{SITE}/book/ask.html")):
        shown = links.for_notebook(text, book / page, site)
        assert shown == f"Look:\n\n**[Ask the network]({address}).** Pull *it*.\n{cited}\n\nSo."


@pytest.mark.parametrize(
    ("page", "text", "shown"),
    [
        ("one.md", "[a](solutions/two.ipynb)", f"[a]({SITE}/book/solutions/two.html)"),
        (
            "exercises/two.md",
            "[a](../solutions/two.ipynb#01-ångström-to-nmpm), [b](../one.md)",
            f"[a]({SITE}/book/solutions/two.html#angstrom-to-nm-pm), [b]({SITE}/book/one.html)",
        ),
        ("one.md", "[a](https://b.org/c.md), [b](#part), f[0](s, v)", None),
    ],
)
def test_link_to_a_page_leads_to_the_site_once_it_is_published(book, page, text, shown):
    assert links.for_notebook(text, book / page, SITE) == (shown or text)
    assert links.for_notebook(text, book / page, None) == text  # in a clone it works as it is


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{cite}`Nobody1999`", "references.bib has no entry Nobody1999"),
        ("see {term}`mask`", r"would show \{term\}` as it stands"),
        ("{py:func}`~qm9lib.load`", r"would show \{py:func\}` as it stands"),
        ("A\n\n:::{note}\nB\n:::", r"would show :::\{note\} as it stands"),
        ("```{figure} a.svg\n```", r"would show ```\{figure\} a.svg as it stands"),
        ("[a](three.ipynb)", "there is no page three"),
        ("[a](../secret.md)", "there is no page ../secret"),
        ("[a](solutions/two.ipynb#03-x)", "two.md has no section #03-x"),
    ],
)
def test_what_a_notebook_cannot_say_is_told(book, text, says):
    (book.parent / "secret.md").write_text("# Elsewhere\n", "utf-8")
    with pytest.raises(links.LinkError, match=says):
        links.for_notebook(text, book / "one.md", SITE)
