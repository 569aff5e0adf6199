"""What keeps the chapters' pairs and the repository's address in step, on a small book."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

import colab_check
import notebooks
import repository

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

**Trains:** sums. **Time:** 5 minutes.
**In your head:** what is twice 2?

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
    assert setup.metadata.tags == ["remove-cell"]
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
    assert "one: runtimes.json is no table of seconds; delete it" in capsys.readouterr().err


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
    assert "teachers.md: its table is not that of the exercises" in message
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

    replace(book / "solutions" / "two.md", "**Trains:**", "**Trained:**")
    capsys.readouterr()
    assert notebooks.main(["check"], root) == 2
    assert "notebooks: exercise 0.1 must say **Trains:**" in capsys.readouterr().err


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
    ("after", "problem"),
    [
        ({"numpy": "2.0.2", "qm9lib": "0.1.0"}, ""),
        ({"numpy": "2.4.0", "qm9lib": "0.1.0"}, "changed: numpy 2.0.2 -> 2.4.0"),
        ({"qm9lib": "0.1.0"}, "changed: numpy 2.0.2 -> gone"),
        ({"numpy": "2.0.2"}, "qm9lib was not installed"),
    ],
)
def test_colab_check_compares_versions(tmp_path, monkeypatch, after, problem):
    seen = iter([{"numpy": "2.0.2"}, after])
    monkeypatch.setattr(colab_check, "versions", lambda python: next(seen))
    monkeypatch.setattr(colab_check, "call", lambda *command, **options: "")
    outcome = colab_check.run_notebook("one", "{}", Path("python"), tmp_path, {}, shares=False)
    assert outcome.problem == problem
    assert ("failed" in colab_check.table([outcome])) == bool(problem)


def test_colab_environment_leads_git_to_the_clone(tmp_path):
    address = notebooks.Repository("https://github.com/ada/course", "main")
    seen = colab_check.environment(tmp_path, address)
    assert "VIRTUAL_ENV" not in seen
    where = colab_check.call("git", "ls-remote", "--get-url", address.url, env=seen).strip()
    assert where == (tmp_path / "repository.git").as_uri()
