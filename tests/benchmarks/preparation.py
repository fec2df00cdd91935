"""Preparing data beside a plain loop over the decoder, and starts of training from a folder, its cache and shards.

`python -m tests.benchmarks.preparation PLACE CACHE` is one start, in a process of its own for its memory.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from tests.benchmarks.measure import Row, Timing

FILES, SAMPLES, RATE = 50_000, 1600, 16000
_BATCH, _BATCHES = 64, 300


def bench_preparation(files: int = FILES) -> Iterator[Row]:
    """Files a second by one and two processes, and starts, clips a second and memory of each kind of store."""
    from specgan_tf.prepare import AudioPreparationOptions, prepare
    from wavegan_tf.core.audio.decode import decode
    from wavegan_tf.core.audio.files import list_audio_files

    with tempfile.TemporaryDirectory() as folder:
        sounds = Path(folder, "sounds")
        _write(sounds, files)

        def loop() -> None:
            for path in list_audio_files(str(sounds)):
                decode(path, RATE)

        def prepared(workers: int) -> Callable[[], object]:
            options = AudioPreparationOptions(
                data_dir=str(sounds), output_dir=f"{folder}/by_{workers}", moments=False
            )
            arguments = ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
            return lambda: prepare(options, arguments)

        twin, one, two = (_once(job, files) for job in (loop, prepared(1), prepared(2)))
        yield Row("prepare, one process", one, twin, unit="files", note="twin: a plain loop over the decoder")
        yield Row("prepare, two processes", two, one, unit="files", note="twin: one process; starts of both included")
        cache = f"{folder}/cache"
        shards = f"{folder}/by_2"
        kinds = (("folder", sounds, 2048), ("new cache", sounds, 0), ("cache", sounds, 0), ("shards", shards, 0))
        found = {kind: _start(place, cache, megabytes) for kind, place, megabytes in kinds}
        for kind in ("folder", "cache", "shards"):
            begun, clips, memory = found[kind]
            note = f"to the first batch; {memory} MiB resident; twin: from the folder"
            yield Row(f"start from {kind}", begun, None if kind == "folder" else found["folder"][0], note=note)
            note = "twin: samples in memory"
            yield Row(f"clips from {kind}", clips, None if kind == "folder" else found["folder"][1], "clips", note)


def _write(folder: Path, files: int) -> None:
    rng = np.random.default_rng(0)
    for number in range(files):
        if number % 1000 == 0:
            part = folder / f"{number // 1000:03d}"
            part.mkdir(parents=True)
            soundfile.write(part / "0.wav", rng.uniform(-0.5, 0.5, SAMPLES), RATE, "PCM_16")
            data = (part / "0.wav").read_bytes()
        (part / f"{number % 1000}.wav").write_bytes(data)


def _once(job: Callable[[], object], items: int) -> Timing:
    """A single run, without one before: processes start anew in each."""
    used = sum(resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    clock = time.perf_counter()
    job()
    wall = time.perf_counter() - clock
    after = sum(resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Timing((wall,), (after - used,), items)


def _start(place: object, cache: str, megabytes: int) -> tuple[Timing, Timing, int]:
    """Seconds to the first batch, clips a second, and MiB that were resident at most."""
    command = [sys.executable, "-m", "tests.benchmarks.preparation", str(place), cache, str(megabytes)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    found = json.loads(done.stdout)
    clips = Timing(tuple(found["clips"]), tuple(found["clips_cpu"]), _BATCH * _BATCHES)
    return Timing((found["start"],), (found["start_cpu"],)), clips, found["memory"] >> 10


def main(place: str, cache: str, megabytes: str) -> None:
    """Prints the figures of one start as JSON."""
    from wavegan_tf.core.audio import clips
    from wavegan_tf.core.audio.options import ClipOptions
    from wavegan_tf.core.preparation.loading import load_clips

    is_prepared = os.path.exists(os.path.join(place, "manifest.json"))
    where = {"data_prepared": place} if is_prepared else {"data_dir": place, "data_cache_mb": int(megabytes)}
    clock, processors = time.perf_counter(), time.process_time()
    store = load_clips(ClipOptions(data_first_slice=True, **where), cache)
    stream = iter(clips.clip_batches(store, batch_size=_BATCH, seed=0))
    next(stream)
    found = {"start": time.perf_counter() - clock, "start_cpu": time.process_time() - processors}
    walls, cpus = [], []
    for _ in range(3):
        clock, processors = time.perf_counter(), time.process_time()
        for _ in itertools.islice(stream, _BATCHES):
            pass
        walls.append(time.perf_counter() - clock)
        cpus.append(time.process_time() - processors)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({**found, "clips": walls, "clips_cpu": cpus, "memory": memory}))


if __name__ == "__main__":
    main(*sys.argv[1:])
