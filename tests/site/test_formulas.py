"""Formulas are drawn by the true KaTeX, in builds of small projects."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import formulas
import npm
import pytest
from bs4 import BeautifulSoup
from limits import HANG
from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parents[2]
EXTENSIONS = ROOT / "book" / "_ext"
PAGE = r"""
Energy
======

Small: :math:`E = \tfrac12 m v^2 < \infty`, and again in :eq:`sum`.

.. math::
   :label: sum

   E = \sum_{i<j} \frac{q_i q_j}{r_{ij}}
"""
WRONG = r"\frac{1}{"


@pytest.fixture
def katex():
    file = ROOT / npm.WEB / "katex/dist/katex.min.js"
    assert file.is_file(), "the packages of npm are missing: `make test` and `make book` bring them"
    return file


@pytest.fixture
def painter(katex):
    painter = formulas.Painter(katex)
    yield painter
    painter.close()


def start(folder, pages, *options, first=""):
    """Start the build of a project with the book's extension; ``first`` begins its conf.py."""
    source = folder / "source"
    (source / ".venv").mkdir(parents=True)
    (source / ".venv" / "web").symlink_to(ROOT / ".venv" / "web")
    contents = "Contents\n========\n\n:math:`x`\n\n.. toctree::\n   :glob:\n\n   page*\n"
    for name, text in {"index": contents, **pages}.items():
        (source / f"{name}.rst").write_text(text)
    (source / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(EXTENSIONS)!r})\n{first}\n"
        "extensions = ['formulas']\nhtml_math_renderer = 'katex'\nhtml_theme = 'basic'\n"
        "exclude_patterns = ['.venv']\n"
    )
    command = [sys.executable, "-m", "sphinx", "-q", "-W", *options, source, folder / "out"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)


def failed(process):
    """Wait for a build that has to fail, and return what it says."""
    _, said = process.communicate(timeout=HANG)
    assert process.returncode
    return said


def succeeded(*processes):
    """Wait for builds, which have nothing to say."""
    try:
        ends = [(*process.communicate(timeout=HANG), process.returncode) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert ends == [("", "", 0)] * len(processes)


def pages_of(folder):
    """Return the pages of a built project as text."""
    return {file.name: file.read_text("utf-8") for file in sorted(folder.glob("out/page*.html"))}


def drawn(katex, latex, display):
    """What KaTeX itself makes of a formula."""
    code = "console.log(require(process.argv[1]).renderToString(...JSON.parse(process.argv[2])))"
    arguments = json.dumps([latex, {"displayMode": display}])
    command = [formulas.node(), "-e", code, str(katex), arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.strip()


def test_page_has_what_katex_draws(katex, tmp_path):
    succeeded(start(tmp_path, {"page": PAGE}))
    (text,) = pages_of(tmp_path).values()
    inline = drawn(katex, r"E = \tfrac12 m v^2 < \infty", False)
    assert f'<span class="math">{inline}</span>' in text
    block = drawn(katex, "E = \\sum_{i<j} \\frac{q_i q_j}{r_{ij}}", True)
    assert f"{block}</div>" in text
    page = BeautifulSoup(text, "html.parser")
    (equation,) = page.select("div.math")
    assert equation["id"] == "equation-sum"
    assert equation.select_one(".eqno").text == "(1)¶"
    assert [link.text for link in page.select('p a[href="#equation-sum"]')] == ["(1)"]


@pytest.mark.parametrize("latex", ["x", "x\ny", r"\text{Å, é and \$}", f"x{' ' * 200_000}y"])
def test_any_text_is_one_formula(katex, painter, latex):
    """Neither line breaks nor what takes more than a pipe holds come out of step."""
    html = painter.draw(latex, False)
    shown = BeautifulSoup(html, "html.parser").find("annotation").text
    assert shown == latex
    assert painter.draw("y", True) == drawn(katex, "y", True)


def test_wrong_formula_fails_the_build_and_is_named(tmp_path):
    said = failed(start(tmp_path, {"page": PAGE + f"\nAnd :math:`{WRONG}`.\n"}))
    page = tmp_path / "source" / "page.rst"
    assert f"{page}:12: cannot draw the formula {WRONG} (KaTeX parse error: Unexpected end" in said


def test_after_a_wrong_formula_others_are_drawn(painter):
    with pytest.raises(formulas.FormulaError, match="KaTeX parse error"):
        painter.draw(WRONG, False)
    with pytest.raises(formulas.FormulaError, match="Undefined control sequence"):
        painter.draw(r"\nosuchthing", False)
    with pytest.raises(formulas.FormulaError, match="Unexpected character"):
        painter.draw("a \u2028", False)
    assert "katex-display" in painter.draw("x", True)


@pytest.mark.parametrize(
    "ends", ["process.exit(3)", "process.stdout.write('{', () => process.exit(3))"]
)
def test_node_that_ends_is_told_and_stops_the_build(tmp_path, ends):
    """At once, and in the middle of an answer."""
    script = tmp_path / "ends.js"
    script.write_text(f"process.stdin.once('data', () => {ends});\n")
    first = f"import formulas, pathlib\nformulas.SCRIPT = pathlib.Path({str(script)!r})"
    said = failed(start(tmp_path, {"page": PAGE}, first=first))
    assert "cannot draw the formula x (Node" in said and "(Node ended with status 3)" in said


def test_node_that_was_killed_is_told(painter):
    assert painter.draw("x", False)
    painter.process.kill()
    with pytest.raises(formulas.FormulaError, match="Node ended with status -9"):
        painter.draw("x", False)


def test_node_ends_with_the_build(painter):
    painter.draw("x", False)
    painter.close()
    assert painter.process.returncode == 0


def test_node_ends_with_a_build_that_is_killed(katex):
    """Both hold the pipe of messages: it ends when both have."""
    code = (
        "import formulas, pathlib, signal, sys\n"
        "painter = formulas.Painter(pathlib.Path(sys.argv[1]))\n"
        "painter.draw('x', False)\n"
        "print('drawn', flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(katex)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(EXTENSIONS)},
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "drawn\n"
        process.send_signal(signal.SIGKILL)
        assert process.stderr.read() == ""


def test_without_katex_the_reader_is_told_what_to_do(tmp_path):
    with pytest.raises(ExtensionError, match="katex.js is missing: run `make book`"):
        formulas.Painter(tmp_path / "katex.js")


def test_pages_written_side_by_side_are_the_same(tmp_path):
    """Each process of Sphinx has a Node of its own: answers do not come to another's question.

    The first page, which has a formula too, is written before there is another process.
    """
    pages = {
        f"page{n}": f"Page {n}\n========\n\n" + "".join(f":math:`{n}_{{{i}}}` " for i in range(99))
        for n in range(12)
    }
    alone, together = tmp_path / "alone", tmp_path / "together"
    succeeded(start(alone, pages))
    succeeded(start(together, pages, "-j", "4"))
    assert len(pages_of(alone)) == 12
    assert pages_of(together) == pages_of(alone)


@pytest.mark.timing
def test_four_builds_at_once(tmp_path):
    folders = [tmp_path / str(number) for number in range(4)]
    succeeded(*[start(folder, {"page": PAGE}) for folder in folders])
    first, *others = map(pages_of, folders)
    assert "katex-display" in first["page.html"] and others == [first] * 3
