"""Decoded audio in a file that cannot be mapped as usual."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from wavegan_tf.core.audio import store
from wavegan_tf.core.errors import UserError

SAMPLES = np.linspace(-1, 1, 5000, dtype=np.float32).reshape(-1, 2)


def fill(spool):
    return {"length": spool.extend([SAMPLES[:1000], SAMPLES[1000:]])}


# Of another user's file, of a read-only disk, and of network disks that share no memory between processes.
@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENODEV, errno.EINVAL])
def test_a_file_that_cannot_be_mapped_for_writing(tmp_path, monkeypatch, number):
    path, memmap, refused = str(tmp_path / "audio.f32"), np.memmap, {"r+"}

    def mapped(path, dtype, mode):
        if mode in refused:
            raise OSError(number, os.strerror(number))
        return memmap(path, dtype, mode)

    monkeypatch.setattr(np, "memmap", mapped)
    for _ in range(2):  # written, then found
        contents, samples = store.spooled(path, "key", 2, 0, fill)
        assert contents == {"length": 2500} and os.path.exists(path)
        np.testing.assert_array_equal(samples, SAMPLES)
    refused.add("c")
    message = rf"^{path}: cannot be mapped .*{os.strerror(number)}.*data_cache_dir.*data_cache_mb"
    with pytest.raises(UserError, match=message) as raised:
        store.spooled(path, "key", 2, 0, fill)
    assert "\n" not in str(raised.value)
