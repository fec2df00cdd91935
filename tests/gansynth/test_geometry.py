"""Sizes of notes and images: what fits, what a refusal says, and its suggestions against a search of everything."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gansynth_tf import geometry
from gansynth_tf.config import GANSynthConfig
from gansynth_tf.features import Features
from gansynth_tf.geometry import Sizes
from wavegan_tf.core.errors import UserError

DEFAULT = Sizes(**{field.name: getattr(GANSynthConfig(), field.name) for field in dataclasses.fields(Sizes)})
SINGLE = {"start_height", "start_width", "num_resolutions", "scale_base", "scale_mode", "audio_length"}


def drawn(seed: int) -> Sizes:
    """Sizes of all kinds, most of which do not fit."""
    draw = random.Random(seed)
    return Sizes(
        data_type=draw.choice(["linear", "mel", "phase", "wave"]),
        audio_length=draw.choice([1, 2, 5, 40, 41, 42, 1000, 4192, 4193, 100_000]),
        sample_rate=draw.choice([1, 8000, 44100]),
        start_height=draw.randint(1, 9),
        start_width=draw.choice([1, 1, 2, 3, 4, 16, 17, 64]),
        scale_base=draw.choice([2, 2, 3, 4, 5, 8]),
        scale_mode=draw.choice(["ALL", "H"]),
        num_resolutions=draw.randint(1, 5),
    )


def there_and_back(sizes: Sizes) -> None:
    """Asserts that features of these sizes can be made, and waves of them."""
    made = Features(sizes.data_type, sizes.shape, sizes.audio_length, sizes.sample_rate)
    waves = tf.random.stateless_normal([1, sizes.audio_length, 1], [0, 1])
    data = made.waves_to_data(waves)
    assert data.shape == (1, *sizes.shape, 2) and np.isfinite(data).all()
    back = made.data_to_waves(data)
    assert back.shape == waves.shape and np.isfinite(back).all()


def test_what_fits_is_what_features_can_be_made_of():
    fitting, limits = 0, set()
    for seed in range(600):
        sizes = drawn(seed)
        if sizes.fits:
            fitting += 1
            limits.add((sizes.shape, sizes.data_type))
            if math.prod(sizes.shape) < 3000 and fitting % 4 == 0:  # the others cost seconds
                there_and_back(sizes)
        else:
            with pytest.raises(UserError):
                Features(sizes.data_type, sizes.shape, sizes.audio_length, sizes.sample_rate)
    assert fitting > 100 and len(limits) > 50


@pytest.mark.parametrize("sizes", [DEFAULT, DEFAULT.changed(scale_mode="H", start_width=2), DEFAULT.changed(
    data_type="wave", start_width=1, scale_mode="H", audio_length=100)], ids=["mel", "least", "wave"])  # fmt: skip
def test_one_sample_more_than_is_held_does_not_fit(sizes):
    assert sizes.changed(audio_length=sizes.held).fits
    assert not sizes.changed(audio_length=sizes.held + 1).fits
    least = sizes.changed(start_height=geometry._least_height(sizes.changed(audio_length=sizes.held + 1)))
    assert least.held > sizes.held >= least.changed(start_height=least.start_height - 1).held


def nearest_by_search(sizes: Sizes, lowest: int, highest: int) -> dict[str, float]:
    """For each option that alone can make sizes fit, how far the data are then from what they were."""
    values = {
        "start_height": range(1, 3000), "start_width": [1 << n for n in range(16)], "scale_base": range(2, 17),
        "num_resolutions": range(lowest, highest + 1), "scale_mode": ["ALL", "H"],
    }  # fmt: skip
    found: dict[str, float] = {}
    for name, all_of_it in values.items():
        for value in all_of_it:
            other = sizes.changed(**{name: value})
            if other.shape[1] <= 1 << 15 and other.fits:
                found[name] = min(found.get(name, math.inf), geometry._distance(sizes, other))
    return found


def test_suggestions_are_the_nearest_that_a_search_of_everything_finds():
    searched = 0
    for seed in range(400):
        sizes = drawn(seed)
        if sizes.fits:
            continue
        kept = geometry.nearest(sizes, sizes.num_resolutions, sizes.num_resolutions)
        assert kept and all("num_resolutions" not in changes and sizes.changed(**changes).fits for changes in kept)
        suggested = geometry.nearest(sizes, 1, 8)
        assert suggested and len({len(changes) for changes in suggested}) == 1
        for changes in suggested:
            assert set(changes) <= SINGLE and sizes.changed(**changes).fits
        if seed % 5:
            continue
        searched += 1
        alone = nearest_by_search(sizes, 1, 8)
        found = {
            name: geometry._distance(sizes, sizes.changed(**changes))
            for changes in suggested for name in changes if len(changes) == 1
        }  # fmt: skip
        for name, distance in alone.items():
            if name in found:
                assert found[name] <= distance + 1e-9, (sizes, name)
            else:
                assert len(suggested) == 4 and all(distance >= other for other in found.values()), (sizes, name)
    assert searched > 20


def test_a_refusal_says_what_the_sizes_make_and_what_fits():
    with pytest.raises(UserError) as error:
        GANSynthConfig(audio_length=96000, sample_rate=48000)
    assert error.value.on_command_line == (
        "--audio_length=96000: is 2.00 s at 48000 Hz, and --start_height=2 --start_width=16 --num_resolutions=7 "
        "--scale_base=2 --scale_mode=ALL make 128 x 1024 frames x bins, which hold 67072 samples (1.40 s); nearest "
        "that fit: --start_height=3 (192 x 1024, 99840 samples), or --start_width=32 (128 x 2048, 134144 samples), or "
        "--num_resolutions=8 (256 x 2048, 265216 samples), or --audio_length=67072 (128 x 1024, 67072 samples)"
    )
    with pytest.raises(UserError) as error:
        GANSynthConfig(start_width=33)
    assert error.value.on_command_line == (
        "--data_type=mel: --start_height=2 --start_width=33 --num_resolutions=7 --scale_base=2 --scale_mode=ALL make "
        "128 x 2112 frames x bins; 2112 frequencies: the features need a power of two, at least 2; nearest that fit: "
        "--start_width=32 (128 x 2048, 134144 samples)"
    )
    with pytest.raises(UserError, match="or start_width=1 scale_mode=H start_height=1000 .64000 x 1, 64000 samples."):
        GANSynthConfig(data_type="wave")


def test_what_other_options_rule_out_is_not_suggested():
    """Too many resolutions for the filters, and fewer than batch sizes."""
    with pytest.raises(UserError) as error:
        GANSynthConfig(audio_length=67073, fmap_base=128)
    assert "num_resolutions=8" not in str(error.value).partition("nearest")[2]
    with pytest.raises(UserError) as error:
        GANSynthConfig(start_width=1 << 9, scale_base=3, batch_size_schedule=(1,) * 7)
    assert "num_resolutions" not in str(error.value).partition("nearest")[2]
    with pytest.raises(UserError) as error:
        GANSynthConfig(audio_length=67073, fmap_base=128, batch_size_schedule=(1,) * 7)
    assert "num_resolutions" not in str(error.value).partition("nearest")[2]


@pytest.mark.parametrize(("start_width", "bins"), [(1, 8), (8, 512), (32, 2048)])
def test_suggestions_are_taken(start_width, bins):
    """At another STFT size, every suggestion makes a configuration."""
    for length, rate in itertools.product((1, 100_000, 999_999), (8000, 48000)):
        values: dict[str, Any] = {"audio_length": length, "sample_rate": rate, "start_width": start_width}
        values["num_resolutions"] = 1 + int(math.log2(bins // start_width))
        sizes = dataclasses.replace(DEFAULT, **values)
        assert sizes.shape[1] == bins
        for changes in [] if sizes.fits else geometry.nearest(sizes, 1, 12):
            assert GANSynthConfig(**{**values, **changes}).resolutions.final_resolutions
