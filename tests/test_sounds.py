"""The README's picture is what docs/sounds.py renders."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from docs import sounds

MAX_BYTES = 300_000


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def test_it_is_small_and_wide_and_has_its_own_background():
    assert sounds.PICTURE.stat().st_size < MAX_BYTES
    image = pixels(sounds.PICTURE)
    assert image.shape == (sounds.HEIGHT, sounds.WIDTH, 3) == (900, 1600, 3)
    background = [int(sounds.BACKGROUND[place : place + 2], 16) for place in (1, 3, 5)]
    assert np.abs(image[[0, -1, 0], [0, -1, -1]] - background).max() <= 2


@pytest.mark.slow
def test_it_shows_what_the_models_make_today(tmp_path):
    """A network's rounding, and fonts, may differ between machines: few pixels may."""
    sounds.render(tmp_path / "sounds.png")
    assert (tmp_path / "sounds.png").stat().st_size < MAX_BYTES
    there, here = pixels(sounds.PICTURE), pixels(tmp_path / "sounds.png")
    assert there.shape == here.shape
    assert np.mean(np.abs(there - here).max(axis=-1) > 32) < 0.05
