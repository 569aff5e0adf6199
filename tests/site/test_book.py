"""The book's own files agree with each other: pairs, setup cells, contents, addresses."""

import json
import re
import tomllib

import pytest
import yaml
from sphinx_external_toc.parsing import parse_toc_yaml

import notebooks
import qm9course

ROOT = notebooks.ROOT
REPOSITORY = notebooks.read_repository(ROOT)
CHAPTERS = notebooks.chapters(ROOT)
NOTEBOOKS = sorted(
    path.relative_to(ROOT / "book").as_posix()
    for path in (ROOT / "book").rglob("*.ipynb")
    if ".ipynb_checkpoints" not in path.parts
)
PUBLISHED = notebooks.Repository("https://github.com/ada/course", "v2")
CONTENTS = list(parse_toc_yaml(ROOT / "_toc.yml"))


@pytest.mark.parametrize("name", CHAPTERS)
def test_pair_is_in_step(name):
    assert notebooks.check(CHAPTERS[name], REPOSITORY) == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_first_code_cell_is_the_hidden_setup_cell(name):
    notebook = notebooks.read_notebook(ROOT / "book" / name)
    first = notebooks.code_cells(notebook)[0]
    assert first.source == notebooks.setup_source(REPOSITORY)
    assert "remove-cell" in first.metadata["tags"]
    assert first.outputs == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_setup_cell_is_folded_with_a_title(name):
    """Colab shows a form's title, and JupyterLab the first line of a folded cell."""
    first, *others = notebooks.code_cells(notebooks.read_notebook(ROOT / "book" / name))
    assert first.source.startswith("# @title Setup\n")
    assert first.metadata["cellView"] == "form"
    assert first.metadata["jupyter"] == {"source_hidden": True}
    assert not [cell for cell in others if "cellView" in cell.metadata]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_shows_no_role_and_no_directive(name):
    """Jupyter and Colab would show it as it stands."""
    for cell in notebooks.read_notebook(ROOT / "book" / name).cells:
        if cell.cell_type == "markdown":
            found = re.findall(
                r"\{[\w:.+-]+\}`|^\s*[`:~]{3,}\s*\{.*|^\([\w-]+\)=", cell.source, re.M
            )
            assert not found, f"{found[0]} in: {cell.source[:60]}"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_cites_what_its_source_cites(name):
    notebook = notebooks.read_notebook(ROOT / "book" / name)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    source = (ROOT / "book" / name).with_suffix(".md").read_text("utf-8")
    keys = [
        key for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", source) for key in keys.split(",")
    ]
    years = re.findall(r"\[[A-Z][^\]]* (\d{4})\]\(https://[^)]+\)", text)
    assert years == [key.strip()[-4:] for key in keys]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_link_of_a_published_notebook_needs_other_files(name):
    """It may lie alone: in Colab, or in a folder of downloads."""
    notebook = notebooks.from_markdown((ROOT / "book" / name).with_suffix(".md"), PUBLISHED)
    targets = [
        target
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for target in re.findall(r"\]\(([^)\s]+)\)", cell.source)
    ]
    assert targets
    assert not [target for target in targets if not target.startswith("https://")]
    if name.startswith("exercises/"):
        solution = name.removeprefix("exercises/").replace(".ipynb", ".html")
        known = [
            t for t in targets if f"https://ada.github.io/course/book/solutions/{solution}" in t
        ]
        assert len(known) == sum(
            cell.source.startswith("## ") and cell.source[3].isdigit() for cell in notebook.cells
        )


@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if name.startswith("exercises/")])
def test_exercises_open_in_colab_from_their_first_line(name):
    notebook = notebooks.read_notebook(ROOT / "book" / name)
    title, link = notebook.cells[0].source.split("\n\n")[:2]
    assert title.startswith("# Exercises")
    slug = REPOSITORY.url.removeprefix("https://github.com/")
    where = f"https://colab.research.google.com/github/{slug}/blob/{REPOSITORY.branch}/book/{name}"
    assert link.endswith(f"]({where})")


