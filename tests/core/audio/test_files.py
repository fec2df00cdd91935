"""Folders of audio in which not all can be listed."""

from __future__ import annotations

import os
import re

import pytest

from wavegan_tf.core.audio.files import find_audio_files
from wavegan_tf.core.errors import UserError


@pytest.mark.parametrize("refuses", ["scandir", "stat"])
def test_folders_that_cannot_be_listed_are_named_and_left_out(tmp_path, monkeypatch, caplog, refuses):
    for name in ("kicks/a.wav", "lost+found/b.wav", "kicks/deep/c.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    before = getattr(os, refuses)

    def refuse(path, *args, **kwargs):
        if os.path.basename(path) == "lost+found":
            raise PermissionError(13, "Permission denied", path)
        return before(path, *args, **kwargs)

    monkeypatch.setattr(os, refuses, refuse)
    found = find_audio_files(str(tmp_path), skip_bad=True)
    assert found == [str(tmp_path / name) for name in ("kicks/a.wav", "kicks/deep/c.wav")]
    reason = "lost+found: cannot be listed (Permission denied)"
    assert [record.getMessage() for record in caplog.records] == [f"skipped {tmp_path}/{reason}"]
    with pytest.raises(UserError, match=re.escape(reason)):
        find_audio_files(str(tmp_path))
    with pytest.raises(UserError, match=r"lost\+found: "):
        find_audio_files(str(tmp_path / "lost+found"), skip_bad=True)
