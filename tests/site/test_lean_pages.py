"""What the build takes out of pages, and what it leaves."""

import re
import shutil
import subprocess
from pathlib import Path

import lean_pages
import pydata_sphinx_theme
import pytest
import sphinx_book_theme
from docutils import nodes
from docutils.core import publish_doctree
from fontTools.ttLib import TTFont
from sphinx.errors import ExtensionError

from qm9lib.figures import embed

ROOT = Path(__file__).resolve().parents[2]
THEME = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static"
BOOK_THEME = Path(sphinx_book_theme.__file__).parent / "theme/sphinx_book_theme/static"


@pytest.fixture
def static(tmp_path):
    """The themes' own style sheets and icon fonts."""
    shutil.copytree(THEME / "styles", tmp_path / "styles")
    shutil.copytree(THEME / "vendor", tmp_path / "vendor")
    shutil.copy(BOOK_THEME / "styles/sphinx-book-theme.css", tmp_path / "styles")
    return tmp_path


def test_icons_that_are_used_stay(static):
    sheet = static / "styles" / "pydata-sphinx-theme.css"
    before = sheet.read_text()
    lean_pages.cut_icons(static, {"fa-rocket", "fa-github", "fa-lg"})
    after = sheet.read_text()
    assert set(re.findall(r"\.(fa-[\w-]+):before\{content:\"", after)) == {"fa-rocket", "fa-github"}
    # Nothing but icons has gone.
    assert lean_pages.ICON_RULE.sub("", after) == lean_pages.ICON_RULE.sub("", before)
    fonts = static / "vendor" / "fontawesome" / "webfonts"
    solid, brands = (TTFont(fonts / f"fa-{name}.woff2") for name in ("solid-900", "brands-400"))
    assert 0xF135 in solid.getBestCmap() and 0xF09B in brands.getBestCmap()
    # Beside those, what the theme's styles draw: in boxes, and to hide what was searched for.
    by_styles = {0xF010, 0xF05A, 0xF071, 0xF0EB, 0xF107}
    assert by_styles <= set(solid.getBestCmap()) and len(solid.getBestCmap()) < 20
    assert len(brands.getBestCmap()) < 5
    assert sum(file.stat().st_size for file in fonts.iterdir()) < 5000


def test_theme_without_icons_is_told(static):
    (static / "styles" / "pydata-sphinx-theme.css").write_text("body { color: red }")
    with pytest.raises(ExtensionError, match="has the theme changed"):
        lean_pages.cut_icons(static, {"fa-rocket"})


def test_pages_that_lack_what_is_replaced_end_the_build():
    whole = (
        '<html data-theme="auto"><script>localStorage.getItem("theme") || "auto"</script>'
        '<button class="sidebar-toggle primary-toggle">'
        '<meta name="viewport" content="x" /><link rel="preload" href="a" />'
        '<link href="_static/a.css" rel="stylesheet" /><script src="_static/a.js"></script>'
        '<script src="_static/documentation_options.js"></script>'
        '<script src="_static/scripts/fontawesome.js"></script>'
        '<script src="_static/searchtools.js"></script>'
        '<img src="_static/images/logo_colab.png" /><dt class="sig x">f()</dt>'
    )
    page, redirect = Path("page.html"), '<meta http-equiv="refresh" content="0" />'
    lean_pages.check_found({page: whole, Path("index.html"): redirect})
    for lacking, told in (
        ("<html", "theme in page.html"),
        ("localStorage", "stored theme in page.html"),
        ("primary-toggle", "menu button in page.html"),
        ("viewport", "viewport in page.html"),
        ("documentation_options", "options in page.html"),
        ("fontawesome", "icon script"),
        ("preload", "preloads"),
        ("logo_", "menu image"),
        ("searchtools", "search scripts"),
        ('"sig ', "signatures"),
        ("stylesheet", "styles in page.html"),
    ):
        with pytest.raises(ExtensionError, match=f"not found: .*{told}.*has the theme changed"):
            lean_pages.check_found({page: whole.replace(lacking, "other")})
    with pytest.raises(ExtensionError, match="not found: scripts in another.html;"):
        other = whole.replace('src="_static', 'src="elsewhere')
        lean_pages.check_found({page: whole, Path("another.html"): other})


