"""Running the documents' commands, small: with what is in the repository in place of what they name."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import soundfile

from tests.documents import ROOT, Command
from tests.every_flag import COMMANDS

DRUMS, NOTES, GOLDENS = ROOT / "wavegan_tf/demo/drums", ROOT / "gansynth_tf/demo/notes", ROOT / "tests/goldens"
# What is in a command -> why it is not run.
NOT_RUN = {
    "--distribution=multiworker": "needs several machines; tests/core/workers starts two workers",
    "--tfds_data_dir=data/tfds": "needs NSynth as TensorFlow Datasets prepares it, of which nothing is here",
    "://bucket/": "needs a bucket; tests/core/preparation/test_streaming.py has a filesystem in memory",
    "--runner=FlinkRunner": "needs a cluster of Flink's, and a bucket",
    "tests.benchmarks.pitch": "needs a preview of a run of an hour and more",
    "tests.benchmarks.presets": "times networks larger than the paper's for minutes",
    "tests.benchmarks.trained": "needs 321 drum hits, most of which are not here",
    "tests.benchmarks.precision": "times networks of the paper's size for a minute",
    "tests.device": "takes minutes; tests/device runs it small",
}
_TINY_NOTES = (
    "--audio_length=2000", "--data_type=linear", "--start_height=16", "--start_width=64", "--num_resolutions=2",
    "--fmap_base=16", "--fmap_max=8", "--latent_vector_size=4", "--batch_size_schedule=2", "--fake_batch_size=1",
    "--preview_n=1", "--save_summaries_num_images=1000",
)  # fmt: skip
_FEW_IMAGES = ("--stable_stage_num_images=2", "--transition_stage_num_images=2", "--total_num_images=6")
# What the documents name -> what is there instead.
_STAND_INS = {
    "path/to/audio": DRUMS,
    "data/birds": DRUMS,
    "DRUMS": DRUMS,
    "path/to/notes": NOTES,
    "data/nsynth/nsynth-train": NOTES,
    "notes_test": NOTES,
    "notes_train": NOTES,
    "NOTES": NOTES,
    "digits/train": ROOT / "tests/data/digits/train",
    "digits/test": ROOT / "tests/data/digits/test",
    "song.mid": ROOT / "gansynth_tf/demo/tune.mid",
    "ORIGINAL_TRAIN_ROOT_DIR": GOLDENS / "gansynth/checkpoint",
    "ORIGINAL_MOMENTS.pkl": GOLDENS / "specgan/moments.pkl",
}
# What another document's commands make: the first part of its path -> the command that makes it.
_MAKERS = {
    "runs/wave": "wavegan_train --train_dir=PATH --data_dir=DRUMS",
    "runs/spec": "specgan_train --train_dir=PATH --data_dir=DRUMS",
    "runs/notes": "gansynth_train --train_root_dir=PATH --data_dir=NOTES",
    "runs/gansynth": "gansynth_train --train_root_dir=PATH --data_dir=NOTES",
    "runs/": "wavegan_train --train_dir=PATH --data_dir=DRUMS",
    "classifiers/sc09": "eval_train_classifier --task=sc09 --data_dir=digits/train --classifier_dir=classifiers/sc09",
    "classifiers/pitch": "eval_train_classifier --task=pitch --data_dir=NOTES --classifier_dir=PATH",
}
_MODELS = {
    "models/spec": ROOT / "wavegan_tf/demo/pretrained/specgan_drums",
    "models/gansynth": ROOT / "gansynth_tf/demo/pretrained/notes",
    "models/notes": ROOT / "gansynth_tf/demo/pretrained/notes",
    "models/": ROOT / "wavegan_tf/demo/pretrained/drums",
}
_READ = ("--model_dir", "--classifier_dir", "--watch_train_dir", "--set")


def why_not_run(command: Command) -> str | None:
    """The reason against running a command; None for one that is run."""
    return next((reason for part, reason in NOT_RUN.items() if part in str(command)), None)


def _small(command: Command) -> list[str]:
    """The command's arguments, and what makes it short."""
    name, arguments = command.name, [argument for argument in command.arguments if argument != "PRESET"]
    given = {argument.partition("=")[0] for argument in arguments}
    if name == "gansynth_train":
        return [*arguments, *_TINY_NOTES, *(["--train_time_limit=1"] if "--train_time_limit" in given else _FEW_IMAGES)]
    if name.endswith("_train"):
        model = name.removesuffix("_train")
        sizes = {"dim": 1, "kernel_len": 9 if model == "wavegan" else 3, "latent_dim": 8}
        tiny = [f"--{model}_{option}={value}" for option, value in sizes.items()]
        return [*arguments, *tiny, "--train_batch_size=2", "--preview_n=2", "--train_steps=1"]
    if name.endswith("_generate") and not given & {"--scale", "--midi_file", "--latents_file"}:
        return [*arguments, "--num_samples=3"]
    if name == "eval_score" and given & {"--model_dir", "--watch_train_dir"}:
        return [*arguments, "--num_samples=20", *(["--watch_idle_secs=1"] if "--watch_train_dir" in given else [])]
    if name == "eval_train_classifier":
        pitch = ["--pitch_width=4", "--audio_length=4096"] if "--task=pitch" in arguments else []
        return [*arguments, "--max_epochs=1", *pitch]
    return [*arguments, *(["--num_clips=2"] if name == "eval_listening_page" else [])]


class Workspace:
    """A folder like a checkout in which the documents' commands run."""

    def __init__(self, folder: Path):
        """Links the packages and the stand-ins into it."""
        self._folder = folder
        packages = {name: ROOT / name for name in ("wavegan_tf", "specgan_tf", "gansynth_tf", "eval", "tests")}
        for name, target in {**packages, **_STAND_INS}.items():
            self._link(name, target)
        self._make_wavs(folder / "data/sc09/train")
        with zipfile.ZipFile(GOLDENS / "eval/sc09_classifier_checkpoint.zip") as archive:
            archive.extractall(folder / "ORIGINAL/eval/inception")

    def run(self, command: Command) -> None:
        """Runs a command, small, after what it needs; fails where it does."""
        for argument in command.arguments:
            flag, _, value = argument.rpartition("=")
            is_read = flag.startswith(_READ) or (flag == "--train_dir" and command.name.endswith("_export"))
            if is_read and command.name != "eval_train_classifier" and not (self._folder / value).exists():
                self._provide(value)
        if command.name.endswith("an_import_tf1"):
            self._link("ORIGINAL_TRAIN_DIR", GOLDENS / command.name.removesuffix("_import_tf1") / "checkpoint")
        arguments = [sys.executable, "-m", COMMANDS.get(command.name, command.name), *_small(command)]
        done = subprocess.run(arguments, cwd=self._folder, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, f"{command}\n{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"

    def _provide(self, place: str) -> None:
        for start, target in _MODELS.items():
            if place.startswith(start):
                return self._link(place, target)
        maker = next((maker for start, maker in _MAKERS.items() if place.startswith(start)), None)
        if maker is not None:
            name, *arguments = maker.replace("PATH", place).split()
            self.run(Command(name, tuple(arguments)))

    def _link(self, name: str, target: Path) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def _make_wavs(self, folder: Path) -> None:
        """Words of 16 bits at 16 kHz, as SC09's are."""
        folder.mkdir(parents=True)
        for number, path in enumerate(sorted(DRUMS.glob("*.flac"))[:12]):
            samples, rate = soundfile.read(path, dtype="int16")
            soundfile.write(folder / f"{'zero' if number % 2 else 'one'}_{number}.wav", samples, rate)
