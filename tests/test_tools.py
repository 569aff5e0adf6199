"""What keeps the chapters' pairs and the repository's address in step, on a small book."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import nbval.kernel
import pytest
from safetensors import safe_open

import all_pythons
import colab_check
import mutants
import notebooks
import repository
import rooms
import stress

HEADER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
    format_version: 0.13
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
"""

CHAPTER = """
# A chapter

Some prose.

```{code-cell}
import os

print(1 + 1, os.environ["TQDM_DISABLE"])
```
"""

SOLUTIONS = """
# Solutions: two

```{code-cell}
def check(name, answer):
    print(answer(2))
```

## 0.1 Double it

**Practises:** sums. **Time:** 5 minutes.
**Sanity check:** what is twice 2?

```{code-cell}
:tags: [solution]

def double(x):
    \"\"\"Return 2 x.\"\"\"
    return x + x
```

```{code-cell}
check("0.1", double)
```
"""

TEACHERS = """\
# For teachers

<!-- exercises -->

No table yet.

<!-- end of exercises -->

More.
"""

CONFIG = """\
repository:
  url: https://github.com/--your-account--/qm9-course
  branch: main
"""


def make_project(folder):
    (folder / "book").mkdir()
    (folder / "_config.yml").write_text(CONFIG)
    (folder / "book" / "one.md").write_text(HEADER + CHAPTER)
    return folder


@pytest.fixture
def root(tmp_path):
    """A project with one chapter, derived from nothing yet."""
    return make_project(tmp_path)


@pytest.fixture(scope="module")
def executed_once(tmp_path_factory):
    folder = make_project(tmp_path_factory.mktemp("project"))
    assert notebooks.main(["execute"], folder) == 0
    return folder


@pytest.fixture
def executed(executed_once, tmp_path):
    """The same project, its chapter executed."""
    return Path(shutil.copytree(executed_once, tmp_path, dirs_exist_ok=True))


def stored(root):
    return nbformat.read(root / "book" / "one.ipynb", as_version=4)


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def problems(root, capsys):
    """The lines of `check`, which must have failed."""
    capsys.readouterr()
    assert notebooks.main(["check"], root) == 1
    return capsys.readouterr().err


def test_execute_stores_outputs_setup_cell_and_stamp(executed, capsys):
    notebook = stored(executed)
    setup, cell = notebooks.code_cells(notebook)
    assert setup.metadata == notebooks.SETUP_METADATA
    assert "https://github.com/--your-account--/qm9-course@main" in setup.source
    assert not setup.outputs
    assert cell.outputs[0].text == "2 1\n"
    assert "execution" not in cell.metadata
    assert notebook.metadata.language_info == {"name": "python"}
    assert notebook.metadata[notebooks.STAMP] == notebooks.fingerprint(executed / "book/one.md")
    assert notebooks.main(["check"], executed) == 0
    assert "all pairs in step" in capsys.readouterr().out


def test_execute_again_writes_the_same_bytes(executed):
    before = (executed / "book" / "one.ipynb").read_bytes()
    assert notebooks.main(["execute", "one"], executed) == 0
    assert (executed / "book" / "one.ipynb").read_bytes() == before


def test_execute_notes_how_long_each_notebook_took(executed, capsys):
    book = executed / "book"
    file = book / "runtimes.json"
    seconds = json.loads(file.read_text())["one"]
    assert 0 < seconds < 600
    assert file.read_text() == f'{{\n  "one": {seconds:.1f}\n}}\n'

    # Only what is executed is renewed, what is not there any more goes, and the rest stays.
    shutil.copy(book / "one.md", book / "another.md")
    file.write_text('{"one": 599.9, "gone": 1.0, "another": 7.5}')
    capsys.readouterr()
    assert notebooks.main(["execute", "one"], executed) == 0
    said = float(re.search(r"executed in (\S+) s", capsys.readouterr().out)[1])
    assert said < 599
    assert file.read_text() == f'{{\n  "another": 7.5,\n  "one": {said:.1f}\n}}\n'


def test_only_execution_that_succeeds_changes_the_runtimes(executed, capsys):
    file = executed / "book" / "runtimes.json"
    file.write_text("as it was")
    assert notebooks.main(["check"], executed) == 0
    replace(executed / "book" / "one.md", "print(1 + 1", "print(1 / 0")
    assert notebooks.main(["derive"], executed) == 0
    assert notebooks.main(["execute"], executed) == 1
    assert file.read_text() == "as it was"
    capsys.readouterr()
    replace(executed / "book" / "one.md", "print(1 / 0", "print(1 + 1")
    assert notebooks.main(["execute"], executed) == 1
    assert "one: runtimes.json is not a table of seconds; delete it" in capsys.readouterr().err