def test_styles_become_one_file_in_their_order(tmp_path):
    static = tmp_path / "_static"
    (static / "styles").mkdir(parents=True)
    (static / "basic.css").write_text("p { background: url(file.png) }")
    (static / "styles" / "theme.css").write_text('@import "../basic.css";\nb { color: red }')
    (static / "styles" / "icons.css").write_text(
        "@font-face { src: url('../vendor/i.woff2') } i { background: url(data:x;base64,A/B) }"
    )
    page = tmp_path / "book" / "exercises" / "page.html"
    html = (
        '<head><link href="../../_static/styles/theme.css?digest=1" rel="stylesheet" />\n'
        '<link rel="icon" href="../../_static/favicon.svg"/>'
        '<link rel="stylesheet" type="text/css" href="../../_static/styles/icons.css" /></head>'
    )
    joined = lean_pages.join_styles(html, page, tmp_path)
    (link,) = re.findall(r'<link rel="stylesheet" href="([^"]+)" />', joined)
    assert "favicon" in joined and joined.count("<link") == 2
    text = (page.parent / link).resolve().read_text()
    assert text.index("file.png") < text.index("color: red") < text.index("i.woff2")
    assert "url(file.png)" in text and "url(vendor/i.woff2)" in text
    assert "url(data:x;base64,A/B)" in text
    assert lean_pages.join_styles("<head></head>", page, tmp_path) == "<head></head>"


def test_style_in_the_page_finds_its_files_from_there(tmp_path):
    (tmp_path / "_static").mkdir()
    sheet = "/*! MIT */ /* a note */ p { background: url(file.png) }"
    (tmp_path / "_static" / "site-1.css").write_text(sheet)
    html = '<head><link rel="stylesheet" href="../_static/site-1.css" /></head>'
    assert lean_pages.include_styles(html, tmp_path / "book" / "page.html") == (
        "<head>\n<style>/*! MIT */ p { background: url(../_static/file.png) }</style></head>"
    )


def test_scripts_become_one_file_in_their_order(tmp_path):
    static = tmp_path / "_static"
    (static / "scripts").mkdir(parents=True)
    (static / "documentation_options.js").write_text("const OPTIONS = {};")
    (static / "doctools.js").write_text('"use strict";\nconst tools = 1 // the end')
    (static / "scripts" / "theme.js").write_text("undeclared = 2")
    html = (
        '<head><script src="../_static/documentation_options.js?v=1"></script>'
        '<script src="../_static/doctools.js?v=2"></script><script>OPTIONS.page = "p"</script>'
        '</head><body><script defer src="../_static/scripts/theme.js"></script></body>'
    )
    joined = lean_pages.join_scripts(html, tmp_path / "book" / "page.html", tmp_path)
    (src,) = re.findall(r'<script defer src="\.\./([^"]+)"></script>', joined)
    assert joined.count("<script") == 3
    assert joined.index("const OPTIONS") < joined.index(src) < joined.index("OPTIONS.page")
    # Each runs as it would alone: lines are ended, and one's strictness is not the other's.
    node = subprocess.run(
        [lean_pages.node(), "-e", (tmp_path / src).read_text() + "console.log(tools, undeclared)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert node.stdout == "1 2\n"


def test_description_is_how_the_page_begins():
    def described(text):
        return lean_pages.summary(publish_doctree(text))

    assert described("You will\n\n- read\n- and write\n") == "You will read and write"
    long = described("word " * 100)
    assert len(long) <= 160 and long.endswith("word...")
    assert described("") == ""


def test_scripts_and_styles_that_nobody_names_go(tmp_path):
    files = ("joined.css", "site-1.js", "search.js", "explorer/data.js", "explorer/old.js", "a.svg")
    (tmp_path / "explorer").mkdir()
    for name in files:
        (tmp_path / name).write_text("load('data.js')" if name == "site-1.js" else "")
    page = '<script src="_static/site-1.js"></script><script src="_static/search.js"></script>'
    lean_pages.drop_unused(tmp_path, page)
    left = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.*")}
    assert left == {"site-1.js", "search.js", "explorer/data.js", "a.svg"}


def test_drawings_stand_in_the_page_itself():
    image = embed.embedded('<svg width="9"><path/></svg>', "A line.")
    page = publish_doctree("")
    page += nodes.raw("", f"<p>{image}</p>{embed.script()}", format="html")
    lean_pages.draw(None, page, "page")
    (raw,) = page.findall(nodes.raw)
    assert raw.astext() == '<p><svg role="img" aria-label="A line." width="9"><path/></svg></p>'
