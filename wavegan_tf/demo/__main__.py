"""Trains a small WaveGAN and a small SpecGAN on drum hits with the project's own commands, then writes a page."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wavegan_tf.core import demo
from wavegan_tf.core.audio import decode, spectral
from wavegan_tf.demo import figures

HERE = Path(__file__).parent
DRUMS = HERE / "drums"
# Models that come with the project; they learned from these hits and others.
PRETRAINED = {"WaveGAN": "drums", "SpecGAN": "specgan_drums"}

NAME = "drums"
TITLE = "WaveGAN and SpecGAN, drum hits"
ABOUT = "Two models beside each other, and real hits to compare them with."
SAMPLE_RATE = 16000
SLICE_LEN = 16384
SHOWN = 12  # clips of each set on the page
_LONGER = "generated_pretrained"
_LONGER_TEXT = "A model that comes with the project (docs/trained_models.md): width 16, more hits, trained for longer."


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
            "specgan_dim": 8,
            "specgan_latent_dim": 32,
            "specgan_disc_nupdates": 1,
            "specgan_batchnorm": True,
            # The hits are padded with silence, so that loud and silent frames are two heaps within two deviations.
            "specgan_clip_nstd": 2.0,
            "specgan_inversion": "fast",
        },
    ),
)
# Of both. At ten times the original's learning rate such small networks come further in a minute.
TRAINING = {"train_batch_size": 8, "train_learning_rate": 1e-3, "train_save_secs": 60, "train_summary_secs": 60}


class Trained(NamedTuple):
    """Result of a model: how long its training was, its clips [count, SLICE_LEN, 1] and the folder of them."""

    model: Model
    updates: int
    minutes: float
    clips: np.ndarray
    folder: Path


def main(argv: list[str]) -> None:
    """Runs the whole demo.

    Raises:
      UserError: the output folder is not the demo's own, or a command failed (its own message stands above).
    """
    options = demo.parse(argv, "wavegan_tf.demo", __doc__, minutes=2.7)  # both models together
    output_dir = Path(options.output_dir)
    folder = demo.prepare(output_dir, NAME)
    reference, held_out, captions = _real_hits()
    count = len(reference)  # sets of one size, so that none is nearer by chance
    trained = [_make(model, folder, options.minutes / len(MODELS), count) for model in MODELS]
    longer = {
        name: _generate(f"{name.lower()}_tf", f"pretrained/{model}", folder / _LONGER / model, count)
        for name, model in PRETRAINED.items()
    }

    demo.say("Writing the page")
    instruments: dict[str, Path | str] = {
        f"{name} drum machine, trained for longer": f"pretrained/{model}" for name, model in PRETRAINED.items()
    }
    for model in MODELS:
        instruments[f"{model.name} drum machine, just trained"] = folder / model.package / "model" / "1"
    description = _description(folder, trained, reference, held_out, captions, longer)
    demo.publish(output_dir, NAME, TITLE, ABOUT, description, instruments)
    for model in MODELS:
        made = folder / model.package
        print(f"Wavs:     {made / 'generated'}\nModel:    {made / 'model' / '1'} (for TensorFlow Serving too)")


def _make(model: Model, output_dir: Path, minutes: float, count: int) -> Trained:
    """Trains, exports and generates."""
    folder = output_dir / model.package
    demo.say(f"Training a {model.name} on {DRUMS} for {minutes:.2g} minutes (Ctrl-C ends it early and goes on)")
    start = time.monotonic()
    demo.command(
        model.package, "train", train_dir=folder / "train", data_dir=DRUMS, data_first_slice=True, **model.options,
        **TRAINING, train_time_limit_secs=max(1, round(60 * minutes)),
    )  # fmt: skip
    elapsed = (time.monotonic() - start) / 60
    demo.command(model.package, "export", train_dir=folder / "train", export_dir=folder / "model" / "1")
    clips = _generate(model.package, folder / "model" / "1", folder / "generated", count)
    return Trained(model, _last_step(folder / "train" / "stats.jsonl"), elapsed, clips, folder / "generated")


def _last_step(path: Path) -> int:
    """The last generator update that the training's record tells of; 0 if it was stopped before the first."""
    if not path.exists():
        return 0
    lines = path.read_text(encoding="utf-8").splitlines()
    return max((int(json.loads(line).get("step", 0)) for line in lines if line.startswith("{")), default=0)


def _generate(package: str, model_dir: Path | str, output_dir: Path, count: int) -> np.ndarray:
    """Generates wavs and reads them back, as their listener hears them: clips [count, SLICE_LEN, 1]."""
    demo.say(f"Generating {count} clips with {model_dir}")
    demo.command(package, "generate", model_dir=model_dir, output_dir=output_dir, num_samples=count, seed=0)
    return np.stack([_first_slice(path, normalize=False) for path in sorted(output_dir.glob("*.wav"))])


