"""Clips a second from the stream of training, beside decoding anew."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import tensorflow as tf

from tests.benchmarks.measure import Row, timed
from wavegan_tf.core.audio import clips
from wavegan_tf.core.audio.options import ClipOptions


def bench_input(folder: Path, batch: int) -> Iterator[Row]:
    """Clips from random places of a folder's sounds: the stream, and decoding each file anew in a generator."""
    options = ClipOptions(data_dir=str(folder), data_first_slice=True)

    def naive():
        rng = np.random.default_rng(0)
        paths = sorted(folder.glob("*.flac"))
        while True:
            for index in rng.permutation(len(paths)):
                audio = soundfile.read(paths[index], dtype="float32", always_2d=True)[0][:16384]
                yield np.pad(audio / max(np.abs(audio).max(), 1e-9), [(0, 16384 - len(audio)), (0, 0)])

    with tempfile.TemporaryDirectory() as cache:
        stream = clips.clip_batches(clips.load_clips(options, cache), batch_size=batch, seed=0)
        spec = tf.TensorSpec([16384, 1], tf.float32)
        twin = tf.data.Dataset.from_generator(naive, output_signature=spec).batch(batch).prefetch(4)
        timings = []
        for dataset, batches in ((stream, 200), (twin, 40)):
            iterator = iter(dataset)

            def read(iterator=iterator, batches=batches) -> None:
                for _ in itertools.islice(iterator, batches):
                    pass

            timings.append(timed(read, 1, batches * batch))
    yield Row(f"input, batch {batch}", timings[0], timings[1], unit="clips", note="twin decodes every pass")
