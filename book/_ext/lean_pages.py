"""Sphinx extension: pages carry what they use, nothing else, and ask no other host.

The theme draws its icons with a script of 1.5 MB that knows two thousand. The site uses some
twenty: the build cuts the theme's own icon fonts and style sheet down to those. Formulas have been
drawn by KaTeX when a page is built, so that it needs KaTeX's style sheet and fonts alone.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import subprocess
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from fontTools import subset
from fontTools.ttLib import TTFont
from npm import node, packages
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from qm9lib.figures import embed

UNUSED = re.compile(r"mathjax|thebe|togglebutton|toggleHint|toggleOpen|design-tabs", re.IGNORECASE)
"""Scripts and styles of features that the book does not have; two of them ask a CDN."""

STYLE = re.compile(r'\s*<link\b(?=[^>]*rel="stylesheet")[^>]*href="([^"?]*)[^"]*"[^>]*>')
URL = re.compile(r"""url\((?!["']?(?:data:|#))["']?([^"')]+)["']?\)""")
IMPORT = re.compile(r'@import "([^"]+)";')
SEARCH_SCRIPT = re.compile(
    r"\s*<script[^>]*/?(?:searchtools|language_data|searchindex|search_results)\.js[^>]*></script>"
)
ICON_SCRIPT = re.compile(r"\s*<script[^>]*/fontawesome\.js[^>]*></script>")
ICON_NAME = re.compile(r"\bfa-[a-z0-9-]+")
STYLE_ICON = re.compile(r'--pst-icon-[\w-]+:"([\ue000-\uf8ff])"')  # of boxes and links
OWN_ICON = re.compile(r'content:"\\([0-9a-f]{4})";font-family:Font Awesome')  # folds the sections
ICON_RULE = re.compile(r'((?:\.fa-[\w-]+:before,?)+)\{content:"\\?([^"]+)"\}')
OPTIONS = re.compile(r'<script src="([^"?]*documentation_options\.js)[^"]*"></script>')
SCRIPT = re.compile(r'\s*<script [^>]*\bsrc="([^"?]*_static/(?!site-)[^"?]*)[^"]*"[^>]*></script>')
MENU_IMAGE = re.compile(r"<img (?=[^>]*_static/images/logo_)")  # loads when the menu opens
THEME = re.compile(r'(<html\b[^>]*) data-theme="auto"')
STORED_THEME = re.compile(r'(localStorage\.getItem\("theme"\) \|\| )"auto"')
SYSTEM_THEME = '(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")'
MENU_BUTTON = re.compile(r'(?=<button class="sidebar-toggle (primary|secondary)-toggle\b)')
LIST_BUTTON = re.compile(r'<button class="sidebar-toggle secondary-toggle\b.*?</button>', re.DOTALL)
MENU_NAMES = {"primary": "Pages of the book", "secondary": "Contents of this page"}
MENU_ICONS = {"primary": "bars", "secondary": "list"}
BREAKPOINT = re.compile(r"(?<=-width:)\s*([\d.]+)px(?=\))")
PRELOAD = re.compile(r'\s*<link\b(?=[^>]*rel="preload")[^>]*>')
COMMENT = re.compile(r"/\*(?!!).*?\*/\s*", re.DOTALL)  # those with "!" tell licences
SIGNATURE = re.compile(r'<dt class="sig .*?</dt>', re.DOTALL)
VIEWPORT = re.compile(r'\s*<meta\b(?=[^>]*name="viewport")[^>]*>')
ONE_VIEWPORT = '\n<meta name="viewport" content="width=device-width, initial-scale=1" />'