def test_failing_cell_is_named_and_leaves_the_notebook(executed, capsys):
    before = (executed / "book" / "one.ipynb").read_bytes()
    replace(executed / "book" / "one.md", "print(1 + 1", "print(1 / 0")
    capsys.readouterr()
    assert notebooks.main(["execute"], executed) == 1
    message = capsys.readouterr().err
    assert message.startswith("one: cell 2 (import os) failed:")
    assert "print(1 / 0" in message
    assert "ZeroDivisionError: division by zero" in message
    assert (executed / "book" / "one.ipynb").read_bytes() == before
    assert [path.name for path in (executed / "book").iterdir() if path.suffix == ".tmp"] == []


def test_error_on_purpose_keeps_only_its_last_line(root):
    with (root / "book" / "one.md").open("a") as file:
        file.write("\n```{code-cell}\n:tags: [raises-exception]\n\nint('x')\n```\n")
    assert notebooks.main(["execute"], root) == 0
    assert notebooks.main(["check"], root) == 0
    (traceback,) = notebooks.code_cells(stored(root))[-1].outputs[0].traceback
    assert "invalid literal for int()" in traceback


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("object()", "shows a memory address: its object needs a __repr__"),
        ("import sys; sys.prefix + '/lib'", "shows a path of this machine"),
    ],
)
def test_output_that_differs_between_machines_is_refused(root, capsys, code, message):
    replace(root / "book" / "one.md", 'print(1 + 1, os.environ["TQDM_DISABLE"])', code)
    assert notebooks.main(["execute"], root) == 1
    assert message in capsys.readouterr().err
    assert not (root / "book" / "one.ipynb").exists()


def test_derive_keeps_outputs_when_only_prose_changes(executed):
    replace(executed / "book" / "one.md", "Some prose.", "Other prose.")
    assert notebooks.main(["derive"], executed) == 0
    assert notebooks.main(["check"], executed) == 0
    assert "Other prose." in stored(executed).cells[0].source
    assert notebooks.code_cells(stored(executed))[1].outputs[0].text == "2 1\n"


@pytest.mark.skipif(sys.platform == "win32", reason="kernels have ports there")
def test_no_other_process_can_take_what_a_kernel_listens_to(tmp_path):
    cell = nbformat.v4.new_code_cell(
        "from ipykernel.kernelapp import IPKernelApp\n"
        "print(IPKernelApp.instance().transport, IPKernelApp.instance().ip)"
    )
    notebook = nbformat.v4.new_notebook(cells=[cell])
    said = set()
    for _ in range(2):
        notebooks.client(notebook, tmp_path).execute()
        said.add(notebook.cells[0].outputs[0].text)
    manager = nbval.kernel.KernelManager()
    said.add(f"{manager.transport} {manager.ip}\n")
    assert len(said) == 3
    assert all(re.fullmatch(r"ipc \S+\n", text) for text in said)


def test_derive_drops_all_outputs_when_code_changes(executed, capsys):
    replace(executed / "book" / "one.md", "1 + 1", "1 + 2")
    assert notebooks.main(["derive"], executed) == 0
    assert "one: written, not executed yet" in capsys.readouterr().out
    assert all(not cell.outputs for cell in notebooks.code_cells(stored(executed)))
    assert "one.ipynb has not been executed" in problems(executed, capsys)


def test_derive_renews_an_edited_setup_cell_only(executed):
    source = executed / "book" / "one.md"
    before = source.read_text()
    replace(source, '"tensorflow")', '"tensorflow", "flax")')
    assert notebooks.main(["derive"], executed) == 0
    assert source.read_text() == before


def test_check_sees_an_edited_notebook(executed, capsys):
    replace(executed / "book" / "one.ipynb", "print(1 + 1", "print(2 + 0")
    assert "one: cell 2 (import os): source differs between .md and .ipynb" in problems(
        executed, capsys
    )


def test_check_sees_edited_tags(executed, capsys):
    replace(
        executed / "book" / "one.md",
        "```{code-cell}\nimport os",
        "```{code-cell}\n:tags: [x]\nimport os",
    )
    assert "one: cell 2 (import os): metadata differs" in problems(executed, capsys)


def test_check_sees_edited_markdown(executed, capsys):
    replace(executed / "book" / "one.md", "Some prose.", "Other prose.\n\n+++\n\nA new cell.")
    message = problems(executed, capsys)
    assert "one: 4 cells in .md, 3 in .ipynb" in message
    assert "one: one.md has changed since one.ipynb was made from it" in message


def test_check_sees_a_stale_stamp(executed, capsys):
    stamp = notebooks.fingerprint(executed / "book" / "one.md")
    replace(executed / "book" / "one.ipynb", stamp, "0" * 64)
    message = problems(executed, capsys)
    assert "one: one.md has changed since one.ipynb was made from it" in message


def test_check_sees_another_setup_cell(executed, capsys):
    replace(executed / "_config.yml", "branch: main", "branch: other")
    assert "one.md: its first code cell is not the setup cell" in problems(executed, capsys)