@pytest.mark.parametrize("name", CHAPTERS)
def test_no_cell_escapes_the_comparison(name):
    notebook = notebooks.read_notebook(CHAPTERS[name].with_suffix(".ipynb"))
    for cell in notebooks.code_cells(notebook):
        assert "nbval-skip" not in cell.metadata.get("tags", [])
        assert "NBVAL_SKIP" not in cell.source


def test_no_notebook_is_without_source():
    assert notebooks.orphans(ROOT) == []


def test_contents_name_every_chapter_by_its_notebook():
    chapters = [file for file in CONTENTS if file.endswith(".ipynb")]
    assert all((ROOT / file).is_file() for file in chapters)
    others = [ROOT / f"{file}.md" for file in CONTENTS if file not in chapters]
    assert not [page.name for page in others if "jupytext" in notebooks.header(page)]
    names = {file.removeprefix("book/").removesuffix(".ipynb") for file in chapters}
    students = {f"exercises/{name.removeprefix('solutions/')}" for name in CHAPTERS if "/" in name}
    assert names == set(CHAPTERS) | students


def test_every_citation_is_in_the_bibliography():
    entries = set(re.findall(r"@\w+\{([^,\s]+),", (ROOT / "book" / "references.bib").read_text()))
    cited = {
        key.strip()
        for path in (ROOT / "book").rglob("*.md")
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", path.read_text())
        for key in keys.split(",")
    }
    assert cited - entries == set()


def test_every_place_has_the_repository_of_the_configuration():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["urls"]["Repository"] == REPOSITORY.url
    assert project["urls"]["Issues"] == REPOSITORY.url + "/issues"
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["repository-code"] == REPOSITORY.url
    for path in CHAPTERS.values():
        page = notebooks.student_page(path) or path
        for file in (path, path.with_suffix(".ipynb"), page, page.with_suffix(".ipynb")):
            found = re.findall(r"git\+(https://[^@\s]+)@([^\"\\\s]+)", file.read_text())
            assert found == [(REPOSITORY.url, REPOSITORY.branch)], file
    slug = REPOSITORY.url.removeprefix("https://")
    name = re.escape(slug.split("/")[-1])
    for file in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / file).read_text()
        for owner in re.findall(rf"github(?:\.com)?/([\w-]+)/{name}(?![\w-])", text):
            assert f"github.com/{owner}/{slug.split('/')[-1]}" == slug, file


