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
def test_actions_have_a_version_and_jobs_have_few_rights_and_a_time_limit(path):
    workflow = yaml.safe_load(path.read_text())
    assert all(re.fullmatch(r"[\w./-]+@[\w./-]+", step["uses"]) for step in steps(path) if "uses" in step)
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 180 for job in workflow["jobs"].values())
