"""The workflows on GitHub: they call what the repository has, and the release is the version."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def steps(path: Path) -> list[dict]:
    """All steps of all jobs."""
    return [step for job in yaml.safe_load(path.read_text())["jobs"].values() for step in job["steps"]]


def test_there_is_a_workflow_for_tests_the_book_a_release_and_each_week():
    assert {path.stem for path in WORKFLOWS} == {"test", "book", "release", "weekly"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_a_workflow_calls_targets_and_files_that_exist(path):
    commands = "\n".join(step["run"] for step in steps(path) if "run" in step)
    assert set(re.findall(r"\bmake ([\w-]+)", commands)) <= TARGETS
    assert all((ROOT / name).exists() for name in re.findall(r"(?:bash|pytest) ([\w./]+)", commands))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_actions_are_pinned_and_jobs_have_few_rights_and_a_time_limit(path):
    """Each action by its commit, which cannot be moved, with its version behind it, which Dependabot reads."""
    text = path.read_text()
    used = re.findall(r"uses: (.*)", text)
    assert used and all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in used)
    versions = {action.partition("@")[0]: set() for action in used}
    for action in used:
        versions[action.partition("@")[0]].add(action)
    assert all(len(found) == 1 for found in versions.values())
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 180 for job in workflow["jobs"].values())


def test_only_a_release_may_write_and_only_with_a_reason():
    rights = {(path.stem, name): job["permissions"] for path in WORKFLOWS
              for name, job in yaml.safe_load(path.read_text())["jobs"].items() if "permissions" in job}
    assert rights == {("book", "deploy"): {"pages": "write", "id-token": "write"},
                      ("release", "pypi"): {"id-token": "write"}, ("release", "github"): {"contents": "write"}}


def test_the_tests_cover_every_version_that_the_package_names():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]
    matrix = jobs["library"]["strategy"]["matrix"]
    tried = {"3.11", *matrix["python"], *(entry["python"] for entry in matrix["include"])}
    named = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    assert set(named) == tried and {e["os"] for e in matrix["include"]} >= {"macos-latest", "windows-latest"}