def test_check_sees_stored_errors_and_standard_error(executed, capsys):
    file = executed / "book" / "one.ipynb"
    notebook = stored(executed)
    notebooks.code_cells(notebook)[1].outputs = [
        nbformat.v4.new_output("error", ename="KeyError", evalue="x", traceback=[]),
        nbformat.v4.new_output("stream", name="stderr", text="careful\n"),
    ]
    nbformat.write(notebook, file)
    message = problems(executed, capsys)
    assert "one: cell 2 (import os): stored output is an error: KeyError" in message
    assert "one: cell 2 (import os): stored output has standard error: careful" in message


def test_check_sees_missing_and_orphaned_notebooks(executed, capsys):
    (executed / "book" / "one.ipynb").rename(executed / "book" / "two.ipynb")
    message = problems(executed, capsys)
    assert "one: one.ipynb is missing" in message
    assert "book/two.ipynb has no .md beside it" in message


def test_check_sees_pages_that_do_not_follow_from_the_solutions(root, capsys):
    book = root / "book"
    (root / "_toc.yml").write_text("- file: book/solutions/two.ipynb\n")
    (book / "solutions").mkdir()
    (book / "solutions" / "two.md").write_text(HEADER + SOLUTIONS)
    (book / notebooks.TEACHERS).write_text(TEACHERS)
    assert notebooks.main(["execute"], root) == 0
    assert list(json.loads((book / "runtimes.json").read_text())) == ["one", "solutions/two"]
    row = "| [0.1 Double it](exercises/two.ipynb) | sums | 5 min |"
    assert row in (book / notebooks.TEACHERS).read_text()
    assert notebooks.main(["check"], root) == 0

    page, teachers = book / "exercises" / "two.md", book / notebooks.TEACHERS
    kept = teachers.read_text()
    replace(teachers, "| sums |", "| products |")
    edited = teachers.read_text()
    message = problems(root, capsys)
    assert "teachers.md: its table does not match the exercises" in message
    assert "exercises/two.md" not in message
    assert teachers.read_text() == edited  # a check changes nothing
    teachers.write_text(kept)

    replace(page, "Return 2 x.", "Return 3 x.")
    message = problems(root, capsys)
    assert "solutions/two: exercises/two.md is not what follows from solutions/two.md" in message
    assert "teachers.md" not in message
    (problem,) = notebooks.check(book / "solutions" / "two.md", notebooks.read_repository(root))
    assert problem.startswith("exercises/two.md")
    (book / "solutions" / "two.ipynb").unlink()  # one thing that is wrong does not hide the other
    message = problems(root, capsys)
    assert "two.ipynb is missing" in message and "exercises/two.md is not" in message

    replace(book / "solutions" / "two.md", "**Practises:**", "**Trained:**")
    capsys.readouterr()
    assert notebooks.main(["check"], root) == 2
    assert "notebooks: exercise 0.1 must say **Practises:**" in capsys.readouterr().err


def test_header_without_text_representation_is_explained(root, capsys):
    replace(root / "book" / "one.md", "  text_representation:\n", "  other:\n")
    message = problems(root, capsys)
    assert "one.md: the header must have text_representation and kernelspec" in message


def test_unknown_chapter_names_the_known_ones(root, capsys):
    assert notebooks.main(["check", "two"], root) == 2
    assert capsys.readouterr().err == "notebooks: no chapter two; there are: one\n"


def test_repository_is_stamped_everywhere_and_only_once(executed, capsys):
    (executed / "README.md").write_text(
        "git clone https://github.com/--your-account--/qm9-course.git\n"
        "https://colab.research.google.com/github/--your-account--/qm9-course/blob/main/book/one.ipynb\n"
        "https://--your-account--.github.io/qm9-course/\n"
        "https://github.com/--your-account--/qm9-course-of-others\n"
    )
    forms = executed / ".github" / "ISSUE_TEMPLATE"
    forms.mkdir(parents=True)
    (forms / "config.yml").write_text("url: https://--your-account--.github.io/qm9-course/\n")
    address = "https://github.com/ada-l/my.course"
    assert repository.main([address + ".git", "--branch", "v2/x"], executed) == 0
    assert "changed book/one.ipynb" in capsys.readouterr().out
    assert (executed / "README.md").read_text() == (
        "git clone https://github.com/ada-l/my.course.git\n"
        "https://colab.research.google.com/github/ada-l/my.course/blob/v2/x/book/one.ipynb\n"
        "https://ada-l.github.io/my.course/\n"
        "https://github.com/--your-account--/qm9-course-of-others\n"
    )
    assert (forms / "config.yml").read_text() == "url: https://ada-l.github.io/my.course/\n"
    assert notebooks.read_repository(executed) == notebooks.Repository(address, "v2/x")
    assert f"git+{address}@v2/x" in (executed / "book" / "one.md").read_text()
    assert notebooks.main(["check"], executed) == 0
    assert notebooks.code_cells(stored(executed))[1].outputs[0].text == "2 1\n"

    capsys.readouterr()
    assert repository.main([address, "--branch", "v2/x"], executed) == 0
    assert capsys.readouterr().out == "nothing to change\n"
    assert repository.main(["https://github.com/--your-account--/qm9-course"], executed) == 0
    assert (executed / "_config.yml").read_text() == CONFIG


