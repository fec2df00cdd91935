"""Folders that commands write into: what a failure leaves."""

from __future__ import annotations

import pytest

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.folders import output_folder


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
