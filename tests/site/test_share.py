"""What search engines, previews of links and readers get of each page besides its text."""

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import share
import yaml
from bs4 import BeautifulSoup
from docutils.core import publish_doctree

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = """
Atoms & "bonds"
===============

**You will be able to**

- count atoms;
- add them up.

**Time:** 15 minutes of reading.

The text begins here, and goes on for so long that it is enough for a description of the page.
"""
FORK = "https://github.com/ada/course"
URL = "https://ada.github.io/course/"


def project(folder, url):
    """Build a landing page and a chapter, with Sphinx alone."""
    source = folder / "source"
    (source / "book" / "exercises").mkdir(parents=True)
    (source / "_config.yml").write_text(f"repository: {{url: '{url}', branch: main}}\n")
    (source / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'book/_ext')!r})\n"
        "extensions = ['share']\nroot_doc = 'book/index'\nhtml_title = 'The book'\n"
        "html_theme = 'sphinx_book_theme'\n"
    )
    toc = "\n\n.. toctree::\n\n   atoms\n   exercises/atoms\n"
    (source / "book" / "index.rst").write_text(f"The book\n========\n\nA long way.{toc}")
    (source / "book" / "atoms.rst").write_text(CHAPTER)
    (source / "book" / "exercises" / "atoms.rst").write_text("Exercises\n=========\n\nDo it.\n")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", source, folder / "out"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "out"


def read(out, name):
    page = BeautifulSoup((out / "book" / f"{name}.html").read_text("utf-8"), "html.parser")
    data = json.loads(page.find("script", type="application/ld+json").string)
    tags = page.find_all("meta", attrs={"property": re.compile("^og:")})
    return page, data, {tag["property"]: tag["content"] for tag in tags}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The project at an address, with a picture of one of its pages and of the book."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOWNLOADS", str(folder / "downloads"))
        (folder / share.PREVIEWS).mkdir()
        for name in ("index", "atoms"):
            (folder / share.PREVIEWS / f"{name}.png").write_bytes(name.encode())
        return project(folder, FORK)


def test_a_chapter_says_what_it_teaches(published):
    page, data, tags = read(published, "atoms")
    assert data["@type"] == "LearningResource" and data["learningResourceType"] == "chapter"
    assert data["teaches"] == ["count atoms", "add them up"] and data["timeRequired"] == "PT15M"
    assert data["name"] == tags["og:title"] == "Atoms & “bonds”"
    assert data["isPartOf"]["url"] == f"{URL}book/index.html"
    assert data["url"] == tags["og:url"] == f"{URL}book/atoms.html"
    assert page.find("link", rel="canonical")["href"] == f"{URL}book/atoms.html"
    assert tags["og:image"] == f"{URL}_static/previews/atoms.png"
    assert (published / "_static/previews/atoms.png").read_bytes() == b"atoms"


def test_the_landing_page_is_the_course_and_exercises_are_a_part(published):
    _, data, tags = read(published, "index")
    assert data["@type"] == "Course" and data["provider"]["name"] == "The course contributors"
    assert tags["og:type"] == "website" and tags["og:image"].endswith("/index.png")
    _, data, tags = read(published, "exercises/atoms")
    assert data["learningResourceType"] == "exercise" and "teaches" not in data
    assert tags["og:image"].endswith("/atoms.png")  # that of the chapter of its name


def test_all_pages_are_in_the_sitemap(published):
    text = (published / "sitemap.xml").read_text()
    names = ("atoms", "exercises/atoms", "index")
    assert re.findall("<loc>(.+?)</loc>", text) == [f"{URL}book/{name}.html" for name in names]


def test_foot_leads_to_changes_and_to_a_form_that_is_filled_in(published):
    page, _, _ = read(published, "atoms")
    changes, form = (link["href"] for link in page.select(".extra_footer a"))
    assert changes == f"{FORK}/blob/main/CHANGELOG.md"
    assert form.startswith(f"{FORK}/issues/new?")
    said = {name: value[0] for name, value in parse_qs(urlsplit(form).query).items()}
    template = said.pop("template")
    assert said.pop("title") == "Unclear: Atoms & “bonds”"
    assert said["page"] == "book/atoms.html"
    body = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE" / template).read_text())["body"]
    assert set(said) <= {field.get("id") for field in body}
    assert f"Version {said['version']} (" in page.select_one(".extra_footer").get_text()


def test_without_an_address_nothing_names_one(tmp_path):
    out = project(tmp_path, "https://github.com/--your-account--/qm9-course")
    page, data, tags = read(out, "atoms")
    assert "url" not in data and not {"og:url", "og:image"} & set(tags)
    assert not page.find("link", rel="canonical")
    assert not (out / "sitemap.xml").exists()


def test_page_without_aims_says_nothing_of_them():
    doctree = publish_doctree("Some text\n\n- a list\n")
    assert share.aims(doctree) == [] and share.minutes(doctree) is None