def test_notebooks_of_students_lead_to_the_site_once_there_is_one(root):
    """Before that they are read in a clone, where links between files work."""
    solutions = root / "book" / "solutions"
    solutions.mkdir()
    (solutions / "two.md").write_text(HEADER + SOLUTIONS)
    assert notebooks.main(["derive"], root) == 0

    def texts():
        file = root / "book" / "exercises" / "two.ipynb"
        cells = notebooks.read_notebook(file).cells
        return [cell.source for cell in cells if cell.cell_type == "markdown"]

    colab = "https://colab.research.google.com/github/{}/book/exercises/two.ipynb"
    before = texts()
    assert (
        before[0]
        .splitlines()[2]
        .endswith(f"]({colab.format('--your-account--/qm9-course/blob/main')})")
    )
    assert before[-1].endswith("[Solution of 0.1](../solutions/two.ipynb#01-double-it)")

    for owner in ("ada", "ben"):
        address = f"https://github.com/{owner}/course"
        assert repository.main([address, "--branch", "v2"], root) == 0
        after = texts()
        assert after[0].splitlines()[2].endswith(f"]({colab.format(f'{owner}/course/blob/v2')})")
        assert after[-1].endswith(
            f"[Solution of 0.1](https://{owner}.github.io/course/book/solutions/two.html#double-it)"
        )
        # The site is built from the source, whose link stays within it.
        page = (root / "book" / "exercises" / "two.md").read_text()
        assert "](../solutions/two.ipynb#01-double-it)" in page
    assert repository.main(["https://github.com/--your-account--/qm9-course"], root) == 0
    assert texts() == before


def test_check_sees_an_unfolded_setup_cell(executed, capsys):
    replace(executed / "book" / "one.md", ":cellView: form\n", "")
    assert "one.md: its setup cell is not folded" in problems(executed, capsys)


def test_chapter_that_a_notebook_cannot_show_is_told(executed, capsys):
    replace(executed / "book" / "one.md", "Some prose.", "Some {term}`prose`.")
    assert "one: one.md: a notebook would show {term}` as it stands" in problems(executed, capsys)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ada/course",
        "http://github.com/ada/course",
        "https://gitlab.com/ada/course",
        "https://github.com/ada",
        "https://github.com/-ada/course",
        "https://github.com/ada/course/tree/main",
        "https://github.com/ada/cou rse",
        "https://github.com/ada/..",
    ],
)
def test_malformed_address_is_refused(executed, capsys, url):
    before = (executed / "_config.yml").read_text()
    assert repository.main([url], executed) == 2
    assert capsys.readouterr().err == (
        f"repository: the address must be https://github.com/OWNER/NAME, not {url!r}\n"
    )
    assert (executed / "_config.yml").read_text() == before


@pytest.mark.parametrize("branch", ["", "a b", "/x", "x/", "a..b", "a//b", "x\nurl: y"])
def test_malformed_branch_is_refused(branch):
    with pytest.raises(notebooks.NotebookError, match="is not the name of a branch"):
        repository.parse("https://github.com/ada/course", branch)


def test_stamping_the_project_leaves_no_other_address():
    """Every mention of the repository in the real files is one that stamping reaches."""
    old = notebooks.read_repository(notebooks.ROOT)
    new = notebooks.Repository("https://github.com/ada/course", "v2")
    owner = re.escape(old.url.split("/")[-2])
    for path in repository.documents(notebooks.ROOT):
        text = repository.restamp(path.read_text(), old, new)
        assert not re.search(rf"(?<![\w-]){owner}(?![\w-])", text), path
        assert "--your-account--" not in text, path


def test_colab_clone_has_the_revision_on_the_branch(tmp_path):
    project = tmp_path / "project"
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-C", str(project)]
    subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "first"], check=True)
    commit = colab_check.call("git", "rev-parse", "HEAD", cwd=project)
    colab_check.clone(project, tmp_path / "bare.git", "HEAD", "published")
    assert colab_check.call("git", "rev-parse", "published", cwd=tmp_path / "bare.git") == commit
    with pytest.raises(notebooks.NotebookError, match="git failed with status 128"):
        colab_check.clone(project, tmp_path / "other.git", "nowhere", "published")


@pytest.mark.parametrize(
    ("before", "after", "problems"),
    [
        ({"numpy": "2.0.2"}, {"numpy": "2.0.2", "qm9lib": "0.1.0"}, []),
        (
            {"numpy": "2.0.2"},
            {"numpy": "2.4.0", "qm9lib": "0.1.0"},
            ["numpy was changed: 2.0.2 -> 2.4.0"],
        ),
        ({"numpy": "2.0.2"}, {"qm9lib": "0.1.0"}, ["numpy was changed: 2.0.2 -> gone"]),
        ({"numpy": "2.0.2"}, {"numpy": "2.0.2"}, ["qm9lib was not installed"]),
        (
            {"qm9lib": "0.1.0"},
            {"qm9lib": "0.1.0"},
            ["qm9lib was there before the first notebook ran"],
        ),
    ],
)
def test_colab_check_compares_versions(before, after, problems):
    assert colab_check.changes(before, after) == problems


