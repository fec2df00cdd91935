"""Folders that commands write into: what a failure leaves."""

from __future__ import annotations

import pytest

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.folders import output_file, output_folder


def fail(path, *names):
    with pytest.raises(ZeroDivisionError), output_folder(str(path), "output_dir"):
        for name in names:
            (path / name).write_text("")
        raise ZeroDivisionError


def test_a_failure_that_wrote_nothing_leaves_nothing(tmp_path):
    fail(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())
    (tmp_path / "there").mkdir()
    fail(tmp_path / "there")
    assert (tmp_path / "there").is_dir()


def test_what_was_written_stays(tmp_path):
    fail(tmp_path / "a" / "b", "x")
    assert (tmp_path / "a" / "b" / "x").exists()


def test_success_leaves_the_folder(tmp_path):
    with output_folder(str(tmp_path / "a" / "b"), "output_dir"):
        pass
    assert (tmp_path / "a" / "b").is_dir()


def test_what_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    for path in ("file", "file/below"):
        with pytest.raises(UserError, match=f"^output_dir={tmp_path}/{path}: cannot be written "):
            fail(tmp_path / path)


def test_a_file_that_can_be_written(tmp_path):
    for name in ("page.html", "a/b/page.html"):
        for _ in range(2):  # in place of the one before
            with output_file(str(tmp_path / name), "output"):
                assert not any(path.is_file() for path in (tmp_path / name).parent.glob("*.tmp"))
                (tmp_path / name).write_text("")
    with pytest.raises(ZeroDivisionError), output_file(str(tmp_path / "c" / "d" / "page.html"), "output"):
        raise ZeroDivisionError
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "page.html"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("folder", "is a folder; name a file in it"),
        ("folder/", "is a folder; name a file in it"),
        ("new/", "is a folder; name a file in it"),
        ("file/page.html", r"cannot be written \(.*\)"),
        ("file/below/page.html", r"cannot be written \(.*\)"),
        ("new/" + "x" * 300, r"cannot be written \(File name too long\)"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_beforehand(tmp_path, name, reason):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=f"^output={tmp_path}/{name}: {reason}"), output_file(
        f"{tmp_path}/{name}", "output"
    ):
        raise AssertionError("entered")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
