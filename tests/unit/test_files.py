import pytest

from facekp.errors import InputError
from facekp.files import new_folder, replacing


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "out"
    with pytest.raises(OSError, match="no space"), new_folder(path) as temporary:
        (temporary / "a").write_text("x")
        raise OSError("no space")
    assert list(tmp_path.iterdir()) == []
    with new_folder(path) as temporary:
        (temporary / "a").write_text("x")
    assert [p.name for p in path.iterdir()] == ["a"]


def test_a_folder_with_something_in_it_is_refused_and_kept(tmp_path):
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(InputError, match="something in it"), new_folder(tmp_path):
        pass
    assert (tmp_path / "mine").read_text() == "keep"