def test_colab_check_asks_for_one_setup_cell_in_all_notebooks(executed):
    address = notebooks.read_repository(executed)
    text = (executed / "book" / "one.ipynb").read_text()
    colab_check.check_setup({"one": text, "two": text}, address)
    other = text.replace('\\"scipy\\"', '\\"sympy\\"')
    assert other != text
    for notebook in (other, nbformat.writes(nbformat.v4.new_notebook())):
        with pytest.raises(notebooks.NotebookError, match="code cell of two is not the setup"):
            colab_check.check_setup({"one": text, "two": notebook}, address)


def fake_colab(monkeypatch, environments, failing=(), threads="1"):
    """Let `colab_check.check` run on a fake machine of two cores; return the notebooks it ran."""
    seen, ran = iter(environments), []

    def run(notebook, *, base, **options):
        assert base["OPENBLAS_NUM_THREADS"] == threads
        ran.append(notebook[0])
        return colab_check.Outcome(notebook[0], 1.0, "broken" if notebook[0] in failing else "")

    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(colab_check, "versions", lambda python: next(seen))
    monkeypatch.setattr(colab_check, "call", lambda *command, **options: "")
    monkeypatch.setattr(colab_check, "clone", lambda *arguments: None)
    monkeypatch.setattr(colab_check, "check_setup", lambda *arguments: None)
    monkeypatch.setattr(colab_check, "run_notebook", run)
    return ran


def test_colab_check_runs_a_short_chapter_first(monkeypatch, capsys):
    installed = {"numpy": "2.1.3", "qm9lib": "0.1.0"}
    ran = fake_colab(monkeypatch, [{"numpy": "2.1.3"}, installed, installed], threads="2")
    assert colab_check.main(["--python", "python", "--workers", "1"]) == 0
    times = json.loads((notebooks.ROOT / "book" / notebooks.RUNTIMES).read_text())
    chapters = [name for name in times if "/" not in name]
    assert ran[0] == min(chapters, key=times.get)
    assert ran[1] == max(times, key=times.get)
    assert {*times, "exercises/gnn"} <= set(ran)
    assert "installed qm9lib\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "whole", "goes_on"),
    [("gnn", False, True), ("gnn", True, False), ("solutions/gnn", False, False)],
)
def test_colab_check_trains_on_from_checkpoints(tmp_path, monkeypatch, name, whole, goes_on):
    seen = {}

    def call(*command, env, cwd):
        startup = Path(env.get("IPYTHONDIR", cwd), "profile_default", "startup", "00-resume.py")
        seen["startup"] = startup.read_text() if startup.is_file() else ""

    monkeypatch.setattr(colab_check, "call", call)
    text = nbformat.writes(nbformat.v4.new_notebook())
    done = colab_check.run_notebook((name, text), Path("python"), tmp_path, {}, whole)
    assert done.problem == ""
    assert (str(notebooks.CHECKPOINTS / "gnn") in seen["startup"]) == goes_on


