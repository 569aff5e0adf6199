"""What GitHub reads from `.github/`: forms, the pull request's list, workflows, Dependabot."""

import re

import pytest
import yaml

import notebooks

ROOT = notebooks.ROOT
GITHUB = ROOT / ".github"
FORMS = sorted((GITHUB / "ISSUE_TEMPLATE").glob("[0-9]*.yml"))
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
PYTHONS = sorted(path.stem for path in (ROOT / "constraints").glob("*.txt"))


def read(path):
    return yaml.safe_load(path.read_text("utf-8"))


def steps(path):
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_form_asks_for_something_under_labels_of_their_own(path):
    form = read(path)
    assert form["name"] and form["description"]
    asked = [field for field in form["body"] if field["type"] != "markdown"]
    assert any(field.get("validations", {}).get("required") for field in asked)
    for names in ([field["id"] for field in asked], [f["attributes"]["label"] for f in asked]):
        assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["1-number", "2-colab"])
def test_form_says_how_to_ask_the_doctor(name):
    fields = {
        field.get("id"): field for field in read(GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml")["body"]
    }
    assert fields["doctor"]["validations"]["required"]
    assert "`!python -m qm9lib doctor`" in fields["doctor"]["attributes"]["description"]


def test_the_list_of_a_pull_request_is_that_of_contributing():
    template = (GITHUB / "pull_request_template.md").read_text("utf-8")
    asked = re.findall(r"(?m)^- \[ \] (.+)$", template)
    section = re.search(
        r"## Send a pull request\n(.+?)\n## ", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.S
    )
    assert asked == re.findall(r"(?m)^- (.+)$", section[1])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_may_only_read_and_cannot_hang(path):
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] >= 30
        allowed = {"contents"} if path.stem == "release" else {"pages", "id-token"}
        assert set(job.get("permissions", {})) <= allowed


def test_workflows_use_one_version_of_each_action():
    used = {step["uses"] for path in WORKFLOWS for step in steps(path) if "uses" in step}
    names = [action.split("@")[0] for action in used]
    assert len(names) == len(set(names)), sorted(used)


@pytest.mark.parametrize(("name", "job"), [("ci", "all"), ("weekly", "newest")])
def test_workflow_runs_each_python_that_has_a_set(name, job):
    strategy = read(GITHUB / "workflows" / f"{name}.yml")["jobs"][job]["strategy"]
    assert strategy["matrix"]["python"] == PYTHONS


def test_dependabot_watches_files_that_are_there():
    updates = {
        update["package-ecosystem"]: update for update in read(GITHUB / "dependabot.yml")["updates"]
    }
    assert set(updates) == {"github-actions", "npm", "pip"}
    assert (ROOT / updates["npm"]["directory"].strip("/") / "package-lock.json").is_file()
    for path in updates["pip"]["exclude-paths"]:
        assert (ROOT / path.removesuffix("/**")).exists(), path


def test_workflows_make_targets_that_exist():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    weekly = read(GITHUB / "workflows" / "weekly.yml")["jobs"]
    runs = [step["run"] for path in WORKFLOWS for step in steps(path) if "run" in step]
    asked = {
        target
        for run in runs
        for line in re.findall(r"(?m)^make (?:CONSTRAINTS= )?([a-z -]+)$", run)
        for target in line.split()
    }
    assert {"test", "book", "check"} <= asked
    for target in asked | set(weekly["long"]["strategy"]["matrix"]["target"]):
        assert re.search(rf"(?m)^{target}:", makefile), target
