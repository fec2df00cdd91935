"""Trains a small WaveGAN and a small SpecGAN on drum hits with the project's own commands, then writes a page."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wavegan_tf.core import audio, spectral
from wavegan_tf.core.errors import UserError
from wavegan_tf.demo import figures, page

HERE = Path(__file__).parent
DRUMS = HERE / "drums"
PRETRAINED = HERE / "pretrained"

SAMPLE_RATE = 16000
SLICE_LEN = 16384
SHOWN = 12  # clips of each set on the page


class Model(NamedTuple):
    """A model to train, with options chosen for the best sound in a minute on two cores."""

    name: str
    options: dict[str, Any]

    @property
    def package(self) -> str:
        """Where its commands are."""
        return f"{self.name.lower()}_tf"

    @property
    def dim(self) -> int:
        """Width of its networks."""
        return self.options[f"{self.name.lower()}_dim"]


MODELS = (
    Model("WaveGAN", {"wavegan_dim": 8, "wavegan_latent_dim": 32, "wavegan_disc_nupdates": 2}),
    Model(
        "SpecGAN",
        {
            "specgan_dim": 8, "specgan_latent_dim": 32, "specgan_disc_nupdates": 1, "specgan_batchnorm": True,
            # The hits are padded with silence, so that loud and silent frames are two heaps within two deviations.
            "specgan_clip_nstd": 2.0, "specgan_inversion": "fast",
        },
    ),
)
TRAINING = {"train_batch_size": 8, "train_save_secs": 60, "train_summary_secs": 60}  # of both


class Trained(NamedTuple):
    """What became of a model: how long its training was, and its clips [count, SLICE_LEN, 1]."""

    model: Model
    updates: int
    minutes: float
    clips: np.ndarray


def main(argv: list[str]) -> None:
    """Runs the whole demo.

    Raises:
      UserError: the output folder is not the demo's own, or a command failed (its own message stands above).
    """
    options = _parse(argv)
    output_dir = _prepare(Path(options.output_dir))
    reference, held_out, captions = _real_hits()
    count = len(reference)  # sets of one size, so that none is nearer by chance
    trained = [_make(model, output_dir, options.minutes / len(MODELS), count) for model in MODELS]
    longer = None
    if (PRETRAINED / "saved_model.pb").exists():
        longer = _generate("wavegan_tf", PRETRAINED, output_dir / "generated_pretrained", count)

    path = output_dir / "index.html"
    _say("Writing the page")
    _write_page(path, trained, reference, held_out, captions, longer)
    print(f"\nListen:   {path}")
    for model in MODELS:
        folder = output_dir / model.package
        print(f"Wavs:     {folder / 'generated'}\nModel:    {folder / 'model' / '1'} (for TensorFlow Serving too)")


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m wavegan_tf.demo", description=__doc__)
    parser.add_argument("--output_dir", default="demo_output", help="folder for everything the demo makes")
    parser.add_argument("--minutes", type=float, default=2.7, help="how long to train, both models together")
    options = parser.parse_args(argv)
    if not 0 < options.minutes < 1e4:
        parser.error(f"--minutes={options.minutes:g} should be above 0")
    return options


def _say(line: str) -> None:
    print(f"\n=== {line}", flush=True)


def _prepare(output_dir: Path) -> Path:
    """The output folder, emptied of an earlier demo's work; a folder that something else made is refused."""
    marker = output_dir / ".made_by_wavegan_demo"
    flag = f"--output_dir={output_dir}"
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        if any(output_dir.iterdir()) and not marker.exists():
            raise UserError(f"{flag} holds files that the demo did not make: name a new or an empty folder")
        marker.touch()
    except OSError as error:
        raise UserError(f"{flag} can't be used ({error.strerror}): name another folder") from error
    earlier = ("train", "models", "generated")  # what the demo made when it had one model
    for name in (*earlier, *(model.package for model in MODELS), "generated_pretrained"):
        shutil.rmtree(output_dir / name, ignore_errors=True)
    return output_dir


def _command(package: str, name: str, **options: object) -> None:
    """Runs one of the project's commands as a user would, its output on this terminal."""
    arguments = [f"--{key}" if value is True else f"--{key}={value}" for key, value in options.items()]
    print(f"$ python -m {package}.{name} {' '.join(arguments)}", flush=True)
    process = subprocess.Popen([sys.executable, "-m", f"{package}.{name}", *arguments])
    # Ctrl-C reaches the command too: the trainer saves and ends, and the demo goes on with what was learned.
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = process.wait()
    finally:
        signal.signal(signal.SIGINT, previous)
    if code:
        raise UserError(f"`python -m {package}.{name}` failed with exit code {code}; its message is above")


def _make(model: Model, output_dir: Path, minutes: float, count: int) -> Trained:
    """Trains, exports and generates."""
    folder = output_dir / model.package
    _say(f"Training a {model.name} on {DRUMS} for {minutes:.2g} minutes (Ctrl-C ends it early and goes on)")
    start = time.monotonic()
    _command(
        model.package, "train", train_dir=folder / "train", data_dir=DRUMS, data_first_slice=True, **model.options,
        **TRAINING, train_time_limit_secs=max(1, round(60 * minutes)),
    )  # fmt: skip
    elapsed = (time.monotonic() - start) / 60
    _command(model.package, "export", train_dir=folder / "train", export_dir=folder / "model" / "1")
    clips = _generate(model.package, folder / "model" / "1", folder / "generated", count)
    return Trained(model, _last_step(folder / "train" / "stats.jsonl"), elapsed, clips)