def _first_slice(path: Path, normalize: bool) -> np.ndarray:
    clip = decode.decode(str(path), SAMPLE_RATE, num_channels=1, normalize=normalize)[:SLICE_LEN]
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


def _write(folder: Path, name: str, clips: np.ndarray) -> list[str]:
    """Writes clips [n, t, 1] for the page; returns the files' names, relative to the demo's folder."""
    (folder / "shown" / name).mkdir(parents=True)
    paths = [folder / "shown" / name / f"{number:02d}.wav" for number in range(len(clips))]
    for path, clip in zip(paths, clips, strict=True):
        decode.write(str(path), clip, SAMPLE_RATE)
    return _relative(folder, paths)


def _relative(folder: Path, paths: Sequence[Path]) -> list[str]:
    return [str(path.relative_to(folder)) for path in paths]


def _first_generated(folder: Path, made: Path) -> dict[str, Any]:
    """Files and captions of the first clips that a model made."""
    files = _relative(folder, sorted(made.glob("*.wav"))[:SHOWN])
    return {"files": files, "captions": [f"clip {number}" for number in range(1, len(files) + 1)]}


def _description(
    folder: Path,
    trained: Sequence[Trained],
    reference: np.ndarray,
    held_out: np.ndarray,
    captions: list[str],
    longer: dict[str, np.ndarray],
) -> dict[str, Any]:
    """Contents of the page, for eval_listening_page; writes the clips that no command has written."""
    noise, resynthesis = _white_noise(len(reference)), _without_phases(held_out)
    table = {"Real hits, other half": held_out, "The same through Griffin-Lim": resynthesis}
    table |= {f"{run.model.name}, {run.minutes:.1f} minutes": run.clips for run in trained}
    table |= {f"{name}, trained for longer": clips for name, clips in longer.items()}
    table["White noise"] = noise
    measured = {name: figures.measure(clips, reference, SAMPLE_RATE) for name, clips in table.items()}
    return {
        "introduction": [
            f"A WaveGAN and a SpecGAN learned on this machine from the same {2 * len(held_out)} drum hits (public "
            "domain, CC0). WaveGAN makes the samples of a sound; SpecGAN makes a spectrogram, for which Griffin-Lim "
            "finds a sound.",
            f"These are very small runs, of a minute or two with batches of {TRAINING['train_batch_size']} clips: "
            "expect the outline of drum hits in noise, not the paper's quality.",
        ],
        "question": "Which one sounds more like a drum?",
        "sets": _sets(folder, trained, (held_out, resynthesis, noise), captions),
        "tables": [demo.table("How near each comes", figures.MEANING, figures.FIGURES, measured)],
    }


def _sets(
    folder: Path,
    trained: Sequence[Trained],
    controls: tuple[np.ndarray, np.ndarray, np.ndarray],
    captions: list[str],
) -> list[dict[str, Any]]:
    """Sets of the page; `controls` are real hits, the same without their phases, and noise."""
    held_out, resynthesis, noise = controls
    spread = np.linspace(0, len(held_out) - 1, SHOWN).round().astype(int)
    names = [captions[index] for index in spread]
    sets: list[dict[str, Any]] = [{
        "name": "Real drum hits",
        "text": "From the training set, peak-normalised and padded to one length, as the models hear them.",
        "files": _write(folder, "real", held_out[spread]), "captions": names,
    }]  # fmt: skip
    for run in trained:
        text = (
            f"{run.updates} generator updates in {run.minutes:.1f} minutes, start-up included; networks of width "
            f"{run.model.dim} (the paper's: 64). The first clips, not picked by ear."
        )
        made = _first_generated(folder, run.folder)
        sets.append({"name": f"{run.model.name}, just trained", "text": text, "beside": run is not trained[0], **made})
    sets.append({
        "name": "Real hits through Griffin-Lim",
        "text": "Four of them without their phases, which were found again as SpecGAN's are. (SpecGAN's features also "
                "clip the magnitudes and skip the highest bin.)",
        "files": _write(folder, "griffin_lim", resynthesis[spread][:4]), "captions": names[:4],
    })  # fmt: skip
    for name, model in PRETRAINED.items():
        made = _first_generated(folder, folder / _LONGER / model)
        sets.append({"name": f"{name}, trained for longer", "text": _LONGER_TEXT, **made})
    files = _write(folder, "noise", noise[:2])
    sets.append({"name": "White noise", "text": "The control.", "files": files, "captions": ["clip 1", "clip 2"]})
    return sets


if __name__ == "__main__":
    demo.run(main)
