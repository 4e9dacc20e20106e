"""``make check`` runs what a change can break, and more where it does not know; a run tries its tenth of every grid."""

import json
import subprocess
from collections import Counter
from fnmatch import fnmatch
from types import SimpleNamespace

import check
import profile_of_run
import pytest
import reach

TESTS = reach.tests()


def chosen(*files: str) -> check.Choice:
    choice = check.chosen(files, "HEAD")
    check.within_budget(choice)
    return choice


# ---- by import ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("changed", "test", "most"), [
    ("facekp/heads/heatmap.py", "tests/unit/heads/test_heads.py", 2),
    ("facekp/losses.py", "tests/unit/test_losses.py", 1),
    ("facekp/models/vgg.py", "tests/unit/models/test_networks.py", 3),  # imported by its name, when it is asked for
    ("facekp/cli/photo_reports.py", "tests/unit/cli/test_photo_cli.py", 4),  # imported within a function
    ("facekp/__main__.py", "tests/unit/cli/test_cli.py", 1),  # python -m facekp
    ("book/tools/status.py", "tests/book/test_appendix.py", 1),  # loaded by its path
    ("book/experiments/synthetic_to_real.py", "tests/unit/cli/test_cli.py", 1),  # f"book.experiments.{name}"
    ("tests/helpers/blobs.py", "tests/unit/training/test_training.py", 1),
    ("tests/conftest.py", "tests/unit/test_losses.py", 1),
])
def test_a_change_reaches_the_tests_that_it_can_break(changed, test, most):
    assert 1 <= reach.steps_from([changed])[test] <= most


def test_what_cannot_be_reached_is_not(monkeypatch):
    assert "tests/unit/test_losses.py" not in reach.steps_from(["book/tools/diagrams/pen.py"])
    assert reach.steps_from(["facekp/nowhere.py"]) == {}


def test_a_file_that_cannot_be_parsed_may_be_anything(tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text("def (:")
    monkeypatch.setattr(reach, "files", lambda: {"facekp/broken.py": tmp_path / "broken.py", "facekp/other.py": None})
    assert reach.imports.__wrapped__("facekp/broken.py") == {"facekp/broken.py", "facekp/other.py"}


# ---- what is chosen ------------------------------------------------------------------------------


def test_an_unknown_file_runs_everything(monkeypatch):
    monkeypatch.setattr(check, "BUDGET", 0)
    for unknown in ("pyproject.toml", "facekp/weights/lgcn-s.json", "new/thing.txt", "facekp/nobody_imports_it.py"):
        choice = chosen("facekp/losses.py", unknown)
        assert choice.unknown == [unknown] and not choice.left
        assert set(choice.steps) == set(TESTS) - check.BROWSER


def test_the_nearest_run_and_the_others_are_named(monkeypatch):
    monkeypatch.setattr(check, "TIMES", check.ROOT / "nowhere.json")
    monkeypatch.setattr(check, "BUDGET", 8 * check.UNKNOWN)
    choice = chosen("facekp/heads/heatmap.py", "tests/unit/test_files.py")
    assert {"tests/unit/heads/test_heads.py", "tests/unit/test_files.py", *house()} <= set(choice.steps)
    assert len(choice.steps) == 8 and len(choice.left) > 20 and not set(choice.left) & set(choice.steps)
    assert max(choice.steps.values()) <= min(reach.steps_from(["facekp/heads/heatmap.py"])[t] for t in choice.left)


def house() -> set[str]:
    return {test for test in TESTS if test.startswith("tests/house/")}


def test_pages_run_what_reads_them():
    assert set(chosen("book/limits.md", "README.md").steps) == {*check.PAGES, *house()}
    assert "tests/book/test_live.py" in chosen("book/live/network.js").steps  # alone among those of a browser: by name


def test_a_notebook_runs_only_if_its_code_changed(monkeypatch):
    path = next((check.ROOT / "book").glob("*.ipynb"))
    name, content = path.relative_to(check.ROOT).as_posix(), json.loads(path.read_text())
    monkeypatch.setattr(check, "git", lambda *_: json.dumps(content))
    content["cells"][0]["source"] = ["# Another title"]
    assert chosen(name).notebooks == [] and set(check.NOTEBOOKS) <= set(chosen(name).steps)
    next(c for c in content["cells"] if c["cell_type"] == "code")["source"] = ["1 + 1"]
    assert chosen(name).notebooks == [name]


def test_every_rule_names_tests_and_every_file_of_the_repository_has_one_or_is_known_to_run_everything():
    for pattern, tests in check.RULES:
        assert all(any(fnmatch(test, t) for test in TESTS) for t in tests), pattern
    tracked = check.git("ls-files", "-z").split("\0")[:-1]
    if not tracked:
        pytest.skip("not in a checkout")
    everything = {name for name in tracked if not name.endswith(".py")
                  and not any(fnmatch(name, pattern) for pattern, _ in check.RULES)}
    folders = {name.rpartition("/")[0] for name in everything}
    assert folders <= {"", "book", "book/_static", "data/sample", "facekp/weights"}, everything
    assert {name for name in everything if "/" not in name} == {"pyproject.toml", "requirements.txt"}


def test_new_files_count_and_ignored_ones_do_not(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "ROOT", tmp_path)
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], [*who, "commit", "-q", "--allow-empty", "-mx"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    for name, text in ((".gitignore", "*.log"), ("a.log", ""), ("new file.py", "")):
        (tmp_path / name).write_text(text)
    assert check.changed(check.base(None)) == [".gitignore", "new file.py"]
    with pytest.raises(SystemExit, match="knows no commit 'v9'"):
        check.changed("v9")


# ---- a random tenth ------------------------------------------------------------------------------


def grid(function: str, count: int, *names: str, least: int | None = None, **values) -> list:
    """Stand-ins for the collected tests of one function."""
    mark = SimpleNamespace(args=names, kwargs={} if least is None else {"least": least})
    return [SimpleNamespace(nodeid=f"{function}[{i}]", callspec=SimpleNamespace(params={"i": i} | values),
                            get_closest_marker=lambda name, mark=mark: mark) for i in range(count)]


def test_each_grid_gives_its_tenth_and_at_least_three():
    items = [*grid("large", 95), *grid("small", 5), *grid("tiny", 2),
             *grid("two", 40, "name", name="a"), *grid("two", 11, "name", name="b"), *grid("slow", 9, least=1)]
    out = profile_of_run.left_out(items, 1)
    kept = [item for item in items if item not in out]
    assert Counter(item.nodeid.partition("[")[0] for item in kept) == {
        "large": 10, "small": 3, "tiny": 2, "two": 7, "slow": 1}
    assert profile_of_run.left_out(items, 1) == out != profile_of_run.left_out(items, 2)


def test_every_case_is_tried_by_some_seed():
    never = grid("large", 30)
    for seed in range(100):
        left = profile_of_run.left_out(grid("large", 30), seed)
        never = [item for item in never if item.nodeid in {i.nodeid for i in left}]
    assert not never


def test_tests_without_the_mark_always_run():
    plain = SimpleNamespace(nodeid="a[1]", callspec=SimpleNamespace(params={}), get_closest_marker=lambda _: None)
    assert profile_of_run.left_out([plain] * 50) == []
