"""The reference pages: the package, the glossary, the status and the licences."""

import ast
import doctest
import importlib
import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import downloads
import npm
import page_python
import pytest
import run_here
import yaml
from bs4 import BeautifulSoup
from sphinx.util.inventory import InventoryFile

import qm9lib
from qm9course import CHAPTERS
from qm9lib.data import figshare

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
EXTENSIONS = ("glossary_links", "package_reference", "status", "versions")
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]

INTERNAL = {
    "qm9lib": "its names are documented where they are defined",
    "qm9lib.__main__": "its help texts are the page on the command line",
    "qm9lib.data": "a room, whose modules are documented",
    "qm9lib.figures": "a room, whose modules are documented",
    "qm9course.__main__": "its help text is on the page on the command line",
    "qm9course.child": "a process of the grader",
    "qm9course.diagnosis": "for the judges alone",
    "qm9course.inline": "for the figures of an exercise page alone",
    "qm9course.judges": "judges",
    "qm9course.page": "for the worker of an exercise page alone",
    "qm9course.showing": "for check and progress alone",
    **{f"qm9course.judges.{name}": "judges" for name in (*CHAPTERS, "matrices", "twins")},
    # Their room hands on what they define, and its page has it.
    "qm9lib.models.model": "qm9lib.models",
    "qm9lib.models.storage": "qm9lib.models",
    "qm9lib.pretrained.weights": "qm9lib.pretrained",
    **{
        f"qm9lib.training.{name}": "qm9lib.training"
        for name in ("checks", "run", "step", "checkpoint", "loop")
    },
}


@pytest.fixture(autouse=True)
def _extensions_can_be_imported(monkeypatch):
    monkeypatch.syspath_prepend(BOOK / "_ext")


@pytest.fixture
def extension(request):
    return importlib.import_module(request.param)


def build(folder, files, extensions=(), **config):
    """Build a small project with Sphinx, in a process of its own; warnings are errors."""
    source = folder / "source"
    for name, text in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    config = {
        "extensions": ["myst_parser", *extensions],
        "myst_enable_extensions": ["deflist", "dollarmath"],
        "html_theme": "basic",
    } | config
    lines = [f"{name} = {value!r}" for name, value in config.items()]
    path = f"import sys\nsys.path.insert(0, {str(BOOK / '_ext')!r})\n"
    (source / "conf.py").write_text(path + "\n".join(lines))
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", source, folder / "out"],
        capture_output=True, text=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "out"


def page(path):
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


# The package ---------------------------------------------------------------------------------


def modules():
    for file in sorted([*(ROOT / "qm9lib").rglob("*.py"), *(ROOT / "qm9course").rglob("*.py")]):
        parts = file.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


def public_names(file):
    """What a module offers, from its text: ``__all__``, or what it defines and documents."""
    body = ast.parse(file.read_text("utf-8")).body
    names = set()
    for statement, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names.add(statement.name)
            continue
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        for target in targets:
            if not isinstance(target, ast.Name):
                continue
            if target.id == "__all__":
                return set(ast.literal_eval(statement.value))
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                names.add(target.id)
    return {name for name in names if not name.startswith("_")}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """The real pages of the package, built with the book's own settings."""
    settings = CONFIG["config"]
    kept = ("autodoc", "autosummary", "napoleon", "codeautolink", "package_reference", "python_")
    files = {file.name: file.read_text() for file in (BOOK / "api").glob("*.md")}
    files["../_static/rooms.svg"] = (BOOK / "_static" / "rooms.svg").read_text()
    files["use.md"] = (
        "---\norphan: true\n---\n# Use\n\n"
        "```python\nimport qm9lib\nfrom qm9lib.models import painn\n"
        'molecules = qm9lib.load_sample()\nmolecules.target("H")\nqm9lib.LABELS\npainn.PaiNN\n```\n'
    )
    files["index.md"] += "\n```{toctree}\n:glob:\n*\n```\n"
    return build(
        tmp_path_factory.mktemp("api"), files,
        [name for name in CONFIG["extra_extensions"] if name != "sphinx.ext.viewcode"]  # slow
        + ["package_reference"],
        suppress_warnings=["myst.xref_missing", "toc.circular"],
        default_role=settings["default_role"],
        **{key: value for key, value in settings.items() if key.startswith(kept)},
    )  # fmt: skip


