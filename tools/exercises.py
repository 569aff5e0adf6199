"""Derive the students' page from the solutions: book/exercises/NAME.md from book/solutions/NAME.md.

In the solutions a section "## 1.2 Title" is an exercise. It has

- a code cell tagged `solution` that holds functions alone: the student gets their first lines and
  docstrings, and a line that raises NotImplementedError;
- a code cell with `check("1.2", function)`;
- as many cells tagged `discussion` as there is to say: the student does not get them.

`notebooks.py` calls this; nothing here is run by hand.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

import jupytext
import nbformat
from nbformat import NotebookNode

SOLUTIONS, EXERCISES = "solutions", "exercises"
HEADING = re.compile(r"^## (?P<number>\d+\.\d+) (?P<title>.+?)\s*$", re.MULTILINE)


class ExerciseError(Exception):
    """Something in the solutions that the person who edits them has to mend."""


def student(solutions: str, name: str, colab: str) -> str:
    """Return the text of the students' page.

    Parameters
    ----------
    solutions
        Text of ``book/solutions/NAME.md``.
    name
        ``NAME``.
    colab
        Where Colab opens the page's notebook: a link at the top leads there.

    Raises
    ------
    ExerciseError
        Naming the section and what is wrong there.
    """
    header, body = _split_header(solutions)
    if not re.search(r"^# Solutions", body, re.MULTILINE):
        raise ExerciseError('the title must begin with "# Solutions"')
    cells = []
    current: tuple[str, str] | None = None
    parts: dict[str, set[str]] = {}
    for cell in jupytext.reads(solutions, fmt="md:myst").cells:
        tags = set(cell.metadata.get("tags", []))
        if "discussion" in tags:
            continue
        if cell.cell_type == "markdown":
            cell.source = re.sub(
                r"^# Solutions(.*)$",
                rf"# Exercises\1\n\n[Open these exercises in Colab]({colab})",
                cell.source,
                flags=re.MULTILINE,
            )
            for heading in HEADING.finditer(cell.source):
                current = heading["number"], heading["title"]
                if current[0] in parts:
                    raise ExerciseError(f"there are two exercises {current[0]}")
                parts[current[0]] = set()
        cells.append(cell)
        if cell.cell_type != "code":
            continue
        if "solution" in tags:
            if current is None:
                raise ExerciseError("there is a solution before the first exercise")
            cell.source = stub(cell.source, *current)
            cell.metadata.pop("tags")
            parts[current[0]].add("solution")
        elif current and re.search(rf'^check\("{re.escape(current[0])}", \w+\)', cell.source):
            parts[current[0]].add("check")
            cells.append(_help(name, *current))
    for number, found in parts.items():
        for missing in {"solution", "check"} - found:
            raise ExerciseError(f"exercise {number} has no {missing} cell")
    if not parts:
        raise ExerciseError('there is no exercise: no section such as "## 1.1 Title"')
    note = f"# Derived from ../{SOLUTIONS}/{name}.md, by `make notebooks`: edit that file.\n"
    notebook = nbformat.v4.new_notebook(cells=cells)
    _, text = _split_header(jupytext.writes(notebook, fmt="md:myst"))
    return f"---\n{note}{header}---\n\n{text.strip()}\n"


def stub(source: str, number: str, title: str) -> str:
    """Return the functions of a cell, with a line in the place of each body.

    Raises
    ------
    ExerciseError
        If the cell has anything but functions with docstrings.
    """
    lines, parts = source.splitlines(), []
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        raise ExerciseError(f"the solution of {number} is not valid Python: {error}") from error
    for statement in statements:
        if not isinstance(statement, ast.FunctionDef):
            raise ExerciseError(
                f"the solution of {number} must contain only functions, but line "
                f"{statement.lineno} is: {lines[statement.lineno - 1]}"
            )
        if not ast.get_docstring(statement):
            raise ExerciseError(f"{statement.name}, the solution of {number}, has no docstring")
        first = statement.body[0]
        kept = "\n".join(lines[statement.lineno - 1 : first.end_lineno])
        indent = " " * first.col_offset
        line = f'{indent}raise NotImplementedError("Exercise {number}: {title}")'
        parts.append(f"{kept}\n{line}")
    if not parts:
        raise ExerciseError(f"the solution of {number} has no function")
    return "\n\n\n".join(parts)


def overview(pages: Mapping[str, str], chapters: Mapping[str, str] | None = None) -> str:
    """Return what the exercises practise: for each page a table, below the aims of its chapter.

    Parameters
    ----------
    pages
        Texts of the solutions by name, in the order of the tables.
    chapters
        Texts of the chapters by name, as far as there are any.

    Raises
    ------
    ExerciseError
        Naming an exercise that does not say it.
    """
    parts = []
    for name, text in pages.items():
        rows, minutes = ["| exercise | practises | time |", "|---|---|---|"], 0
        for section in re.split(r"^(?=## )", text, flags=re.MULTILINE):
            heading = HEADING.match(section)
            if heading is None:
                continue
            said = re.search(
                r"\*\*Practises:\*\* (.+?)\.\s\*\*Time:\*\* (\d+) minutes\.\s", section
            )
            if said is None or "**Sanity check:** " not in section:
                raise ExerciseError(
                    f"exercise {heading['number']} must say **Practises:**, **Time:** (in minutes) "
                    "and **Sanity check:**, in this order, each with a full stop"
                )
            title = f"[{heading['number']} {heading['title']}]({EXERCISES}/{name}.ipynb)"
            rows.append(f"| {title} | {said[1]} | {said[2]} min |")
            minutes += int(said[2])
        aims = _aims(name, (chapters or {}).get(name, ""))
        parts.append(f"{aims}{len(rows) - 2} exercises, {minutes} minutes:\n\n" + "\n".join(rows))
    return "\n\n".join(parts)


def _aims(name: str, chapter: str) -> str:
    """Return a chapter's title as a heading, and what it says that a reader will be able to do."""
    title = re.search(r"^# (.+)$", chapter, re.MULTILINE)
    able = re.search(
        r"^\*\*You will be able to\*\*\n\n((?:- .+\n(?:  .+\n)*)+)", chapter, re.MULTILINE
    )
    if title is None or able is None:
        return ""
    return f"### [{title[1]}]({name}.ipynb)\n\nAfterwards a student can\n\n{able[1]}\n"


def slug(heading: str) -> str:
    """Return what a link in Markdown calls a section.

    Examples
    --------
    >>> slug("1.1 Hartree to kcal/mol")
    '11-hartree-to-kcalmol'
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _help(name: str, number: str, title: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(
        f'Stuck? Run `hint("{number}")` in a new cell: each run shows the next hint. '
        f"[Solution of {number}](../{SOLUTIONS}/{name}.ipynb#{slug(f'{number} {title}')})"
    )


def _split_header(text: str) -> tuple[str, str]:
    match = re.match(r"---\n(.*?\n)---\n", text, re.DOTALL)
    if match is None:
        raise ExerciseError("there is no YAML header between two lines ---")
    return match[1], text[match.end() :]
