"""One folder of sounds, and what is prepared of it, for all tests of prepared data."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.preparation.sounds import prepared, write_sounds


@pytest.fixture(scope="session")
def sounds(tmp_path_factory) -> Path:
    """A folder of `write_sounds`; not to be changed."""
    folder = tmp_path_factory.mktemp("sounds")
    write_sounds(folder)
    return folder


@pytest.fixture(scope="session")
def drums_set(sounds, tmp_path_factory) -> Path:
    """That folder prepared with labels, in three shards, of one channel; not to be changed."""
    output = tmp_path_factory.mktemp("prepared") / "set"
    return prepared(sounds, output, data_labels="folder", num_shards=3)