@pytest.mark.parametrize(
    ("cores", "together", "threads"), [(2, 1, "2"), (2, 3, "1"), (8, 3, "2"), (None, 2, "1")]
)
def test_processes_share_the_cores(cores, together, threads, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert notebooks.blas_threads(together) == threads


def test_colab_check_fails_with_a_notebook_or_a_changed_package(monkeypatch, capsys):
    before, after = {"numpy": "2.1.3"}, {"numpy": "2.1.3", "qm9lib": "0.1.0"}
    fake_colab(monkeypatch, [before, after, after], failing=["labels"])
    assert colab_check.main(["--python", "python", "gnn", "labels"]) == 1
    assert "labels: broken" in capsys.readouterr().out
    fake_colab(monkeypatch, [before, after, after | {"numpy": "2.5.0"}])
    assert colab_check.main(["--python", "python", "gnn", "labels"]) == 1
    assert "numpy was changed: 2.1.3 -> 2.5.0" in capsys.readouterr().out
    # Nothing was installed, so that nothing else is tried.
    ran = fake_colab(monkeypatch, [before, before, before])
    assert colab_check.main(["--python", "python", "gnn", "labels"]) == 1
    assert ran == ["labels"]


def test_colab_check_stops_without_the_python_of_colab(monkeypatch, capsys):
    def missing(version):
        raise all_pythons.MissingPythonError(f"no Python {version}")

    version = colab_check.colab_python(colab_check.PACKAGES.read_text())
    assert version in all_pythons.PYTHONS
    monkeypatch.setattr(colab_check, "find_python", missing)
    assert colab_check.main([]) == 2
    assert f"colab_check: no Python {version}" in capsys.readouterr().err
    with pytest.raises(notebooks.NotebookError, match="does not say which Python"):
        colab_check.colab_python("numpy==2.1.3\n")


def make_python(file, version):
    """A stand-in for a Python: it prints its version, or fails as a shim of pyenv does."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho {version}\n" if version else "#!/bin/sh\nexit 127\n")
    file.chmod(0o755)


def test_python_is_found_on_path_and_then_in_pyenv(tmp_path):
    environ = {"PATH": f"{tmp_path / 'shims'}:{tmp_path / 'bin'}", "PYENV_ROOT": str(tmp_path)}
    with pytest.raises(all_pythons.MissingPythonError, match=r"pyenv install 3\.12"):
        all_pythons.find_python("3.12", environ)
    make_python(tmp_path / "shims" / "python3.12", "")
    make_python(tmp_path / "versions" / "3.12.9" / "bin" / "python3.12", "3.12")
    make_python(tmp_path / "versions" / "3.12.10" / "bin" / "python3.12", "3.12")
    make_python(tmp_path / "versions" / "3.12.11" / "bin" / "python3.12", "3.11")
    found = all_pythons.find_python("3.12", environ)
    assert found == tmp_path / "versions" / "3.12.10" / "bin" / "python3.12"
    make_python(tmp_path / "bin" / "python3.12", "3.12")
    assert all_pythons.find_python("3.12", environ) == tmp_path / "bin" / "python3.12"
    (tmp_path / "pyvenv.cfg").touch()  # bin belongs to a virtual environment now
    assert all_pythons.find_python("3.12", environ) == found


@pytest.fixture
def project(tmp_path):
    """A repository whose Makefile notes what it is asked for; its `book` fails with Python 3.12."""
    folder = tmp_path / "project"
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-C", str(folder)]
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    (folder / ".gitignore").write_text("_build/\n.venv/\n")
    (folder / "Makefile").write_text(
        "check book test colab:\n"
        "\t@mkdir -p .venv\n"
        "\t@echo $@ $(PYTHON) $(COLAB_PYTHON) $(ISA)$(VIRTUAL_ENV) >> .venv/asked\n"
        "\t@test $@ != book || test $(PYTHON) != /3.12\n"
    )
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "first"], check=True)
    return folder


def test_all_pythons_run_all_targets_in_copies(project, monkeypatch, capfd):
    monkeypatch.setattr(all_pythons, "find_python", lambda version: Path(f"/{version}"))
    for name in ("ISA", "VIRTUAL_ENV"):
        monkeypatch.setitem(all_pythons.os.environ, name, name)
    assert all_pythons.main([], project) == 1
    printed = capfd.readouterr().out
    assert "uncommitted changes" not in printed
    assert re.findall(r"3\.12 .* (passed|failed)", printed) == ["passed", "failed"] + 2 * ["passed"]
    asked = {v: project / "_build" / "pythons" / v / ".venv" / "asked" for v in all_pythons.PYTHONS}
    lines = {version: file.read_text().splitlines() for version, file in asked.items()}
    assert lines["3.11"] == [f"{target} /3.11 ISA" for target in ("check", "book", "test")]
    assert lines["3.13"][3:] == ["colab /3.13 /3.13 ISA"]

    # A second run renews the copies, and keeps what is installed there.
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-C", str(project)]
    (project / "new.txt").touch()
    subprocess.run([*git, "add", "new.txt"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "second"], check=True)
    (project / "not committed").touch()
    assert all_pythons.main(["3.13"], project) == 0
    assert "uncommitted changes" in capfd.readouterr().out
    assert len(asked["3.13"].read_text().splitlines()) == 8
    copied = asked["3.13"].parents[1]
    assert (copied / "new.txt").exists() and not (copied / "not committed").exists()


def test_missing_python_is_named_before_anything_runs(project, monkeypatch, capsys):
    def find(version):
        if version != "3.11":
            raise all_pythons.MissingPythonError(f"no Python {version}")
        return Path("/3.11")

    monkeypatch.setattr(all_pythons, "find_python", find)
    assert all_pythons.main([], project) == 2
    assert re.findall(r"all_pythons: (.*)", capsys.readouterr().err) == [
        "no Python 3.12",
        "no Python 3.13",
    ]
    assert not (project / "_build").exists()
    assert all_pythons.main(["--find", "3.11"], project) == 0
    assert capsys.readouterr().out == "Python 3.11: /3.11\n"
    with pytest.raises(SystemExit):
        all_pythons.main(["3.10"], project)


def test_colab_environment_leads_git_to_the_clone(tmp_path):
    address = notebooks.Repository("https://github.com/ada/course", "main")
    seen = colab_check.environment(tmp_path, address)
    assert "VIRTUAL_ENV" not in seen
    where = colab_check.call("git", "ls-remote", "--get-url", address.url, env=seen).strip()
    assert where == (tmp_path / "repository.git").as_uri()


def test_checkpoints_of_a_long_chapter_lack_the_last_steps():
    found = set()
    for name in notebooks.RESUMED:
        chapter = notebooks.ROOT / "book" / f"{name}.md"
        trainings = len(re.findall(r"\btraining\.fit\(", chapter.read_text("utf-8")))
        for number in range(1, trainings + 1):
            checkpoint = notebooks.CHECKPOINTS / f"{name}-{number}.safetensors"
            found.add(checkpoint)
            with safe_open(checkpoint, framework="numpy") as file:
                run = json.loads(file.metadata()["run"])
            assert len(run["history"]) == run["settings"]["epochs"] - 1
        with notebooks.kernel_environment(chapter.with_suffix(".ipynb")) as environment:
            (startup,) = Path(environment["IPYTHONDIR"]).rglob("startup/*.py")
            assert repr(str(notebooks.CHECKPOINTS / name)) in startup.read_text()
    assert {*notebooks.CHECKPOINTS.iterdir()} == found
    with notebooks.kernel_environment(notebooks.ROOT / "book" / "labels.ipynb") as environment:
        assert environment == notebooks.ENVIRONMENT


# Stress --------------------------------------------------------------------------------------


def test_jobs_beside_loops_are_told_apart(tmp_path, capsys):
    python = [sys.executable, "-c"]
    commands = {"good": [*python, "print('well')"], "bad": [*python, "raise SystemExit(3)"]}
    good, bad = stress.run(commands, tmp_path, loops=1, nice=1)
    assert (good.status, bad.status) == (0, 3)
    assert good.log.read_text() == "well\n" and good.computed > 0
    told = capsys.readouterr().out
    assert "good         passed" in told and "bad          failed" in told


def notebook_text(*outputs):
    cells = [nbformat.v4.new_code_cell("x", outputs=[*outputs])]
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells))


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", text=text, name=name)


def shown(**data):
    data = {kind.replace("_", "/"): text for kind, text in data.items()}
    return nbformat.v4.new_output("execute_result", data)


DRAWN = 'src="data:image/svg+xml;base64,'


@pytest.mark.parametrize(
    ("stored", "executed", "told"),
    [
        ([stream("1.25 eV\n")], [stream("1.25 eV\n")], ""),
        ([stream("1.25 eV\n")], [stream("1.26 eV\n")], "-1.25 eV"),
        ([stream("one\ntwo\n")], [stream("one\n"), stream("two\n")], ""),
        ([stream("one\n")], [], "-one"),
        ([stream("bar", "stderr"), stream("one")], [stream("one"), stream("slow", "stderr")], ""),
        ([], [stream("new")], ""),  # a student's page, which is stored without outputs
        ([shown(text_plain="array([1.])")], [shown(text_plain="array([2.])")], "+array([2.])"),
        ([shown(text_html=f'<i><img {DRAWN}AA=="> x</i>', text_plain="<at 1>")],
         [shown(text_html=f'<i><img {DRAWN}BB=="> x</i>', text_plain="<at 2>")], ""),
        ([shown(text_html=f'<img {DRAWN}"> 3')], [shown(text_html=f'<img {DRAWN}"> 4')], '"> 4'),
        ([nbformat.v4.new_output("error", ename="E", evalue="no 3", traceback=["a"])],
         [nbformat.v4.new_output("error", ename="E", evalue="no 4", traceback=["b"])], "-no 3"),
    ],
)  # fmt: skip
def test_colab_check_compares_what_is_printed(stored, executed, told):
    found = colab_check.differences(notebook_text(*stored), notebook_text(*executed))
    assert bool(found) == bool(told) and told in "\n".join(found)


def test_loops_end_with_the_block():
    with stress.busy(2) as loops:
        assert [process.poll() for process in loops] == [None, None]
    assert [process.returncode for process in loops] == [-signal.SIGKILL] * 2


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_loops_end_however_stress_ends(end, tmp_path):
    """They hold its standard output, which can be read to its end only when all have ended."""
    code = (
        "import os, signal, stress\n"
        "with stress.busy(2):\n"
        "    print('runs', flush=True)\n"
        "    signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        cwd=notebooks.ROOT / "tools",
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "runs\n"
        process.send_signal(end)
        assert process.stdout.read() == ""


def test_an_interrupted_job_is_ended_with_what_it_has_started(tmp_path):
    """Both hold a pipe, which can be read to its end only when both have ended."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    job = (
        "import os, signal, subprocess, sys\n"
        f"pipe = os.open({str(pipe)!r}, os.O_WRONLY)\n"
        "code = 'import signal; signal.pause()'\n"
        "subprocess.Popen([sys.executable, '-c', code], pass_fds=[pipe])\n"
        "os.kill(os.getppid(), signal.SIGINT)\n"
        "signal.pause()\n"
    )
    code = (
        "import pathlib, stress, sys\n"
        f"commands = {{'job': [sys.executable, '-c', {job!r}]}}\n"
        f"stress.run(commands, pathlib.Path({str(tmp_path)!r}), loops=1, nice=1)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.PIPE, text=True, cwd=notebooks.ROOT / "tools",
    ) as process:  # fmt: skip
        assert pipe.read_bytes() == b""
        assert "KeyboardInterrupt" in process.stderr.read()


