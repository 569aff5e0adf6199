"""A checkout has the committed bytes, whatever line ends Git is set to write."""

import subprocess

import pytest

import notebooks

ROOT = notebooks.ROOT

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout of Git")


def git(*command, text=None):
    result = subprocess.run(
        ["git", "-C", str(ROOT), *command],
        input=text,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return result.stdout


def test_every_text_file_is_checked_out_with_lf():
    attributes = {}
    listed = git("check-attr", "--stdin", "-z", "text", "eol", text=git("ls-files", "-z"))
    fields = iter(listed.split("\0")[:-1])
    for path, attribute, value in zip(fields, fields, fields, strict=True):
        attributes.setdefault(path, {})[attribute] = value
    assert {"README.md", "qm9lib/data/sample.csv.gz"} <= set(attributes)
    assert {path for path, found in attributes.items() if found["text"] == "unset"} == {
        path for path in attributes if path.endswith((".png", ".safetensors", ".gz"))
    }
    text = {path: found for path, found in attributes.items() if found["text"] != "unset"}
    assert {path for path, found in text.items() if found["eol"] != "lf"} == set()


def test_a_checkout_as_on_windows_has_the_committed_bytes(tmp_path):
    windows = ("-c", "core.autocrlf=true", "-c", "core.eol=crlf")
    git(*windows, "checkout-index", "--all", f"--prefix={tmp_path}/")
    committed = {}
    for line in git("ls-files", "--stage", "-z").split("\0")[:-1]:
        what, path = line.split("\t")
        committed[path] = what.split()[1]
    paths = "".join(f"{tmp_path / path}\n" for path in committed)
    found = git("hash-object", "--no-filters", "--stdin-paths", text=paths).split()
    assert dict(zip(committed, found, strict=True)) == committed
