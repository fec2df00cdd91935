"""Lists of many files hold what went in, and little beside its bytes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from wavegan_tf.core.audio.labels import Labelling
from wavegan_tf.core.audio.options import Decoding
from wavegan_tf.core.preparation.listing import Files, Found, Names, Within
from wavegan_tf.core.preparation.plan import Plan

TEXTS = ["a.wav", "", "ü/♯.wav", "kick/\udcff.wav", "", "a" * 1000]


@pytest.mark.parametrize("count", range(len(TEXTS) + 1))
def test_names(count):
    texts = TEXTS[:count]
    names = Names.of(texts)
    assert list(names) == texts and len(names) == count
    assert [names[place] for place in range(-count, count)] == [*texts, *texts]
    assert names[1:4] == texts[1:4] and names[::-1] == texts[::-1]
    for outside in (count, -count - 1):
        with pytest.raises(IndexError):
            names[outside]


def test_files():
    found = [Found(text, size, size / 3) for size, text in enumerate(TEXTS, 1 << 40)]
    files = Files.of(found)
    assert list(files) == found and files[-1] == found[-1] and files[1:3] == found[1:3]
    assert {type(value) for value in files[0]} == {type(value) for value in next(iter(files))} == {str, int, float}
    places = np.array([4, 0, 2])
    assert list(files.chosen(places)) == [found[place] for place in places]
    assert list(files.chosen(places[:0])) == [] == list(Files.of([]))


def test_names_within_a_folder():
    for folder in ("a", "a/", "gs://a/"):
        root = folder.rstrip("/")
        within = Within(folder, [f"{root}/b/c.wav", f"{root}/d.wav"])
        assert list(within) == ["b/c.wav", "d.wav"] and within[:1] == ["b/c.wav"] and len(within) == 2
    assert list(Within("/", ["/b.wav"])) == ["b.wav"]


def test_memory_of_a_plan():
    """With labels, a file takes less than three times the bytes of its path in the plan, its key and its parts."""
    count = 20_000
    paths = [f"/sounds/{('kick', 'snare')[number % 2]}/pack_{number:040d}.wav" for number in range(count)]
    tracemalloc.start()
    files = Files.of(Found(path, 3244, 1.7e18) for path in paths)
    names, numbers = Labelling("folder").number("/sounds", files.paths, True)
    plan = Plan(
        kind="audio", folder="", options={}, decoding=Decoding(16000), skip_bad=True, files=files,
        names=Within("/sounds", files.paths), classes=numbers, labels=names,
    )  # fmt: skip
    assert len(plan.key) == 64 and sum(map(len, plan.parts)) == count and names == ("kick", "snare")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * len("".join(paths))