def test_tests_of_timing_are_found():
    found = {Path(file).name for file in stress.timing_tests(notebooks.ROOT)}
    assert {"test_faults.py", "test_formulas.py", "test_grade.py"} <= found
    assert "test_labels.py" not in found


# Mutants


def mutant(**changes) -> mutants.Mutant:
    given = dict(
        module="gnn", function="f", line=3, before="a", after="b", source="b", within=True
    )  # fmt: skip
    return mutants.Mutant(**given | changes)


def test_survivors_have_to_be_explained() -> None:
    entry = {"module": "gnn", "function": "f", "before": "a", "after": "b", "why": "the same"}
    assert mutants.judge({"gnn": (20, [mutant()])}, [entry]) == []
    assert mutants.judge({"labels": (20, [])}, [entry]) == []  # another module was tried
    [gone] = mutants.judge({"gnn": (20, [])}, [entry])
    assert gone == "no longer survives: gnn | f | a | b"
    [new] = mutants.judge({"gnn": (20, [mutant(), mutant(after="c")])}, [entry])
    assert "gnn.py, line 3, survives and is not explained" in new and 'after = "c"' in new
    [many] = mutants.judge({"gnn": (19, [mutant(), mutant()])}, [entry])
    assert many == "gnn: 2 of 19 mutants survive"


