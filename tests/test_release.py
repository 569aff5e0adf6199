"""What a release has, and that all files name the same version."""

import hashlib
import json
import shutil
import subprocess
import zipfile

import pytest

import previews
import release

ROOT = release.ROOT


@pytest.fixture
def root(tmp_path):
    for name in ("pyproject.toml", "CITATION.cff", "CHANGELOG.md"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def version(root):
    return release.tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]


def test_tag_has_to_be_the_version_of_all_files(root):
    now = version(root)
    changes = (root / "CHANGELOG.md").read_text()
    (root / "CHANGELOG.md").write_text(f"{changes}\n## [{now}] - 2026-01-01\n")
    assert release.problems(root, f"v{now}") == []
    told = release.problems(root, "v99.0.0")
    assert [text.split()[0] for text in told] == ["pyproject.toml", "CITATION.cff", "CHANGELOG.md"]


def test_release_has_everything_with_its_sum(root, tmp_path, monkeypatch):
    built = tmp_path / "_build"
    for name in ("html/book/index.html", "downloads/slides.zip", "release/old.zip"):
        (built / name).parent.mkdir(parents=True, exist_ok=True)
        (built / name).write_text(name)
    calls = []

    def run(command, check):
        calls.append(command)
        (built / "release" / "qm9lib.whl").write_text("wheel")

    monkeypatch.setattr(subprocess, "run", run)
    files = release.gather(built, built / "release", root)
    names = ["molecular-energies-site.zip", "qm9lib.whl", "slides.zip", "SHA256SUMS"]
    assert [file.name for file in files] == names and calls[0][-1] == root
    assert zipfile.ZipFile(files[0]).namelist() == ["molecular-energies-site/book/index.html"]
    sums = dict(reversed(line.split()) for line in files[-1].read_text().splitlines())
    assert sums["qm9lib.whl"] == hashlib.sha256(b"wheel").hexdigest() and len(sums) == 3


def test_what_is_not_built_is_told(tmp_path):
    with pytest.raises(release.ReleaseError, match="make downloads"):
        release.gather(tmp_path, tmp_path / "release", tmp_path)


def test_zenodo_is_told_what_the_citation_says():
    assert json.loads((ROOT / ".zenodo.json").read_text()) == release.zenodo()


def test_picture_of_a_page_has_its_title_and_its_first_figure():
    page = (
        '<article><h1>Atoms &amp; more<a>#</a></h1><figure class="qm9-figure"><svg id="first">'
        '</svg></figure><figure class="qm9-figure"><svg id="second"></svg></figure></article>'
    )
    card = previews.card(page)
    assert "<h1>Atoms &amp; more</h1>" in card and 'id="first"' in card and "second" not in card
    with pytest.raises(previews.BrowserError, match="make book"):
        previews.card("<article><h1>Nothing to see</h1></article>")
