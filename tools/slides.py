"""Make slides of the chapters: one file of HTML for each, which needs no network.

A deck is made from the built page, so that formulas, figures and outputs are those of the book, and
by rules, so that it stays true when a chapter changes:

- each section has its slides, and each slide the heading of its section;
- a paragraph, a box, or a point of a list is represented by its first sentence, and by the second,
  too, where the first is too short to stand alone ("Three things stand out.");
- a figure, a table, or a cell of code with its output closes a slide, with the sentence that leads
  to it and the one that follows; of a cell that draws, only the picture is shown, and of one that
  is long, only the output;
- a question of the quiz is a slide, and its answer comes with the next key.

A cell with the tag ``no-slide`` is left out. reveal.js, pinned in tools/web, turns the pages; what
does not fit a slide is set in smaller letters when the deck is opened (slides.js).
"""

from __future__ import annotations

import argparse
import base64
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString
from pygments.formatters import HtmlFormatter

from notebooks import PLACEHOLDER, ROOT, read_repository
from qm9course import CHAPTERS

SITE = ROOT / "_build" / "html"
SLIDES = ROOT / "_build" / "slides"
MODULES = ROOT / ".venv" / "web" / "node_modules"
HERE = Path(__file__).parent

LINES = 10
"""How many lines of words a slide takes before the next one begins."""
COMMENTS = 2
"""How many sentences may follow what is shown."""
TALL = 12
"""From so many lines of code and output on, one sentence before them and one after are enough."""
WIDTH = 68
"""Letters in a line."""
CODE = 13
"""Lines of code that can be read from the last row; of a longer cell the output is shown alone."""

END = re.compile(r"(?<!\bal)(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)[.!?][”’)]?(?=\s+[^\sa-z]|\s*$)")
"""The end of a sentence, in a text that goes on after it or not."""
SHORT = 36
"""A sentence of fewer letters does not stand alone."""
ANSWER = "Answer"
"""What a folded answer of the quiz is called; what else is folded is left out."""
FONT = re.compile(r"url\((fonts/[\w-]+\.woff2)\)[^;}]*")

FRAME = """\
<!DOCTYPE html>
<html lang="en" data-theme="light">
<head><meta charset="utf-8" /><meta name="viewport" content="width=device-width, initial-scale=1" />
<title>{title}</title>
<style>
{styles}
</style></head>
<body>
<div class="reveal"><div class="slides">
{slides}
</div></div>
<script>
{script}
</script>
</body></html>
"""

LIST = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8" /><meta name="viewport" content="width=device-width, initial-scale=1" />
<title>Slides</title>
<style>
  body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; }}