def test_requirements_satisfy_the_package():
    """Each dependency of the package has the same bound where the book installs it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    for requirement in project["dependencies"] + project["optional-dependencies"]["data"]:
        assert requirement in lines


def test_version_is_the_same_in_the_citation():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == project["version"]


@pytest.mark.parametrize("name", CHAPTERS)
def test_code_fits_the_page(name):
    notebook = notebooks.from_markdown(CHAPTERS[name], REPOSITORY)
    for cell in notebooks.code_cells(notebook):
        if notebooks.is_setup(cell.source) or cell.source.startswith("record = "):
            continue  # hidden; and a record of QM9, shown as it is
        long = [line for line in cell.source.splitlines() if len(line) > 84]
        assert not long, f"longer than 84 characters, so the reader has to scroll: {long[0]}"


BOOK = {
    **dict(zip(qm9course.CHAPTERS, "1234567", strict=True)),
    "tensors": "A",
    "elsewhere": "B",
}
"""Chapters and appendices, and what the numbers of their equations and figures begin with."""


def test_equations_are_numbered_in_order_and_what_is_referred_to_is_there():
    texts = {name: CHAPTERS[name].read_text("utf-8") for name in BOOK}
    numbers = {name: re.findall(r"\\tag\{(.+?)\}", text) for name, text in texts.items()}
    for name, letter in BOOK.items():
        count = len(numbers[name])
        assert numbers[name] == [f"{letter}.{number}" for number in range(1, count + 1)], name
    known = {number for found in numbers.values() for number in found}
    for name, text in texts.items():
        text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        referred = set(re.findall(r"\(([1-7AB]\.\d+)\)", text))
        assert referred <= known, name
        assert not re.search(r"[Ee]quations? \(\d+\)", text), name


@pytest.mark.parametrize("name", BOOK)
def test_a_box_says_what_it_is(name):
    """A box is a quotation; it begins with one of these words, and is no longer than a glance."""
    text = CHAPTERS[name].read_text("utf-8")
    boxes = re.findall(r"(?:^>.*\n)+", text, re.MULTILINE)
    assert boxes
    for box in boxes:
        label = re.match(r"> \*\*(Definition|Careful|History|If you know PyTorch)\.\*\* ", box)
        assert label and len(box.split()) <= 100, box[:60]


@pytest.mark.parametrize("name", BOOK)
def test_further_reading_says_why(name):
    section = CHAPTERS[name].read_text("utf-8").partition("\n## Further reading\n")[2]
    entries = re.findall(r"^- .*", section.partition("\n## ")[0], re.MULTILINE)
    assert 3 <= len(entries) <= 5
    assert all(len(entry.split()) > 12 for entry in entries)


@pytest.mark.parametrize("name", BOOK)
def test_figures_are_numbered_in_order_and_referred_to(name):
    cells = notebooks.from_markdown(CHAPTERS[name], REPOSITORY).cells
    code = "\n".join(cell.source for cell in cells[2:] if cell.cell_type == "code")
    prose = " ".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert code.lstrip().startswith(
        f'from qm9course.overviews import overview\n\noverview("{name}")'
    )
    numbers = re.findall(r'caption=\(?\s*f?"(?:Figure (\w+\.\d+)\. )?', code)
    assert numbers == [f"{BOOK[name]}.{number}" for number in range(2, len(numbers) + 2)]
    told = set(re.findall(r"[Ff]igures? (\w+\.\d+)", prose))
    told |= set(re.findall(r"[Ff]igures \w+\.\d+ and (\w+\.\d+)", prose))
    assert told == set(numbers)


@pytest.mark.parametrize("name", BOOK)
def test_minutes_of_a_chapter_follow_from_its_length(name):
    """160 words a minute, and 30 lines of code."""
    cells = notebooks.from_markdown(CHAPTERS[name], REPOSITORY).cells
    words = sum(len(c.source.split()) for c in cells if c.cell_type == "markdown")
    lines = sum(c.source.count("\n") + 1 for c in cells[1:] if c.cell_type == "code")
    stated = re.search(r"\*\*Time:\*\* (\d+) minutes of reading", cells[0].source)
    assert abs(words / 160 + lines / 30 - int(stated[1])) <= 5


def test_minutes_of_the_landing_page_are_those_of_the_chapters():
    """And those to run are what the last execution took."""
    landing = (ROOT / "book/index.md").read_text("utf-8")
    told = re.findall(r":link: (\w+)\n:link-type: doc\n.*?(\d+) \+ (\d+) min", landing, re.DOTALL)
    seconds = json.loads((ROOT / "book" / notebooks.RUNTIMES).read_text("utf-8"))
    assert [name for name, _, _ in told] == list(qm9course.CHAPTERS)
    for name, read, run in told:
        assert f"**Time:** {read} minutes of reading" in CHAPTERS[name].read_text("utf-8")
        assert seconds[name] / 60 <= int(run), name


def test_rooms_of_the_readme_are_there():
    """In the table of rooms a name in backticks is that of a module or folder of the room."""
    text = (ROOT / "README.md").read_text("utf-8")
    rows = re.search(r"\| room \|.*\n\|---.*\n((?:\|.*\n)+)", text)[1].splitlines()
    for row in rows:
        room, names = row.strip("|").split("|")
        folder = ROOT / room.strip(" `").removesuffix("*.py")
        for name in re.findall(r"`(\w+)`", names):
            assert (folder / f"{name}.py").is_file() or (folder / name).is_dir(), (room, name)
    named = {row.split("`")[1] for row in rows}
    folders = {f"qm9lib/{path.parent.name}/" for path in ROOT.glob("qm9lib/*/__init__.py")}
    assert named == folders | {"qm9lib/*.py", "qm9course/"}