def documented(api):
    with (api / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", os.path.join)
    return {
        name: entry[2].split("#")[0]
        for kind, entries in inventory.items()
        if kind.startswith("py:")
        for name, entry in entries.items()
    }


def test_every_module_is_on_one_page_or_internal():
    found = [
        name
        for file in sorted((BOOK / "api").glob("*.md"))
        for name in re.findall(r"automodule:: (\S+)", file.read_text())
    ]
    assert len(found) == len(set(found))
    assert set(found) | set(INTERNAL) == {name for name, _ in modules()}
    assert not set(found) & set(INTERNAL)


def test_every_public_name_is_on_one_page_and_no_private_one(api):
    found = documented(api)  # Sphinx warns, and the build fails, if one is described twice
    expected = {
        f"{module}.{name}"
        for module, file in modules()
        if module not in INTERNAL
        for name in public_names(file)
    }
    assert len(expected) > 150
    assert expected - set(found) == set()
    private = [name for name in found if re.search(r"\._(?!_(call|getitem)__$)", name)]
    assert private == []


def test_names_of_the_package_itself_lead_to_their_definition(api):
    table = page(api / "index.html").select("table")[-1]
    links = {link.get_text().removesuffix("()"): link["href"] for link in table.select("a")}
    assert set(links) == set(qm9lib.__all__)
    for name, href in links.items():
        assert re.search(rf"#qm9lib\.[\w.]+\.{name}$", href), href


def imports():
    """Every name that a page, a notebook, a tool or a test takes from a module, and where."""
    sources = {}
    for file in [*BOOK.rglob("*.ipynb")]:
        cells = [cell for cell in json.loads(file.read_text("utf-8"))["cells"]]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        lines = "\n".join(code).splitlines()
        sources[file] = "\n".join(
            line for line in lines if not line.lstrip().startswith(("%", "!"))
        )
    for folder in ("tools", "tests", "benchmarks", "book/_ext", "qm9course"):
        for file in (ROOT / folder).rglob("*.py"):
            if "answers" not in file.parts:  # tried as students write them, some of it wrong
                sources[file] = file.read_text("utf-8")
    for file, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("qm9"):
                for alias in node.names:
                    yield file.relative_to(ROOT).as_posix(), node.module, alias.name


def test_a_name_has_one_place_to_be_imported_from():
    """That of the package itself or of a room, if these offer it, or else its module's."""
    offered = {
        package: public_names(file)
        for package, file in modules()
        if file.name == "__init__.py" and "__all__" in file.read_text("utf-8")
    }
    place = {}
    for package, names in sorted(offered.items(), key=lambda item: item[0].count(".")):
        for name in names:
            value = getattr(importlib.import_module(package), name)
            key = getattr(value, "__module__", None), name
            assert place.setdefault(key, package) == package, f"{name} is in {place[key]} too"
    defined = {module: public_names(file) for module, file in modules()}
    taken, checked = list(imports()), set()
    for file, module, name in taken:
        if name not in defined.get(module, ()):
            continue  # a module, or something private of it, which tests may take
        value = getattr(importlib.import_module(module), name)
        key = getattr(value, "__module__", None), name
        # Within a package its own modules come first: a room is finished after them.
        if not file.startswith(module.split(".")[0]):
            assert module == place.get(key, module), f"{file}: {name} from {place[key]}"
        checked.add((module, name))
    assert len(checked) > 80
    # Nor is anything taken from a module that has only imported it itself.
    files = dict(modules())
    for file, module, name in taken:
        if module in files and f"{module}.{name}" not in files and name not in defined[module]:
            text = files[module].read_text("utf-8")
            own = rf"^(?:def |class |@.*\n(?:.*\n)?def )?{name}\b"
            assert re.search(own, text, re.MULTILINE), f"{file}: {name} of {module}"


def test_overview_names_every_documented_module(api):
    text = (BOOK / "api" / "index.md").read_text()
    listed = re.search(r"autosummary::\n   :nosignatures:\n\n((?:   .*\n)+)", text)[1].split()
    assert set(listed) == {name for name, _ in modules()} - set(INTERNAL)


def test_code_links_to_the_package_alone(api):
    code = page(api / "use.html").select_one("pre")
    links = {link.get_text(): link["href"] for link in code.select("a")}
    assert links["qm9lib.load_sample"] == "data.html#qm9lib.data.dataset.load_sample"
    assert links["molecules.target"] == "data.html#qm9lib.data.dataset.QM9.target"
    assert links["qm9lib.LABELS"] == "data.html#qm9lib.labels.LABELS"
    assert links["painn.PaiNN"] == "models.html#qm9lib.models.painn.PaiNN"
    assert all(href.split("#")[0] in {"data.html", "models.html"} for href in links.values())


def test_signatures_tell_shapes_and_nothing_of_this_machine(api):
    text = page(api / "models.html").get_text()
    assert re.search(r"positions: Float\[Array, 'atoms 3'\]", text)
    for file in ("data", "models", "training", "figures"):
        for signature in page(api / f"{file}.html").select("dt.sig"):
            assert not re.search(
                r"jaxlib|_src|PosixPath|<f|0x[0-9a-f]{6}|~", signature.get_text()
            ), signature.get_text()


def test_every_command_has_its_help_text():
    listed = re.findall(r"\{program-help\} qm9lib ?(\w*)$", (BOOK / "api/cli.md").read_text(), re.M)
    from qm9lib.__main__ import _parser

    actions = [action for action in _parser()._actions if action.choices and action.metavar]
    assert listed == ["", *actions[0].choices]


@pytest.mark.parametrize("extension", ["package_reference"], indirect=True)
class TestPackageReference:
    def test_help_is_what_the_program_prints(self, extension):
        printed = subprocess.run(
            [sys.executable, "-m", "qm9lib", "predict", "--help"],
            capture_output=True, text=True, check=True,
            env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1"},
        )  # fmt: skip
        assert extension.help_text("qm9lib", ["predict"]) == printed.stdout

    def test_unknown_command_is_named(self, extension):
        with pytest.raises(ValueError, match="flyy"):
            extension.help_text("qm9lib", ["flyy"])

    def test_a_name_documented_in_two_modules_leads_to_its_own(self, extension):
        known = ["qm9lib.models.load", "qm9lib.data.dataset.load", "qm9lib.pretrained.load"]
        assert extension.reexports("qm9lib", known) == {"qm9lib.load": "qm9lib.data.dataset.load"}
        assert extension.reexports("qm9lib", ["qm9lib.load", *known]) == {}

    def test_a_command_that_does_not_exist_fails_the_build(self, extension, tmp_path):
        with pytest.raises(AssertionError, match="invalid choice: 'fly'"):
            build(
                tmp_path, {"index.md": "# A\n\n```{program-help} qm9lib fly\n```\n"},
                ["package_reference"],
            )  # fmt: skip


# The glossary --------------------------------------------------------------------------------


def glossary():
    """Forms and definition of each entry, from the page's text."""
    text = (BOOK / "glossary.md").read_text()
    body = re.search(r"```\{glossary\}\n:sorted:\n\n(.*)\n```", text, re.DOTALL)[1]
    for entry in body.split("\n\n"):
        lines = entry.split("\n")
        yield [x for x in lines if not x.startswith(" ")], " ".join(lines[-1:]).strip()


ENTRIES = list(glossary())


def read(chapter):
    return (BOOK / f"{chapter}.md").read_text()


def prose(chapter):
    """The text of a chapter without its code."""
    cell = re.compile(r"^```\{code-cell\}.*?^```$", re.DOTALL | re.MULTILINE)
    return cell.sub("", read(chapter))


@pytest.mark.parametrize(("forms", "definition"), ENTRIES, ids=[forms[0] for forms, _ in ENTRIES])
def test_term_occurs_in_the_chapter_that_its_entry_links(forms, definition):
    links = re.findall(r"\]\((\w+)\.ipynb#([\w-]+)\)", definition)
    assert len(links) == 1, "one link, to the section that explains it"
    chapter, anchor = links[0]
    text = prose(chapter)
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
    if forms[0] == "zero-point energy":  # in the table of labels, which a cell shows
        assert qm9lib.LABELS["zpve"].description in forms and "qm9lib.LABELS" in read(chapter)
        return
    text = " ".join(text.replace("*", "").split()).lower()
    assert any(re.search(rf"(?<!\w){re.escape(form.lower())}(?!\w)", text) for form in forms), (
        f"{forms} not in {chapter}"
    )


def test_glossary_has_each_form_once_and_short_definitions():
    forms = [form.lower() for entry, _ in ENTRIES for form in entry]
    assert len(ENTRIES) >= 50
    assert len(forms) == len(set(forms))
    for entry, definition in ENTRIES:
        sentences = re.sub(r" \[[^]]*\]\([^)]*\)$", "", definition)
        assert len(re.findall(r"[.!?](?= [A-Z]|$)", sentences)) <= 3, entry
        assert len(sentences) < 300, entry


def test_numbers_of_the_glossary_are_right():
    text = {forms[0]: definition for forms, definition in ENTRIES}
    hartree = re.search(r"about ([\d.]+) eV, or ([\d.]+) kcal/mol", text["hartree"])
    assert float(hartree[1]) == round(qm9lib.convert(1.0, "hartree", "eV"), 1)
    assert float(hartree[2]) == round(qm9lib.convert(1.0, "hartree", "kcal/mol"), 1)
    accuracy = re.search(r"(\d+) kcal/mol, which is about (\d+) meV", text["chemical accuracy"])
    assert int(accuracy[2]) == round(qm9lib.convert(float(accuracy[1]), "kcal/mol", "meV"))


WORDS = """# Words

```{glossary}
:sorted:

mask
masks
  Tells which atoms are real. A second sentence. [Chapter](one.md#head)

mean absolute error (MAE)
MAE
  An error. [Chapter](two.md)

one-hot
  A vector.

padded mask
  Longer than a mask.
```

See {term}`masks`.
"""

TEXT = """# A mask in the title

**mask**, `mask`, $mask$, [mask](two.md), unmask, mask-like, mae.

| mask |
|---|
| mask |

```python
mask = 1
```

- Masks here, and a second mask; a padded mask. One-hot and MAE.

## Head

The MAE again.
"""


def links(file):
    return [
        (link.get_text(), link["href"], link.get("title"))
        for link in page(file).select("a.glossary-link")
    ]


class TestGlossaryLinks:
    FILES = {
        "index.md": "# All\n\nA mask.\n\n```{toctree}\nwords\none\ntwo\n```\n",
        "words.md": WORDS,
        "one.md": TEXT,
        "two.md": "# Two\n\nA mask, an MAE and a one-hot vector.\n\nOne-hot.",
    }

    def test_first_uses_in_running_text_are_linked(self, tmp_path):
        out = build(
            tmp_path, self.FILES, ["glossary_links"],
            glossary_links_pages=["one", "two"], myst_heading_anchors=2,
        )  # fmt: skip
        # At most two of a paragraph, and first those that the page does not explain itself.
        assert links(out / "one.html") == [
            ("padded mask", "words.html#term-padded-mask", "Longer than a mask."),
            ("One-hot", "words.html#term-one-hot", "A vector."),
        ]
        assert [text for text, *_ in links(out / "two.html")] == ["mask", "one-hot"]
        assert links(out / "index.html") == links(out / "words.html") == []

        words = page(out / "words.html")
        assert [term.get_text().rstrip("¶") for term in words.select("dt")] == [
            "mask", "mean absolute error (MAE)", "one-hot", "padded mask",
        ]  # fmt: skip
        see = words.select("section p a")[-1]["href"]
        assert words.select_one(see) is not None  # the anchor of the hidden form is still there

    def test_no_more_than_the_most(self, tmp_path):
        out = build(
            tmp_path, self.FILES, ["glossary_links"], glossary_links_pages=["two"],
            glossary_links_most=1, myst_heading_anchors=2,
        )  # fmt: skip
        assert [text for text, *_ in links(out / "two.html")] == ["mask"]

    def test_without_a_glossary_nothing_happens(self, tmp_path):
        out = build(
            tmp_path, {"index.md": "# A\n\nA mask.\n"}, ["glossary_links"],
            glossary_links_pages=["*"],
        )  # fmt: skip
        assert links(out / "index.html") == []


# Status and licences -------------------------------------------------------------------------


def git(folder, *arguments):
    done = subprocess.run(
        ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments],
        check=True, capture_output=True, text=True,
        env={**os.environ, "GIT_COMMITTER_DATE": "2001-02-03T04:05:06 +0000"},
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.parametrize("extension", ["status"], indirect=True)
class TestStatus:
    def test_commit_and_its_date(self, extension, tmp_path):
        assert extension.commit(tmp_path) is None
        (tmp_path / "inside").mkdir()
        (tmp_path / "a").write_text("1")
        git(tmp_path, "init", "--quiet")
        git(tmp_path, "add", "a")
        git(tmp_path, "commit", "--quiet", "-m", "one")
        short = git(tmp_path, "rev-parse", "--short", "HEAD")
        assert extension.commit(tmp_path) == (f"`{short}`", "2001-02-03")
        assert extension.commit(tmp_path / "inside") is None  # that is another project's
        (tmp_path / "a").write_text("2")
        assert extension.commit(tmp_path) == (f"`{short}`, with changes", "2001-02-03")

    def test_builds_without_git(self, extension, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", "")
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
        text = extension.build(tmp_path)
        assert "built without git" in text
        assert "| date of the source | 1970-01-02 |" in text
        monkeypatch.delenv("SOURCE_DATE_EPOCH")
        assert "| date of the source | unknown |" in extension.build(tmp_path)

    def test_times_of_notebooks(self, extension, tmp_path):
        assert extension.notebooks(tmp_path, ["labels"]).endswith("| not measured |")
        (tmp_path / "book").mkdir()
        (tmp_path / "book" / "runtimes.json").write_text(json.dumps({"labels": 4.14}))
        lines = extension.notebooks(tmp_path, ["labels", "solutions/gnn"]).splitlines()
        assert lines[2:] == [
            "| [](/book/labels.ipynb) | 4.1 s |",
            "| [](/book/solutions/gnn.ipynb) | not measured |",
        ]

    def test_data_has_every_checksum(self, extension):
        text = extension.data()
        numbers = [int(n.replace(",", "")) for n in re.findall(r"\| ([\d,]+) \|", text)]
        assert len(numbers) == 3 and numbers[0] - numbers[1] == numbers[2] == 130_831
        assert len(set(re.findall(r"`[0-9a-f]{64}`", text))) == 3 + 3 + 7
        assert figshare.PUBLISHED.archive.sha256 in text

    def test_packages_compare_installed_and_locked(self, extension, tmp_path):
        (tmp_path / "constraints").mkdir()
        file = "{}.{}.txt".format(*sys.version_info)
        numpy = metadata.version("numpy")
        (tmp_path / "constraints" / file).write_text(f"numpy=={numpy}\nSciPy==0.0.1\n")
        (tmp_path / "requirements.txt").write_text(
            "# all\nnumpy>=2.0\nscipy>=1\nno-such-package; sys_platform\njax>=0.7  # why\n"
        )
        lines = extension.packages(tmp_path).splitlines()[2:]
        assert lines == [
            f"| jax | {metadata.version('jax')} | not locked | no |",
            f"| numpy | {numpy} | {numpy} | yes |",
            f"| scipy | {metadata.version('scipy')} | 0.0.1 | no |",
        ]

    def test_page_builds(self, extension, tmp_path):
        text = (
            "# A\n\n```{status} build\n```\n\n```{status} data\n```\n\n```{status} notebooks\n```\n"
        )
        out = build(tmp_path, {"index.md": text}, ["status"])
        cells = [cell.get_text() for cell in page(out / "index.html").select("td")]
        assert metadata.version("qm9lib") in cells and "130,831" in cells

    def test_unknown_kind_fails_the_build(self, extension, tmp_path):
        with pytest.raises(AssertionError, match="status has no 'weather'"):
            build(tmp_path, {"index.md": "# A\n\n```{status} weather\n```\n"}, ["status"])


class TestDownloads:
    TEXT = "---\norphan: true\n---\n\n# A\n\n```{downloads}\n*Nothing* to take.\n```\n"

    def test_without_downloads_the_content_stands(self, tmp_path, monkeypatch):
        monkeypatch.delenv("DOWNLOADS", raising=False)
        out = build(tmp_path, {"book/a.md": self.TEXT, "index.md": "# I\n"}, ["downloads"])
        article = page(out / "book" / "a.html")
        assert article.find("em", string="Nothing") and not article.find("a", download=True)
        assert not (out / "downloads").exists()

    def test_downloads_are_linked_with_their_sizes_and_in_the_site(self, tmp_path, monkeypatch):
        folder = tmp_path / "made"
        folder.mkdir()
        for million, name in enumerate(downloads.WORDS, 1):
            (folder / name).write_bytes(bytes(million * 1_000_000))
        monkeypatch.setenv("DOWNLOADS", str(folder))
        out = build(tmp_path, {"book/a.md": self.TEXT, "index.md": "# I\n"}, ["downloads"])
        article = page(out / "book" / "a.html")
        links = article.find_all("a", download=True)
        sizes = [(out / "book" / link["href"]).stat().st_size for link in links]
        assert sizes == [million * 1_000_000 for million in range(1, len(downloads.WORDS) + 1)]
        text = article.get_text()
        assert "the book as a PDF (1 MB)" in text and f"network ({len(sizes)} MB)" in text
        assert "Nothing" not in text

        some = self.TEXT.replace("{downloads}", "{downloads} slides.zip")
        out = build(tmp_path, {"book/a.md": some, "index.md": "# I\n"}, ["downloads"])
        links = page(out / "book" / "a.html").find_all("a", download=True)
        assert [link["href"] for link in links] == ["../downloads/slides.zip"]


def test_every_wheel_of_a_page_is_listed_with_its_licence():
    lock = ROOT / npm.WEB / "pyodide" / "pyodide-lock.json"
    wheels = page_python.needed(json.loads(lock.read_text("utf-8")))
    listed = {place.removeprefix("{version}`wheel:").rstrip("`") for _, _, place, _ in ROWS}
    assert set(wheels) <= listed
    listed = {place.removeprefix("{version}`pip:").rstrip("`") for _, _, place, _ in ROWS}
    assert set(run_here.IMPORTED) <= {name.replace("_", "-") for name in listed}


ROWS = re.findall(
    r"^\| \[(.+?)\]\((\S+)\) \| (.+?) \| (.+?) \| .+ \|$", (BOOK / "licences.md").read_text(), re.M
)


@pytest.mark.parametrize("extension", ["versions"], indirect=True)
class TestVersions:
    def test_places(self, extension, tmp_path):
        assert extension.version("pip:numpy", tmp_path) == metadata.version("numpy")
        assert extension.version("npm:katex", tmp_path) is None
        folder = tmp_path / extension.WEB / "katex"
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"version": "1.2.3"}')
        assert extension.version("npm:katex", tmp_path) == "1.2.3"
        assert extension.version("file:no_such_package/a:b", tmp_path) is None
        with pytest.raises(ValueError, match="no version after 'Nothing'"):
            extension.version("file:qm9lib/py.typed:Nothing", tmp_path)
        with pytest.raises(ValueError, match="does not begin"):
            extension.version("conda:numpy", tmp_path)

    @pytest.mark.parametrize(("name", "place"), [(row[0], row[2]) for row in ROWS])
    def test_every_place_on_the_page_makes_sense(self, extension, name, place):
        role = re.fullmatch(r"\{version\}`(.+)`", place)
        if role is None:
            assert place.removeprefix("in ") in {row[0] for row in ROWS}
        else:
            found = extension.version(role[1], ROOT)
            optional = "chemiscope" in role[1] or role[1].startswith(("npm:", "wheel:"))
            assert found is None and optional or re.fullmatch(r"[\d.]+(post\d+)?", found)

    def test_page_builds(self, extension, tmp_path):
        text = "# A\n\nSphinx {version}`pip:Sphinx`, {version}`npm:nothing`.\n"
        out = build(tmp_path, {"index.md": text}, ["versions"])
        expected = f"Sphinx {metadata.version('Sphinx')}, not in this build."
        assert expected in page(out / "index.html").get_text()


@pytest.mark.parametrize(("name", "licence", "place"), [(r[0], r[3], r[2]) for r in ROWS])
def test_licences_are_those_that_the_packages_declare(name, licence, place):
    package = re.search(r"`pip:(.+)`", place)
    if package is None or package[1] == "chemiscope":
        return
    found = metadata.metadata(package[1])
    expression = found.get("License-Expression", "")
    declared = [expression, found.get("License", "").split("\n")[0]]
    declared += [line.split(" :: ")[-1] for line in found.get_all("Classifier") or ()]
    text = " ".join(
        file.read_text() for file in metadata.files(package[1]) or () if "LICEN" in file.name
    )
    family = licence.split("-")[0]
    assert any(family in line for line in declared) or f"{family} License" in text
    assert expression in ("", licence)


def test_every_sphinx_extension_with_files_on_the_site_is_listed():
    """Each installed Sphinx theme or extension that brings scripts or styles, and is used."""
    listed = {re.search(r"`pip:(.+)`", row[2])[1].lower() for row in ROWS if "pip:" in row[2]}
    used = [
        *CONFIG["extra_extensions"], "myst_nb", "sphinx_copybutton",
        "sphinx_design", "sphinx_book_theme", "pydata_sphinx_theme",
    ]  # fmt: skip
    for module in used:
        folder = Path(importlib.import_module(module).__file__).parent
        served = [*folder.rglob("*.js"), *folder.rglob("*.css")]
        if served and not module.startswith("sphinx."):
            assert module.replace("_", "-").split(".")[0] in listed, module


@pytest.mark.parametrize("extension", EXTENSIONS, indirect=True)
def test_examples_of_the_extensions(extension):
    result = doctest.testmod(extension)
    assert result.attempted and not result.failed
