"""How a chapter becomes slides; tests/web/test_slides.py looks at them in a browser."""

import subprocess
import sys
import zipfile

import pytest
from bs4 import BeautifulSoup

import slides

ROOT = slides.ROOT

PAGE = """
<article class="bd-article"><section id="a"><h1>Atoms<a class="headerlink" href="#a">#</a></h1>
<p><strong>You will be able to</strong></p>
<ul><li><p>count atoms by their elements on paper. Easy.</p></li><li><p>add.</p></li></ul>
<section><h2>Count</h2>
<p>See <a href="gnn.html">Schütt et al. 2021</a>, e.g. for <code>h.c</code>. They count, too.</p>
<aside class="margin sidebar"><p class="sidebar-title"></p>
<p>Long ago, atoms were counted by hand. It was.</p></aside>
<p>A picture of two atoms says more than this. Here it is:</p>
<div class="cell"><div class="cell_input"><pre>draw()</pre></div><div class="cell_output">
<figure><svg role="img" aria-label="two atoms" id="kept"></svg></figure></div></div>
<p>Two atoms. Then one adds them. All of it in code:</p>
<div class="cell"><div class="cell_input"><pre>1 + 1</pre></div>
<div class="cell_output"><pre>2</pre></div></div>
<blockquote><p><strong>Careful.</strong> Two is not one. Not ever.</p></blockquote>
<details><summary>Derivation</summary><p>1 = 1, and so on.</p></details>
<div class="cell tag_no-slide"><div class="cell_input"><pre>secret</pre></div></div>
</section>
<section><h2>Quiz</h2>
<p><strong>1. Why? Say it.</strong></p>
<details><summary>Answer</summary><p>Because. And so on.</p></details>
</section></section></article>
"""


@pytest.fixture
def deck():
    title, html = slides.deck(BeautifulSoup(PAGE, "html.parser"), "A book")
    assert title == "Atoms"
    return [
        [" ".join(part.get_text(" ").split()) for part in slide.find_all(True, recursive=False)]
        for slide in BeautifulSoup(html, "html.parser")("section")
    ]


def test_sections_become_slides_of_first_sentences(deck):
    assert deck == [
        ["Atoms", "A book"],
        ["Atoms", "You will be able to count atoms by their elements on paper. add."],
        [
            "Count",
            "See Schütt et al. 2021, e.g. for h.c . "
            "Long ago, atoms were counted by hand. "
            "A picture of two atoms says more than this. "
            # Too short to stand alone.
            "Two atoms. Then one adds them.",
        ],
        ["Count", "All of it in code: 1 + 1 2 Careful. Two is not one. Not ever."],
        ["Quiz", "1. Why? Say it. Because. And so on."],
    ]


def test_a_picture_keeps_its_words_and_a_link_into_the_site_goes():
    _, html = slides.deck(BeautifulSoup(PAGE, "html.parser"), "A book")
    page = BeautifulSoup(html, "html.parser")
    assert page.svg["aria-label"] == "two atoms" and page.svg["id"] == "kept"
    assert not page("a") and not page.select("section [id]:not(svg)")
    assert page.select_one(".answer.fragment").get_text() == "Because. And so on."


@pytest.mark.parametrize(
    ("code", "shown"),
    [("x = 1\n" * slides.CODE, True), ("x = 1\n" * (slides.CODE + 1), False), ("import x", False)],
)
def test_long_code_and_imports_are_not_shown(code, shown):
    cell = slides.parse(
        f'<div class="cell"><div class="cell_input"><pre>{code}</pre></div>'
        '<div class="cell_output"><pre>done</pre></div></div>'
    )
    assert "done" in str(slides.thing(cell)) and (code in str(slides.thing(cell))) is shown


def test_words_that_fill_a_slide_go_on_on_the_next_one():
    paragraphs = "".join(f"<p>{'word ' * 30}{number}.</p>" for number in range(7))
    section = slides.parse(f"<section><h2>Long</h2>{paragraphs}</section>")
    arranged = list(slides.arrange(section))
    assert [len(slide.words) for slide in arranged] == [3, 3, 1]
    assert {slide.heading for slide in arranged} == {"Long"}


def test_section_without_heading_is_an_error():
    with pytest.raises(slides.SlidesError, match="no heading"):
        list(slides.arrange(slides.parse("<section><p>?</p></section>")))


def test_without_a_book_it_says_what_to_do(tmp_path):
    command = [sys.executable, slides.__file__, "--site", tmp_path, tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "make book" in done.stderr and "Traceback" not in done.stderr


def test_zip_is_whole(tmp_path):
    (tmp_path / "index.html").write_text("slides")
    slides.pack([tmp_path / "index.html"], tmp_path / "out" / "slides.zip")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["slides.zip"]
    assert zipfile.ZipFile(tmp_path / "out/slides.zip").namelist() == ["slides/index.html"]
