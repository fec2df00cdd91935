"""Exported models as TensorFlow Lite files: size, time and difference. python -m tests.benchmarks.edge [MODEL_DIR ...]

Without arguments: the trained models of this repository, and ones of the papers' sizes with random weights. "Clip" is
the least time that LiteRT takes for one on one thread.
"""

from __future__ import annotations

import functools
import importlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import wavegan_tf
from gansynth_tf import demo as notes_demo
from tests import edge_files, exported
from wavegan_tf import demo as drums_demo
from wavegan_tf.core.edge import saving

_COUNT, _RUNS = 8, 10
_DRUMS, _NOTES = (Path(str(package.__file__)).parent / "pretrained" for package in (drums_demo, notes_demo))


def models(folder: Path) -> dict[str, Callable[[], str]]:
    """The models to measure, each made when it is asked for."""
    wave: dict[str, Any] = {"wavegan_dim": 64, "wavegan_latent_dim": 100}
    spec: dict[str, Any] = {"specgan_dim": 64, "specgan_latent_dim": 100}
    note: dict[str, Any] = {
        "num_resolutions": 7, "start_height": 2, "fmap_base": 4096, "fmap_max": 256, "latent_vector_size": 256,
        "audio_length": 64000,
    }  # fmt: skip
    return {
        "WaveGAN, trained": lambda: str(_DRUMS / "drums"),
        "SpecGAN, trained": lambda: str(_DRUMS / "specgan_drums"),
        "GANSynth, trained": lambda: str(_NOTES / "notes"),
        "WaveGAN, dim 64": lambda: exported.wavegan(folder / "w", float16=False, **wave),
        "SpecGAN, dim 64": lambda: exported.specgan(folder / "s", float16=False, **spec),
        "GANSynth, mel_prog_hires": lambda: exported.gansynth(folder / "g", **note),
    }


def rows(name: str, model_dir: str, folder: Path) -> Iterator[str]:
    """Lines of the table, one for each kind of weights."""
    model = wavegan_tf.load_model(model_dir)
    make_portable = importlib.import_module(f"{model.name}_tf.edge").make_portable
    inputs = edge_files.inputs_of(model, 1)
    for weights in ("float32", "float16", "int8"):
        start = time.perf_counter()
        file, _ = saving.make(make_portable, model_dir, model.metadata, weights)
        converted = time.perf_counter() - start
        run, seconds = edge_files.runner(file), []
        for _ in range(_RUNS):
            start = time.perf_counter()
            run(**inputs)
            seconds.append(time.perf_counter() - start)
        path = folder / "a.tflite"
        path.write_bytes(file)
        largest, relative, spectral = edge_files.difference(model_dir, path, _COUNT)
        yield (
            f"| {name} | {weights} | {len(file) / 1e6:.2f} MB | {converted:.1f} s | {1e3 * min(seconds):.1f} ms "
            f"| {largest:.1g} | {relative:.1g} | {spectral:.2f} dB |"
        )


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = {path: functools.partial(str, path) for path in sys.argv[1:]}
        print("| model | weights | size | conversion | clip | largest difference | relative | spectral |")
        print("|---|---|---|---|---|---|---|---|")
        for title, make in (given or models(folder)).items():
            for row in rows(title, make(), folder):
                print(row, flush=True)


if __name__ == "__main__":
    main()