</style></head>
<body><main>
<h1>Slides</h1>
<ul>
{items}
</ul>
<p>Space or → goes on, ← goes back, Esc shows all slides, F fills the screen, and ? lists the other
keys. Click a molecule, or reach it with Tab, and the arrow keys turn it.</p>
<p>To print a deck or save it as a PDF, choose <em>to print</em>, then print the page: landscape, no
margins, with background graphics.</p>
</main></body></html>
"""


class SlidesError(Exception):
    """Something that a person has to build or to mend."""


@dataclass
class Slide:
    """What stands on one slide."""

    heading: str
    words: list[Tag] = field(default_factory=list)
    thing: Tag | None = None
    comments: list[Tag] = field(default_factory=list)
    answer: Tag | None = None

    def __bool__(self) -> bool:
        return bool(self.words or self.thing)

    def full(self, more: Tag) -> bool:
        """Return whether these words are too many besides those that are there."""
        after_a_line = more.name in ("ul", "ol") and len(self.words) == 1
        return not after_a_line and sum(map(lines, [*self.words, more])) > LINES

    def takes_comment(self) -> bool:
        """Return whether another sentence has room below what is shown."""
        return len(self.comments) < (1 if tall(self.thing) else COMMENTS)

    def alone(self, thing: Tag) -> int:
        """Return how many of the words need a slide of their own before a thing."""
        if thing.select_one("figure, svg") and any(word.name == "div" for word in self.words):
            return len(self.words)  # a formula is wide
        many = tall(thing) and sum(map(lines, self.words)) > 3
        return len(self.words) - 1 if many else 0


def tall(thing: Tag | None) -> bool:
    """Return whether code and output take most of a slide."""
    return (
        thing is not None and sum(len(pre.get_text().splitlines()) for pre in thing("pre")) > TALL
    )


def lines(words: Tag) -> int:
    """Estimate how many lines a paragraph, a list or a formula takes."""
    if words.name == "div":
        return 3
    parts = words.find_all("li") or [words]
    return sum(1 + len(spoken(part)) // WIDTH for part in parts)


def spoken(tag: Tag) -> str:
    """Return the text of a tag, with each formula once."""
    tag = copy(tag)
    for twice in tag.select(".katex-mathml"):
        twice.decompose()
    return " ".join(tag.get_text().split())


def sentences(paragraph: Tag) -> list[tuple[int, int]]:
    """Return where in a paragraph sentences end: number of the child, and place in its text."""
    return [
        (number, end.end())
        for number, child in enumerate(paragraph.children)
        if isinstance(child, NavigableString)
        for end in END.finditer(child)
    ]


def first(paragraph: Tag) -> Tag:
    """Return a paragraph of the first sentence alone, or of two if that one is short.

    Examples
    --------
    >>> print(first(parse("<p>A <b>bond. </b> costs about a tenth of a hartree. Why? So:</p>")))
    <p>A <b>bond. </b> costs about a tenth of a hartree.</p>
    >>> print(first(parse("<p>Why? A bond costs energy. So:</p>")))
    <p>Why? A bond costs energy.</p>
    """
    short = copy(paragraph)
    for end in sentences(paragraph)[:2]:
        short = _until(paragraph, *end)
        if len(spoken(short)) >= SHORT:
            break
    return short


def _until(paragraph: Tag, number: int, place: int) -> Tag:
    """Return a paragraph up to a place in the text of one of its children."""
    short = copy(paragraph)
    child, *later = list(short.children)[number:]
    child.replace_with(str(child)[:place])
    for one in later:
        one.extract()
    return short


def last(paragraph: Tag) -> Tag:
    """Return a paragraph of the last sentence alone.

    Examples
    --------
    >>> print(last(parse("<p>A <b>bond. </b> costs 0.1 hartree. Why? So:</p>")))
    <p>So:</p>
    """
    short = copy(paragraph)
    for number, place in reversed(sentences(short)):
        *earlier, child = list(short.children)[: number + 1]
        if str(child)[place:].strip() or number + 1 < len(short.contents):
            child.replace_with(str(child)[place:].lstrip())
            for one in earlier:
                one.extract()
            break
    return short


def clean(article: Tag) -> None:
    """Take away what belongs to a page of the site: links into it, buttons, widgets."""
    for widget in article.select("div.qm9-ask"):
        picture = widget.select_one(".qm9-molecules")
        widget.replace_with(picture) if picture else widget.decompose()
    for unseen in article.select(
        ".headerlink, .copybtn, .cell.tag_no-slide, .qm9-run, p.sidebar-title"
    ):
        unseen.decompose()
    for box in article.select("blockquote, aside.margin"):
        box.unwrap()
    for folded in article("details"):
        if folded.summary is None or spoken(folded.summary) != ANSWER:
            folded.decompose()
    for link in article.find_all("a"):
        if not str(link.get("href", "")).startswith("http"):
            link.unwrap()
    for named in article.find_all(id=True):
        if named.find_parent("svg") is None and named.name != "svg":
            del named["id"]


def thing(block: Tag) -> Tag | None:
    """Return what of a cell, a table or a picture is shown; None if it is nothing of these."""
    classes = set(block.get_attribute_list("class"))
    if "cell" in classes:
        code, output = block.select_one(".cell_input"), block.select_one(".cell_output")
        drawn = output is not None and output.select_one("figure, table, svg")
        rows = [row for row in code.get_text().splitlines() if row.strip()] if code else []
        imports = sum(row.startswith(("import ", "from ")) for row in rows)
        if code and (drawn or len(rows) > CODE or 2 * imports > len(rows)):
            code.decompose()
        return block if block.get_text(strip=True) or drawn else None
    if classes & {"pst-scrollable-table-container", "qm9-molecules"}:
        return block
    return block if block.name in ("figure", "table") else None


def arrange(section: Tag) -> Iterator[Slide]:
    """Yield the slides of a section and of those within it."""
    title = section.find(["h1", "h2", "h3"], recursive=False)
    if not isinstance(title, Tag):
        raise SlidesError("a section has no heading")
    heading = title.decode_contents().strip()
    blocks = [block for block in section.find_all(True, recursive=False) if block is not title]
    things = [thing(block) for block in blocks]
    nothing, slide = True, Slide(heading)
    followed = zip(blocks, things, [*blocks[1:], None], [*things[1:], None], strict=True)
    for block, shown, following, next_shown in followed:
        words, comment = [], None
        if block.name == "p" and following is not None and following.name == "details":
            words = [block]  # a question, whole
            if slide:
                yield slide
                slide = Slide(heading)
        elif block.name == "p" and slide.thing is not None and slide.takes_comment():
            between = next_shown is not None or spoken(block).endswith(":")
            comment = None if spoken(first(block)).endswith(":") else first(block)
            words = [last(block)] if comment is None or (between and more(block)) else []
        elif block.name in ("p", "ul", "ol"):
            words = [points(block)]
        elif "math" in block.get_attribute_list("class"):
            words = [block]
        if comment is not None:
            slide.comments.append(comment)
        starts = bool(words) and (slide.thing is not None or slide.full(words[0]))
        if slide and (starts or block.name == "section" or (shown and slide.thing)):
            yield slide
            nothing, slide = False, Slide(heading)
        slide.words += words
        if shown is not None:
            if number := slide.alone(shown):
                yield Slide(heading, slide.words[:number])
                nothing, slide.words = False, slide.words[number:]
            slide.thing = shown
        elif block.name == "details":
            for summary in block("summary"):
                summary.decompose()
            slide.answer = block
        elif block.name == "section":
            if nothing:
                yield slide
            nothing = False
            yield from arrange(block)
    if slide or nothing:
        yield slide


def more(paragraph: Tag) -> bool:
    """Return whether a paragraph has more than one sentence."""
    return spoken(first(paragraph)) != spoken(paragraph)


def points(block: Tag) -> Tag:
    """Return a paragraph, or the points of a list, each shortened to its first sentence."""
    if block.name == "p":
        return first(block)
    for paragraph in block.find_all("p"):
        paragraph.replace_with(first(paragraph))
    return block


def write(slide: Slide, level: str) -> str:
    """Return a slide as HTML."""
    words = "".join(map(str, slide.words))
    parts = f'<div class="words">{words}</div>' if words else ""
    beside = ""
    if slide.thing is not None:
        beside = (
            " beside" if (words or slide.comments) and slide.thing.select_one("figure, svg") else ""
        )
        parts += f'<div class="thing">{slide.thing}</div>'
        if slide.comments:
            parts += f'<div class="words">{"".join(map(str, slide.comments))}</div>'
    if slide.answer is not None:
        parts += f'<div class="answer fragment">{slide.answer.decode_contents()}</div>'
    body = f'<div class="body{beside}">{parts}</div>' if parts else ""
    return f'<section class="{level}"><{level}>{slide.heading}</{level}>{body}</section>'


def deck(page: BeautifulSoup, about: str) -> tuple[str, str]:
    """Return the title of a page, and its slides as HTML.

    Parameters
    ----------
    page
        A chapter of the built book.
    about
        What stands below the title, as HTML.
    """
    article = page.select_one("article.bd-article > section")
    if article is None:
        raise SlidesError("a page has no article; build the book again: make book")
    clean(article)
    slides = list(arrange(article))
    heading = slides[0].heading
    title = parse(f"<h1>{heading}</h1>").get_text()
    cover = write(Slide(heading, [parse(f"<p>{about}</p>")]), "h1")
    return title, "\n".join(
        [cover, *(write(slide, "h2") for slide in slides if slide or slide.heading != heading)]
    )


def parse(html: str) -> Tag:
    """Return the one tag that is written there."""
    found = BeautifulSoup(html, "html.parser").find()
    assert isinstance(found, Tag)
    return found


def styles(modules: Path, fonts: Path) -> str:
    """Return the styles of a deck, with the fonts of formulas in them."""

    def included(font: re.Match[str]) -> str:
        text = base64.b64encode((fonts / font[1]).read_bytes()).decode()
        return f'url("data:font/woff2;base64,{text}") format("woff2")'

    katex = (modules / "katex" / "dist" / "katex.min.css").read_text("utf-8")
    colors = HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight")
    return "\n".join(
        [
            (modules / "reveal.js" / "dist" / "reveal.css").read_text("utf-8"),
            FONT.sub(included, katex),
            colors,
            (HERE / "slides.css").read_text("utf-8"),
        ]
    )


def about() -> str:
    """Return what stands below the title of each deck."""
    repository = read_repository(ROOT)
    text = "Molecular energies with graph neural networks"
    if repository != PLACEHOLDER:
        text = f'<a href="{repository.site}">{text}</a>'
    return f"{text} · CC BY 4.0"


def make(site: Path, target: Path, modules: Path = MODULES) -> list[Path]:
    """Write a deck for each chapter, and a page that lists them.

    Parameters
    ----------
    site
        The built site.
    target
        Folder of the decks.
    modules
        The packages of npm.

    Raises
    ------
    SlidesError
        If the book has not been built.
    """
    target.mkdir(parents=True, exist_ok=True)
    style = ""
    script = (HERE / "slides.js").read_text("utf-8")
    items, files = [], []
    for name in CHAPTERS:
        page = site / "book" / f"{name}.html"
        if not page.exists():
            raise SlidesError(f"{page} is missing: build the book first, with `make book`")
        style = style or styles(modules, site / "_static" / "katex")
        reveal = (modules / "reveal.js" / "dist" / "reveal.js").read_text("utf-8")
        title, slides = deck(BeautifulSoup(page.read_text("utf-8"), "html.parser"), about())
        text = FRAME.format(
            title=f"Slides: {escape(title)}",
            styles=style,
            slides=slides,
            script=f"{reveal}\n{script}",
        )
        files.append(target / f"{name}.html")
        files[-1].write_text(text, "utf-8")
        items.append(
            f'<li><a href="{name}.html">{escape(title)}</a> '
            f'(<a href="{name}.html?print-pdf">to print</a>)</li>'
        )
    files.append(target / "index.html")
    files[-1].write_text(LIST.format(items="\n".join(items)), "utf-8")
    return files


def pack(files: Sequence[Path], target: Path) -> None:
    """Write the decks into one zip; it is whole, or not there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, f"slides/{file.name}")
    unfinished.replace(target)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=SLIDES, help="default: %(default)s")
    parser.add_argument("--site", type=Path, default=SITE, help="default: %(default)s")
    parser.add_argument("--zip", type=Path, help="also pack the decks into this file")
    parser.add_argument("--modules", type=Path, default=MODULES, help="default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        files = make(options.site, options.folder, options.modules)
    except SlidesError as error:
        print(f"slides: {error}", file=sys.stderr)
        return 1
    if options.zip:
        pack(files, options.zip)
    print(f"The slides: {files[-1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