REDIRECT = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8" />
<title>{title}</title>
<meta http-equiv="refresh" content="0; url={page}" />
<p><a href="{page}">To the book</a></p>
</html>
"""


def page_context(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Drop a page's unused scripts and styles, and tell search engines what it is about."""
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context.get(kind, []) if not UNUSED.search(_told(file))]
    text = summary(doctree) if doctree is not None else ""
    # Indices, search and source code have no text of their own.
    text = text or f"{context.get('title', pagename)}: {app.config.html_title}"
    description = f'\n<meta name="description" content="{escape(text)}" />'
    context["metatags"] = context.get("metatags", "") + description


def draw(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put drawings themselves in place of the images that carry them in a notebook."""
    for raw in doctree.findall(nodes.raw):
        if "html" in raw["format"]:
            raw[:] = [nodes.Text(embed.inlined(raw.astext()))]


def _told(file: Any) -> str:
    """Return the name of a script or style, and the body of one that stands in the page."""
    return f"{file} {getattr(file, 'attributes', {}).get('body', '')}"


def summary(doctree: nodes.document, enough: int = 80, most: int = 160) -> str:
    """Return how the text of a page begins: whole paragraphs, or one that is cut at a word."""
    text = ""
    for paragraph in doctree.findall(nodes.paragraph):
        text = f"{text} {' '.join(paragraph.astext().split())}".strip()
        if len(text) >= enough:
            break
    if len(text) > most:
        return text[: most - 3].rsplit(" ", 1)[0].rstrip(",;:") + "..."
    return text.rstrip(",;:")


def lean(app: Sphinx, exception: Exception | None) -> None:
    """After the build: mend the written pages, cut the icons, and add KaTeX's fonts."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    for leftover in [*out.glob("_static/*.html"), *out.glob("_static/**/*.map")]:
        leftover.unlink()  # templates and debugging aids of the theme
    redirect = REDIRECT.format(
        title=escape(app.config.html_title), page=f"{app.config.root_doc}.html"
    )
    (out / "index.html").write_text(redirect, "utf-8")
    pages = {page: page.read_text("utf-8") for page in out.rglob("*.html")}
    katex = packages(app) / "katex" / "dist"
    copy_katex(katex, out / "_static" / "katex", set(map(ord, set().union(*pages.values()))))
    cut_icons(out / "_static", set(ICON_NAME.findall("".join(pages.values()))))
    check_found(pages)
    for page, html in pages.items():
        html = replace_all(VIEWPORT, ONE_VIEWPORT, html)
        html = ICON_SCRIPT.sub("", PRELOAD.sub("", html))
        html = MENU_IMAGE.sub(r'<img loading="lazy" ', html)
        html = STORED_THEME.sub(rf"\1{SYSTEM_THEME}", THEME.sub(r'\1 data-theme="light"', html))
        if 'id="pst-secondary-sidebar"' not in html:
            html = LIST_BUTTON.sub("", html)  # of a list that is not there
        html = MENU_BUTTON.sub(menu_link, html)
        if page.name != "search.html":
            html = SEARCH_SCRIPT.sub("", html)  # half a megabyte
            html = join_scripts(html, page, out)
        html = SIGNATURE.sub(lambda match: plain_signature(match[0]), html)
        page.write_text(join_styles(html, page, out), "utf-8")
    purge = packages(app) / "purgecss" / "bin" / "purgecss.js"
    config = Path(app.confdir) / "tools" / "web" / "purgecss.config.cjs"
    subprocess.run([node(), purge, "--config", config], cwd=out, check=True, stdout=subprocess.PIPE)
    for page in pages:
        pages[page] = include_styles(page.read_text("utf-8"), page)
        page.write_text(pages[page], "utf-8")
    drop_unused(out / "_static", "".join(pages.values()))


def check_found(pages: dict[Path, str]) -> None:
    """Raise an error if what is to be replaced is nowhere: the theme has changed, and so must we.

    Every page has styles, scripts, a viewport, a theme and a menu; the rest is on some.
    """
    everywhere = {
        "styles": STYLE, "scripts": SCRIPT, "options": OPTIONS, "viewport": VIEWPORT,
        "theme": THEME, "stored theme": STORED_THEME, "menu button": MENU_BUTTON,
    }  # fmt: skip
    somewhere = {
        "icon script": ICON_SCRIPT, "preloads": PRELOAD, "menu image": MENU_IMAGE,
        "search scripts": SEARCH_SCRIPT, "signatures": SIGNATURE,
    }  # fmt: skip
    whole = {page: html for page, html in pages.items() if "http-equiv" not in html}
    missing = [
        f"{name} in {page.name}"
        for name, found in everywhere.items()
        for page, html in whole.items()
        if not found.search(html)
    ]
    missing += [
        name
        for name, found in somewhere.items()
        if not any(found.search(html) for html in whole.values())
    ]
    if missing:
        raise ExtensionError(f"not found: {', '.join(missing)}; has the theme changed?")


def drop_unused(static: Path, pages: str) -> None:
    """Delete the scripts and style sheets that neither a page nor a joined script names."""
    text = pages + "".join(file.read_text("utf-8") for file in static.glob("site-*.js"))
    for file in [*static.rglob("*.css"), *static.rglob("*.js")]:
        if file.name not in text:
            file.unlink()


def plain_signature(html: str) -> str:
    """Write the lines of a long signature as lines: it is no list of terms that are defined."""
    for tag, name in (("dl", "sig-lines"), ("dd", "sig-line")):
        html = html.replace(f"<{tag}>", f'<span class="{name}">').replace(f"</{tag}>", "</span>")
    return html


def menu_link(button: re.Match[str]) -> str:
    """Write what stands for the button of a menu where there are no scripts."""
    name = button[1]
    return (
        f'<noscript><a class="btn btn-sm {name}-link" href="#pst-{name}-sidebar" '
        f'aria-label="{MENU_NAMES[name]}"><span class="fa-solid fa-{MENU_ICONS[name]}"></span></a>'
        "</noscript>"
    )


def in_em(text: str) -> str:
    """Let a layout depend on how many letters a window has room for, not on its pixels.

    Who reads large letters gets what a small window gets.

    Examples
    --------
    >>> in_em("@media (max-width: 959.98px) { p { max-width: 8px } }")
    '@media (max-width:59.99875em) { p { max-width: 8px } }'
    """
    return BREAKPOINT.sub(lambda width: f"{float(width[1]) / 16:.8g}em", text)


def join_scripts(html: str, page: Path, out: Path) -> str:
    """Put a page's scripts into one file, which runs in their order when the page stands."""

    def included(script: re.Match[str]) -> str:
        return f"<script>{(page.parent / script[1]).resolve().read_text('utf-8')}</script>"

    html = OPTIONS.sub(included, html)  # other scripts in the page need them at once
    files = [(page.parent / src).resolve() for src in SCRIPT.findall(html)]
    if not files:
        return html
    # The first semicolon keeps one script's "use strict" from the others.
    text = in_em("".join(f";\n{file.read_text('utf-8')}\n" for file in files))
    new = f'\n<script defer src="{site_file(text, "js", page, out)}"></script>'
    return replace_all(SCRIPT, new, html)


def join_styles(html: str, page: Path, out: Path) -> str:
    """Put a page's style sheets into one file."""
    sheets = [(page.parent / href).resolve() for href in STYLE.findall(html)]
    if not sheets:
        return html
    text = in_em("\n".join(style(sheet, out / "_static") for sheet in sheets))
    new = f'\n<link rel="stylesheet" href="{site_file(text, "css", page, out)}" />'
    return replace_all(STYLE, new, html)


def site_file(text: str, suffix: str, page: Path, out: Path) -> str:
    """Write a file for all pages that need the same, and return the way to it from ``page``."""
    name = f"site-{hashlib.sha256(text.encode()).hexdigest()[:12]}.{suffix}"
    (out / "_static" / name).write_text(text, "utf-8")
    return os.path.relpath(out / "_static" / name, page.parent).replace(os.sep, "/")


def replace_all(tags: re.Pattern[str], new: str, html: str) -> str:
    """Let ``new`` take the place of the first of the tags, and drop the others."""
    first = tags.search(html)
    if first is None:
        return html
    return html[: first.start()] + new + tags.sub("", html[first.end() :])


def include_styles(html: str, page: Path) -> str:
    """Write a page's one style sheet into the page.

    On a phone a file of its own costs another half second before there is anything to read; the
    sheet itself takes a sixth of one.
    """

    def include(link: re.Match[str]) -> str:
        sheet = (page.parent / link[1]).resolve()
        return f"\n<style>{COMMENT.sub('', style(sheet, page.parent))}</style>"

    return STYLE.sub(include, html)


def style(sheet: Path, base: Path) -> str:
    """Return the text of a style sheet as if it stood in the folder ``base``."""
    folder = sheet.parent
    text = IMPORT.sub(lambda m: style((folder / m[1]).resolve(), folder), sheet.read_text("utf-8"))
    return URL.sub(
        lambda m: f"url({os.path.relpath(folder / m[1], base).replace(os.sep, '/')})", text
    )


def cut_icons(static: Path, used: set[str]) -> None:
    """Keep only the named icons in the theme's style sheet and fonts, and those that styles draw.

    Parameters
    ----------
    static
        The site's folder of static files.
    used
        Names of icons, as `fa-rocket`.
    """
    sheet = static / "styles" / "pydata-sphinx-theme.css"
    kept: set[int] = set()

    def keep(rule: re.Match[str]) -> str:
        if not used & set(re.findall(r"\.(fa-[\w-]+):before", rule[1])):
            return ""
        code = rule[2]
        kept.add(int(code, 16) if len(code) > 1 else ord(code))
        return rule[0]

    rules = sheet.read_text("utf-8")
    sheet.write_text(ICON_RULE.sub(keep, rules), "utf-8")
    drawn = set(map(ord, STYLE_ICON.findall(rules)))
    book_theme = sheet.with_name("sphinx-book-theme.css").read_text("utf-8")
    drawn |= {int(code, 16) for code in OWN_ICON.findall(book_theme)}
    if not kept or not drawn:
        raise ExtensionError(f"no icon rule found in {sheet.name}: has the theme changed?")
    for file in (static / "vendor" / "fontawesome" / "webfonts").iterdir():
        if file.suffix != ".woff2":
            file.unlink()  # for browsers of before 2016
            continue
        solid = "solid" in file.name
        cut_font(file, file, kept | drawn if solid else kept, layout_features=[])
    (static / "scripts" / "fontawesome.js").unlink(missing_ok=True)


def cut_font(source: Path, target: Path, kept: set[int], **options: Any) -> None:
    """Write a font with the characters of the code points ``kept`` only."""
    font = TTFont(source, recalcTimestamp=False)
    cutter = subset.Subsetter(subset.Options(notdef_outline=True, **options))
    cutter.populate(unicodes=kept)
    cutter.subset(font)
    font.save(target)


def copy_katex(source: Path, target: Path, used: set[int]) -> None:
    """Copy the style sheet, and the fonts that today's browsers ask for, as far as they are used.

    Parameters
    ----------
    source
        KaTeX's own folder of these.
    target
        Where they go.
    used
        Code points of the characters that occur on the pages.
    """
    shutil.rmtree(target, ignore_errors=True)
    (target / "fonts").mkdir(parents=True)
    shutil.copy2(source / "katex.min.css", target)
    for font in (source / "fonts").glob("*.woff2"):
        cut_font(font, target / "fonts" / font.name, used)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect after the extensions that add scripts, and after those that finish pages."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    app.connect("doctree-resolved", draw)
    app.connect("html-page-context", page_context, priority=900)
    app.connect("build-finished", lean, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
