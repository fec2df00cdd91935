"""The clips that are scored, in batches, beside the files one by one."""

from __future__ import annotations

import random
from unittest import mock

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from eval import clips, samples
from eval.classifiers.labelled_audio import split
from eval.samples import ClipFormat
from tests.eval.small import all_batches, folder_samples
from tests.oracles import profile
from wavegan_tf.core.errors import UserError

BLOCK = 3


def nearest_int16(sample):
    """The 16-bit number nearest to a sample of full scale 1, halves to even."""
    return max(-32768, min(32767, round(float(sample) * 32768)))


@profile.examples(40)
@given(st.data(), profile.sizes(BLOCK), st.sampled_from([1, 8]), st.booleans(), st.integers(0, 2**32))
def test_folders_in_batches(tmp_path_factory, data, count, length, is_centred, seed):
    folder, rng = tmp_path_factory.mktemp("clips"), np.random.default_rng(seed)
    written = {}
    for number in range(count):
        n, subtype = data.draw(profile.sizes(length)), data.draw(st.sampled_from(["PCM_16", "FLOAT"]))
        path, pitch = str(folder / f"{number}_midi{60 + number % 3}.wav"), 60 + number % 3
        soundfile.write(path, rng.uniform(-1.1, 1.1, n), 16000, subtype)
        written[path] = [nearest_int16(x) for x in soundfile.read(path, dtype="float64")[0]], pitch
    wanted = data.draw(st.one_of(st.none(), st.integers(1, count + 1)))
    clip_format = ClipFormat(length, 16000, is_centred, ("60", "61"), is_pitched=True)
    if wanted == count + 1:
        with pytest.raises(UserError, match=f"^num_samples={wanted}: fake_dir=.* holds {count} audio files"):
            folder_samples(folder, clip_format, wanted)
        return
    chosen = folder_samples(folder, clip_format, wanted)
    order = sorted(written)
    random.Random(0).shuffle(order)
    order = order[:wanted]
    assert chosen.paths == order and len(chosen) == len(order)
    with mock.patch.object(samples, "BATCH", BLOCK):
        batches = list(all_batches(chosen))
    sizes = [min(BLOCK, len(order) - at) for at in range(0, len(order), BLOCK)]
    assert [len(batch.clips) for batch in batches] == sizes
    made, classes = (np.concatenate(parts) for parts in list(zip(*batches, strict=True))[:2])
    for path, clip, number in zip(order, made, classes, strict=True):
        wave, pitch = written[path]
        missing = max(0, length - len(wave))
        before = (missing + 1) // 2 if is_centred else 0
        assert clip.dtype == np.int16
        assert clip.tolist() == [0] * before + wave[:length] + [0] * (missing - before)
        assert number == (pitch - 60 if pitch < 62 else samples.UNKNOWN)
    assert sum(batch.changed for batch in batches) == sum(len(written[path][0]) != length for path in order)


@profile.examples(60)
@given(st.data(), profile.sizes(BLOCK), st.sampled_from(profile.FLOATS))
def test_rounding_to_16_bits(data, n, kind):
    numbers = st.sampled_from([0.0, 1.0, -1.0, 0.5 / 32768, 1.5 / 32768, -0.5 / 32768, 0.9999847, 3.0, -3.0, 0.3])
    sound = np.array(data.draw(st.lists(numbers, min_size=n, max_size=n)), kind)
    assert clips.nearest_int16(sound).tolist() == [nearest_int16(x) for x in sound]


@profile.examples(100)
@given(st.data(), st.integers(0, 2**32))
def test_parts_take_their_share_of_every_class(data, seed):
    """Each example in one part, and no class more than two examples away from its share."""
    sizes = data.draw(st.lists(st.sampled_from([0, 1, 2, 9, 10, 11, 40]), min_size=1, max_size=4))
    classes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    fractions = data.draw(st.sampled_from([[0.1], [0.1, 0.2], [0.5, 0.25]]))
    parts = split(classes, fractions, seed % 1000)
    assert sorted(index for part in parts for index in part.tolist()) == list(range(len(classes)))
    assert all(part.tolist() == sorted(part.tolist()) for part in parts)
    for part, share in zip(parts, [*fractions, 1 - sum(fractions)], strict=True):
        for number, size in enumerate(sizes):
            assert abs(sum(classes[index] == number for index in part) - share * size) <= 2
