"""Trains a small WaveGAN on drum hits with the project's own commands, then writes a page to listen to."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wavegan_tf.core import audio
from wavegan_tf.core.errors import UserError
from wavegan_tf.demo import figures, page

HERE = Path(__file__).parent
DRUMS = HERE / "drums"
PRETRAINED = HERE / "pretrained"

SAMPLE_RATE = 16000
SLICE_LEN = 16384
SHOWN = 12  # clips of each set on the page

# The size of the training: chosen for the best sound in a few minutes on two cores.
TRAINING = {
    "wavegan_dim": 8,
    "wavegan_latent_dim": 32,
    "wavegan_disc_nupdates": 2,
    "train_batch_size": 8,
    "train_save_secs": 60,
    "train_summary_secs": 60,
}


class TrainingRun(NamedTuple):
    """How long the demo's training was."""

    updates: int
    minutes: float


def main(argv: list[str]) -> None:
    """Runs the whole demo.

    Raises:
      UserError: the output folder is not the demo's own, or a command failed (its own message stands above).
    """
    options = _parse(argv)
    output_dir = _prepare(Path(options.output_dir))
    training = _train(output_dir, options.minutes)
    reference, held_out, captions = _real_hits()
    count = len(reference)  # sets of one size, so that none is nearer by chance

    model_dir = output_dir / "models" / "drums" / "1"
    _command("export", train_dir=output_dir / "train", export_dir=model_dir)
    trained = _generate(model_dir, output_dir / "generated", count)
    longer = None
    if (PRETRAINED / "saved_model.pb").exists():
        longer = _generate(PRETRAINED, output_dir / "generated_pretrained", count)

    path = output_dir / "index.html"
    _say("Writing the page")
    _write_page(path, training, reference, held_out, captions, trained, longer)
    print(
        f"\nListen:   {path}"
        f"\nWavs:     {output_dir / 'generated'}"
        f"\nModel:    {model_dir} (for wavegan_generate or TensorFlow Serving)"
        f"\nTrain on: python -m wavegan_tf.train --train_dir={output_dir / 'train'} --data_dir={DRUMS}"
    )


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m wavegan_tf.demo", description=__doc__)
    parser.add_argument("--output_dir", default="demo_output", help="folder for everything the demo makes")
    parser.add_argument("--minutes", type=float, default=2.6, help="how long to train")
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
    for name in ("train", "models", "generated", "generated_pretrained"):
        shutil.rmtree(output_dir / name, ignore_errors=True)
    return output_dir


def _command(name: str, **options: object) -> None:
    """Runs one of the project's commands as a user would, its output on this terminal."""
    arguments = [f"--{key}" if value is True else f"--{key}={value}" for key, value in options.items()]
    print(f"$ python -m wavegan_tf.{name} {' '.join(arguments)}", flush=True)
    process = subprocess.Popen([sys.executable, "-m", f"wavegan_tf.{name}", *arguments])
    # Ctrl-C reaches the command too: the trainer saves and ends, and the demo goes on with what was learned.
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = process.wait()
    finally:
        signal.signal(signal.SIGINT, previous)
    if code:
        raise UserError(f"`python -m wavegan_tf.{name}` failed with exit code {code}; its message is above")


def _train(output_dir: Path, minutes: float) -> TrainingRun:
    _say(f"Training on {DRUMS} for {minutes:g} minutes (Ctrl-C ends it early and goes on to the sounds)")
    start = time.monotonic()
    _command(
        "train", train_dir=output_dir / "train", data_dir=DRUMS, data_first_slice=True, **TRAINING,
        train_time_limit_secs=max(1, round(60 * minutes)),
    )  # fmt: skip
    elapsed = (time.monotonic() - start) / 60
    return TrainingRun(_last_step(output_dir / "train" / "stats.jsonl"), elapsed)


def _last_step(path: Path) -> int:
    """The last generator update that the training's record tells of; 0 if it was stopped before the first."""
    if not path.exists():
        return 0
    lines = path.read_text(encoding="utf-8").splitlines()
    return max((int(json.loads(line).get("step", 0)) for line in lines if line.startswith("{")), default=0)


def _generate(model_dir: Path, output_dir: Path, count: int) -> np.ndarray:
    """Generates wavs and reads them back, as their listener hears them: clips [count, SLICE_LEN, 1]."""
    _say(f"Generating {count} clips with {model_dir}")
    _command("generate", model_dir=model_dir, output_dir=output_dir, num_samples=count, seed=0)
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


def _longer_text() -> str:
    """How the longer-trained generator was made: the first paragraph of its README."""
    paragraphs = (PRETRAINED / "README.md").read_text(encoding="utf-8").split("\n\n")
    return " ".join(next(text for text in paragraphs if not text.startswith("#")).split())


def _write_page(
    path: Path,
    training: TrainingRun,
    reference: np.ndarray,
    held_out: np.ndarray,
    captions: list[str],
    trained: np.ndarray,
    longer: np.ndarray | None,
) -> None:
    spread = np.linspace(0, len(held_out) - 1, SHOWN).round().astype(int)
    numbered = [f"clip {number}" for number in range(1, SHOWN + 1)]
    minutes = f"{training.minutes:.1f} minutes"
    noise = _white_noise(len(reference))
    sections = [
        page.Section(
            "Real drum hits",
            "From the training set, peak-normalised and padded to one length, as the model hears them.",
            held_out[spread],
            [captions[index] for index in spread],
        ),
        page.Section(
            "The model just trained",
            f"{training.updates} generator updates in {minutes}. The first clips, not picked by ear.",
            trained[:SHOWN],
            numbered,
        ),
    ]
    table = {"Real hits, other half": held_out, f"Just trained, {minutes}": trained}
    if longer is not None:
        sections.append(page.Section("Trained for longer", _longer_text(), longer[:SHOWN], numbered))
        table["Trained for longer"] = longer
    sections.append(page.Section("White noise", "The control.", noise[:2], numbered[:2]))
    table["White noise"] = noise
    introduction = [
        f"A WaveGAN learned on this machine from {2 * len(held_out)} drum hits (public domain, CC0).",
        f"This is a very small run: {minutes}, {training.updates} generator updates with batches of "
        f"{TRAINING['train_batch_size']} clips, and networks of width {TRAINING['wavegan_dim']} (the paper's "
        "models: 64). Expect the outline of drum hits in noise, not the paper's quality.",
    ]
    measured = {name: figures.measure(clips, reference, SAMPLE_RATE) for name, clips in table.items()}
    text = page.render("WaveGAN, drum hits", introduction, sections, measured, SAMPLE_RATE)
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
