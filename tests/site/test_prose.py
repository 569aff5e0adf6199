"""A page of the site has its text from the source, and its outputs from the notebook."""

import json

import nbformat
import prose
import pytest
from sphinx.errors import ExtensionError

SOURCE = """\
---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

A text {cite}`One2001`.

```{code-cell}
1 + 1
```
"""


def notebook(*cells):
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


TEXT = nbformat.v4.new_markdown_cell("A text ([One 2001](https://a.org)).")
CODE = nbformat.v4.new_code_cell(
    "1 + 1", outputs=[nbformat.v4.new_output("stream", name="stdout", text="2")]
)


def test_text_is_that_of_the_source_and_outputs_are_the_notebooks():
    text, code = json.loads(prose.with_prose(notebook(TEXT, CODE), SOURCE, "one"))["cells"]
    assert text["source"] == "A text {cite}`One2001`."
    assert code == json.loads(notebook(TEXT, CODE))["cells"][1]


def test_asides_stand_in_the_margin_and_other_boxes_do_not():
    boxes = "> **History.** Long ago.\n>\n> And then?\n\n> **Careful.** Here."
    source = SOURCE.replace("A text {cite}`One2001`.", boxes)
    text, _ = json.loads(prose.with_prose(notebook(TEXT, CODE), source, "one"))["cells"]
    aside = "````{margin}\n**History.** Long ago.\n\nAnd then?\n````"
    assert text["source"] == f"{aside}\n\n> **Careful.** Here."


@pytest.mark.parametrize("cells", [[TEXT], [CODE, TEXT], [TEXT, CODE, TEXT]])
def test_notebook_that_is_not_made_from_the_source_ends_the_build(cells):
    with pytest.raises(ExtensionError, match=r"one.ipynb is not made from one.md"):
        prose.with_prose(notebook(*cells), SOURCE, "one")
