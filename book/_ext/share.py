"""Sphinx extension: what others read of a page: search engines, previews of links, and its readers.

Each page of the contents gets

- data for search engines (schema.org): the landing page is a course, the others are its parts, with
  what they teach and how long they take;
- what a preview of a link shows (Open Graph), with the picture that `make downloads` has drawn;
- in its foot the version, a link to what has changed, and one to a form, filled in, where to say
  that something was unclear.

Once `make repository` has stamped an address, pages name their own, and ``sitemap.xml`` lists them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from html import escape, unescape
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import yaml
from docutils import nodes
from lean_pages import summary
from sphinx.application import Sphinx
from sphinx.config import Config

LICENCE = "https://creativecommons.org/licenses/by/4.0/"
PREVIEWS = "previews"
"""Folder of the pictures: below that of the downloads, and in the site."""
KINDS = {"exercises": "exercise", "solutions": "solution"}

Data = dict[str, Any]


def address(root: Path) -> tuple[str, str, str]:
    """Return the repository's URL, its branch, and where the book is published, or nothing."""
    entry = yaml.safe_load((root / "_config.yml").read_text("utf-8"))["repository"]
    owner, name = entry["url"].split("/")[-2:]
    site = "" if owner.startswith("-") else f"https://{owner}.github.io/{name}/"
    return entry["url"], entry["branch"], site


def base(app: Sphinx, config: Config) -> None:
    """Tell Sphinx where the book is published: pages then name their own address."""
    config.html_baseurl = config.html_baseurl or address(Path(app.confdir))[2]


def aims(doctree: nodes.document) -> list[str]:
    """Return what a page says that its reader will be able to do."""
    for paragraph in doctree.findall(nodes.paragraph):
        if paragraph.astext() == "You will be able to":
            following = paragraph.next_node(nodes.bullet_list, siblings=True, descend=False)
            if following is not None:
                return [item.astext().rstrip(";.") for item in following.children]
    return []


def minutes(doctree: nodes.document) -> int | None:
    """Return how long a page says that it takes to read."""
    match = re.search(r"Time:\s+(\d+) minutes of reading", doctree.astext())
    return int(match[1]) if match else None


def about(doctree: nodes.document, page: str, title: str, course: str, url: str) -> Data:
    """Return the data of a page for search engines.

    Parameters
    ----------
    doctree
        The page.
    page
        Its name, such as ``book/exercises/labels``.
    title, course
        The page's and the book's.
    url
        Where the book is published, or nothing.
    """
    people = {"@type": "Organization", "name": "The course contributors"}
    book: Data = {"@type": "Course", "name": course, "provider": people}
    if url:
        book["url"] = f"{url}book/index.html"
    common: Data = {
        "@context": "https://schema.org",
        "description": summary(doctree),
        "inLanguage": "en",
        "license": LICENCE,
        "isAccessibleForFree": True,
    }
    if page.endswith("/index") and page.count("/") == 1:
        return common | book | {"version": metadata.version("qm9lib")}
    data = common | {"@type": "LearningResource", "name": title, "isPartOf": book, "author": people}
    data["learningResourceType"] = KINDS.get(page.split("/")[1], "chapter") if "/" in page else ""
    if found := aims(doctree):
        data["teaches"] = found
    if time := minutes(doctree):
        data["timeRequired"] = f"PT{time}M"
    if url:
        data["url"] = f"{url}{page}.html"
    return data


def picture(page: str) -> Path | None:
    """Return the picture of a page for previews, if `make downloads` has drawn it."""
    folder = os.environ.get("DOWNLOADS")
    if not folder:
        return None
    names = (page.rpartition("/")[2], "index")
    files = [Path(folder).parent / PREVIEWS / f"{name}.png" for name in names]
    return next((file for file in files if file.exists()), None)


def preview(data: Data, page: str, title: str, url: str) -> dict[str, str]:
    """Return what a preview of a link shows, by property."""
    said = {
        "og:type": "website" if data["@type"] == "Course" else "article",
        "og:site_name": data.get("isPartOf", data)["name"],
        "og:title": title,
        "og:description": data["description"],
    }
    if url:
        said["og:url"] = f"{url}{page}.html"
        if found := picture(page):
            said |= {
                "og:image": f"{url}_static/{PREVIEWS}/{found.name}",
                "og:image:alt": f"A figure of the page “{title}”",
                "twitter:card": "summary_large_image",
            }
    return said


def foot(repository: str, branch: str, page: str, title: str) -> str:
    """Return the lines at the foot of a page: its version, changes, and where to ask.

    Examples
    --------
    >>> "template=4-unclear.yml&amp;title=Unclear" in foot("https://x", "main", "book/a", "A & B")
    True
    """
    version = metadata.version("qm9lib")
    asked = {"template": "4-unclear.yml", "title": f"Unclear: {title}", "page": f"{page}.html"}
    form = f"{repository}/issues/new?{urlencode(asked | {'version': version}, quote_via=quote)}"
    changes = f"{repository}/blob/{branch}/CHANGELOG.md"
    return (
        f'<p>Version {escape(version)} (<a href="{escape(changes)}">changes</a>). '
        f'<a href="{escape(form)}">Was something on this page unclear?</a></p>'
    )


def page_context(
    app: Sphinx, pagename: str, templatename: str, context: Data, doctree: nodes.document | None
) -> None:
    """Write all of it into a page of the contents."""
    if doctree is None or pagename.startswith("_modules"):
        return
    repository, branch, url = address(Path(app.confdir))
    title = unescape(re.sub(r"<[^>]+>", "", context.get("title") or pagename))
    data = about(doctree, pagename, title, app.config.html_title or "", url)
    tags = [
        f'<meta {"name" if name.startswith("twitter") else "property"}="{name}" '
        f'content="{escape(text)}" />'
        for name, text in preview(data, pagename, title, url).items()
    ]
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    tags.append(f'<script type="application/ld+json">{text}</script>')
    context["metatags"] = context.get("metatags", "") + "".join(f"\n{tag}" for tag in tags)
    context["theme_extra_footer"] = context.get("theme_extra_footer", "") + foot(
        repository, branch, pagename, title
    )


def finish(app: Sphinx, exception: Exception | None) -> None:
    """After the build: write the list of pages, and put the pictures into the site."""
    url = address(Path(app.confdir))[2]
    if exception is not None or app.builder.format != "html" or not url:
        return
    out = Path(app.outdir)
    pages = sorted(page for page in app.env.found_docs if (out / f"{page}.html").exists())
    entries = "".join(f"<url><loc>{escape(f'{url}{page}.html')}</loc></url>\n" for page in pages)
    (out / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{entries}</urlset>\n',
        "utf-8",
    )
    used = {file for page in pages if (file := picture(page))}
    for file in used:
        (out / "_static" / PREVIEWS).mkdir(exist_ok=True)
        shutil.copyfile(file, out / "_static" / PREVIEWS / file.name)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the steps of a build; before lean_pages ends it."""
    app.connect("config-inited", base)
    app.connect("html-page-context", page_context, priority=901)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
