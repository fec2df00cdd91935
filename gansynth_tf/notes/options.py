"""Where the notes are, and which of them to take."""

from __future__ import annotations

import dataclasses

from gansynth_tf.notes.files import Note
from wavegan_tf.core import effects
from wavegan_tf.core.audio.options import prepared, shuffle_shards, verify
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import MAX_SAMPLE_RATE, Options, option

# Numbers of families and sources, in both kinds of records.
FAMILIES = (
    "bass", "brass", "flute", "guitar", "keyboard", "mallet", "organ", "reed", "string", "synth_lead", "vocal",
)  # fmt: skip


SOURCES = ("acoustic", "electronic", "synthetic")


MAX_AUDIO_LENGTH = 10_000_000  # samples

# Of the data set nsynth in TensorFlow Datasets; the first is the original's.
TFDS_CONFIGS = ("gansynth_subset", "gansynth_subset.f0_and_loudness", "full")
PLACES = ("data_dir", "tfds_data_dir", "train_data_path", "data_prepared")
SPLITS = ("train", "valid", "test")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoteChoiceOptions(Options):
    """Options that choose notes and say how they are decoded."""

    data_sources: str = option(
        "acoustic",
        "Sources of the sound to take, with commas between; empty for all. A note without this information is taken.",
    )
    data_families: str = option("", "Families of instruments to take, likewise, such as brass,flute; empty for all.")
    data_velocities: str = option("", "MIDI velocities to take, likewise, such as 75,100,127; empty for all.")
    data_min_pitch: int = option(24, "Lowest MIDI pitch.", minimum=0, maximum=127, resume="fixed")
    data_max_pitch: int = option(84, "Highest MIDI pitch.", minimum=0, maximum=127, resume="fixed")
    audio_length: int = option(
        64000,
        "Samples of a note; longer ones lose their end, shorter ones are zero-padded.",
        minimum=1,
        maximum=MAX_AUDIO_LENGTH,
        resume="fixed",
    )
    sample_rate: int = option(
        16000, "Samples per second; others are resampled.", minimum=1, maximum=MAX_SAMPLE_RATE, resume="fixed"
    )
    data_normalize: bool = option(False, "Scale each note to a peak of 1.", resume="fixed")
    data_skip_bad: bool = option(True, "Report notes that cannot be used and go on, instead of stopping at the first.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data_max_pitch < self.data_min_pitch:
            raise UserError(
                f"--data_max_pitch={self.data_max_pitch}: must be at least --data_min_pitch={self.data_min_pitch}"
            )
        for name, known in (("data_sources", SOURCES), ("data_families", FAMILIES)):
            for word in _words(getattr(self, name)):
                if word not in known:
                    raise UserError(f"--{name}={getattr(self, name)}: {word!r} is none of {', '.join(known)}")
        for word in _words(self.data_velocities):
            if not word.isdecimal() or int(word) > 127:
                raise UserError(f"--data_velocities={self.data_velocities}: {word!r} is not a velocity from 0 to 127")

    @property
    def num_pitches(self) -> int:
        """Length of a one-hot pitch."""
        return self.data_max_pitch - self.data_min_pitch + 1

    def reason_against(self, note: Note) -> str:
        """The flag by which a note is not one of those to take, with its value; empty if it is."""
        if not self.data_min_pitch <= note.pitch <= self.data_max_pitch:
            return f"--data_min_pitch={self.data_min_pitch} --data_max_pitch={self.data_max_pitch}"
        velocity = None if note.velocity is None else str(note.velocity)
        velocities = [str(int(word)) for word in _words(self.data_velocities)]
        for name, words, value in (
            ("data_sources", _words(self.data_sources), note.source),
            ("data_families", _words(self.data_families), note.family),
            ("data_velocities", velocities, velocity),
        ):
            if words and value is not None and value not in words:
                return f"--{name}={getattr(self, name)}"
        return ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoteOptions(NoteChoiceOptions):
    """Where the notes are, and which of them to take."""

    data_dir: str = option(
        "",
        "Folder with NSynth's examples.json and audio/, or with audio files whose names encode the pitch; "
        "sub-folders included.",
        per_worker=True,
        path=True,
    )
    tfds_data_dir: str = option(
        "",
        "TensorFlow Datasets' data_dir, where nsynth:2.3.* was prepared.",
        per_worker=True,
        path=True,
    )
    tfds_config: str = option(
        TFDS_CONFIGS[0],
        "Which of TensorFlow Datasets' configurations of nsynth to take.",
        choices=TFDS_CONFIGS,
        effect=[effects.only_with("tfds_data_dir")],
    )
    train_data_path: str = option(
        "", "TFRecord file of NSynth's, such as nsynth-train.tfrecord, or a pattern.", per_worker=True, path=True
    )
    data_prepared: str = prepared("gansynth_prepare")
    data_verify: bool = verify()
    data_shuffle_shards: int = shuffle_shards()
    data_split: str = option(
        "train",
        "Which notes to take, with TensorFlow Datasets or beside an nsynth-gansynth_splits.csv.",
        choices=SPLITS,
        effect=[effects.not_with("train_data_path")],
    )
    data_cache_mb: int = option(
        2048,
        "Decoded audio, and features, to keep in memory, each in MiB; more goes to files on disk.",
        minimum=0,
        per_worker=True,
    )
    data_cache_dir: str = option(
        "", "Folder for these files; default: data_cache in --train_root_dir.", per_worker=True, path=True
    )

    @property
    def place(self) -> str:
        """The option that says where the notes are.

        Raises:
          UserError: none or several do.
        """
        places = [name for name in PLACES if getattr(self, name)]
        if len(places) != 1:
            given = " and ".join(f"--{place}" for place in places) or "none"
            names = ", ".join(f"--{place}" for place in PLACES[:-1])
            raise UserError(f"one of {names} and --{PLACES[-1]} must be given, not {given}")
        return places[0]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