def test_explained_survivors_are_still_in_the_modules() -> None:
    for entry in tomllib.loads(mutants.EXPLAINED.read_text(encoding="utf-8"))["survivor"]:
        assert entry["module"] in mutants.TESTS and entry["before"] != entry["after"]
        source = mutants.path_of(entry["module"])
        assert entry["before"] in " ".join(source.read_text(encoding="utf-8").split()), entry
        assert len(entry["why"]) > 20, entry
    for names in mutants.TESTS.values():
        assert all((mutants.ROOT / n).exists() for n in names if n.endswith(".py"))


def test_results_are_kept_until_the_tests_change(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for path in ("qm9lib/models/gnn.py", "tests/models/test_gnn.py"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("pass")
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    results = mutants.Results("models.gnn", tmp_path / "results")
    results.restart(keep=False)
    results.note("one", "a test")
    results.note("two", mutants.UNNOTICED)
    results.restart(keep=False)
    found = results.read()
    assert (found["one"], found["two"]) == ("a test", mutants.UNNOTICED)
    (tmp_path / "tests/models/test_gnn.py").write_text("assert True")
    results.restart(keep=True)
    assert {*results.read()} == {"tests", "one"}
    (tmp_path / "tests/models/test_gnn.py").write_text("assert 1")
    results.restart(keep=False)
    assert {*results.read()} == {"tests"}


def test_changes_of_a_module() -> None:
    """What is changed and what is not; the changes themselves are those of mutmut."""
    pytest.importorskip("mutmut", reason="`make mutants` installs it")
    source = '''"""A module: 1."""

LIMIT: Float[Array, "n 3"] = 10


class Thing:
    @property
    def size(self) -> int:
        """Return 5."""
        if self.empty:
            raise ValueError(f"{1 + 1} is too small")
        total = 0
        total += sum(x, key=2)
        return total

    def __repr__(self) -> str:
        return "Thing" + "s"
'''
    made = mutants.mutants_of("gnn", source)
    for change in made:
        compile(change.source, "gnn", "exec")
        assert change.source.split("\n")[change.line - 1] != source.split("\n")[change.line - 1]
    assert {(x.function, x.line, x.after, x.within) for x in made} == {
        ("", 3, 'LIMIT: Float[Array, "n 3"] = 11', False),
        ("Thing.size", 10, "if not self.empty:", True),
        ("Thing.size", 11, "pass", True),
        ("Thing.size", 12, "total = 1", True),
        ("Thing.size", 13, "total = sum(x, key=2)", True),
        ("Thing.size", 13, "total -= sum(x, key=2)", True),
        ("Thing.size", 13, "pass", True),
        ("Thing.size", 13, "total += sum(x)", True),
        ("Thing.size", 13, "total += sum(key=2)", True),
        ("Thing.size", 13, "total += sum(x, key=3)", True),
        ("Thing.size", 14, "return None", True),
    }


# The rooms ------------------------------------------------------------------------------------


def test_picture_of_the_rooms_is_that_of_the_imports() -> None:
    """Drawn again it is the same, and so are its words; `python tools/rooms.py` mends it."""
    files, arrows = rooms.plan()
    assert rooms.PICTURE.read_text("utf-8") == rooms.draw(files, arrows)
    for name in rooms.SHOWN_IN:
        text = (rooms.ROOT / name).read_text("utf-8")
        assert rooms.described(text, rooms.alternative(arrows)) == text
    assert {"dataset", "xyz"} < set(files["data"]) and "judges/" in files["qm9course"]
    assert ("data", "models") in arrows and ("data", "training") not in arrows


def test_rooms_in_a_circle_are_told() -> None:
    with pytest.raises(ValueError, match="in a circle"):
        rooms.reduced({("data", "models"), ("models", "data")})
    with pytest.raises(ValueError, match="0 pictures of the rooms"):
        rooms.described("no picture", "x")