def _last_step(path: Path) -> int:
    """The last generator update that the training's record tells of; 0 if it was stopped before the first."""
    if not path.exists():
        return 0
    lines = path.read_text(encoding="utf-8").splitlines()
    return max((int(json.loads(line).get("step", 0)) for line in lines if line.startswith("{")), default=0)


def _generate(package: str, model_dir: Path, output_dir: Path, count: int) -> np.ndarray:
    """Generates wavs and reads them back, as their listener hears them: clips [count, SLICE_LEN, 1]."""
    _say(f"Generating {count} clips with {model_dir}")
    _command(package, "generate", model_dir=model_dir, output_dir=output_dir, num_samples=count, seed=0)
    return np.stack([_first_slice(path, normalize=False) for path in sorted(output_dir.glob("*.wav"))])


def _first_slice(path: Path, normalize: bool) -> np.ndarray:
    clip = audio.decode(str(path), SAMPLE_RATE, num_channels=1, normalize=normalize)[:SLICE_LEN]
    return np.pad(clip, ((0, SLICE_LEN - len(clip)), (0, 0)))


def _real_hits() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The hits as training hears them: every second file, the files between, and the latter's captions."""
    paths = sorted(DRUMS.glob("*.flac"))
    clips = np.stack([_first_slice(path, normalize=True) for path in paths])
    return clips[::2], clips[1::2], [path.stem.replace("_sonicpi_", " ") for path in paths[1::2]]


def _white_noise(count: int) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(count, SLICE_LEN, 1)).astype(np.float32)
    return noise / np.max(np.abs(noise), axis=(1, 2), keepdims=True)


def _without_phases(clips: np.ndarray) -> np.ndarray:
    """Clips whose phases were thrown away and found again, with SpecGAN's transform and the demo's inversion."""
    magnitudes = np.abs(spectral.stft(clips[:, :, 0], 256, 128, pad_end=True))
    return np.clip(spectral.griffin_lim(magnitudes, 256, 128, 16, "fast").numpy()[:, :SLICE_LEN, None], -1.0, 1.0)


def _longer_text() -> str:
    """How the longer-trained generator was made: the first paragraph of its README."""
    paragraphs = (PRETRAINED / "README.md").read_text(encoding="utf-8").split("\n\n")
    return " ".join(next(text for text in paragraphs if not text.startswith("#")).split())


def _write_page(
    path: Path,
    trained: Sequence[Trained],
    reference: np.ndarray,
    held_out: np.ndarray,
    captions: list[str],
    longer: np.ndarray | None,
) -> None:
    spread = np.linspace(0, len(held_out) - 1, SHOWN).round().astype(int)
    numbered = [f"clip {number}" for number in range(1, SHOWN + 1)]
    noise, resynthesis = _white_noise(len(reference)), _without_phases(held_out)
    real = page.Section(
        "Real drum hits",
        "From the training set, peak-normalised and padded to one length, as the models hear them.",
        held_out[spread],
        [captions[index] for index in spread],
    )
    control = page.Section(
        "Real hits through Griffin-Lim",
        "Four of them without their phases, which were found again as SpecGAN's are. (SpecGAN's features also clip the "
        "magnitudes and leave out the highest bin.)",
        resynthesis[spread][:4],
        [captions[index] for index in spread[:4]],
    )
    made = tuple(
        page.Section(
            f"{run.model.name}, just trained",
            f"{run.updates} generator updates in {run.minutes:.1f} minutes, start-up included; networks of width "
            f"{run.model.dim} (the paper's: 64). The first clips, not picked by ear.",
            run.clips[:SHOWN],
            numbered,
        )
        for run in trained
    )
    groups: list[tuple[page.Section, ...]] = [(real,), made, (control,)]
    table = {"Real hits, other half": held_out, "The same through Griffin-Lim": resynthesis}
    table |= {f"{run.model.name}, {run.minutes:.1f} minutes": run.clips for run in trained}
    if longer is not None:
        groups.append((page.Section("WaveGAN, trained for longer", _longer_text(), longer[:SHOWN], numbered),))
        table["WaveGAN, trained for longer"] = longer
    groups.append((page.Section("White noise", "The control.", noise[:2], numbered[:2]),))
    table["White noise"] = noise
    introduction = [
        f"A WaveGAN and a SpecGAN learned on this machine from the same {2 * len(held_out)} drum hits (public domain, "
        "CC0). WaveGAN makes the samples of a sound; SpecGAN makes a spectrogram, for which Griffin-Lim finds a sound.",
        f"These are very small runs, of a minute or two with batches of {TRAINING['train_batch_size']} clips: expect "
        "the outline of drum hits in noise, not the paper's quality.",
    ]
    measured = {name: figures.measure(clips, reference, SAMPLE_RATE) for name, clips in table.items()}
    text = page.render("WaveGAN and SpecGAN, drum hits", introduction, groups, measured, SAMPLE_RATE)
    path.write_text(text, encoding="utf-8")


def run() -> None:
    """Entry point: exit code 0, or 1 with one line for a user's mistake."""
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    run()
