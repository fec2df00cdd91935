"""Where the audio is, how it is decoded, and how clips are cut from it."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from wavegan_tf.core import effects
from wavegan_tf.core.audio.labels import RULES
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import MAX_SAMPLE_RATE, Options, option


@dataclasses.dataclass(frozen=True)
class Slicing:
    """How a waveform is cut.

    Attributes:
      slice_len: samples in a clip.
      overlap_ratio: of successive clips, in [0, 1).
      pad_end: zero-pad clips that reach beyond the end, instead of dropping them.
      first_slice: only the first clip of each file.
      random_start: begin at a random sample below slice_len, another for each file and epoch.

    Raises:
      UserError: the overlap leaves no way forward.
    """

    slice_len: int
    overlap_ratio: float = 0.0
    pad_end: bool = False
    first_slice: bool = False
    random_start: bool = True

    def __post_init__(self) -> None:
        if self.overlap_ratio < 0 or self.hop < 1:
            raise UserError(f"--data_overlap_ratio={self.overlap_ratio}: must be at least 0 and below 1")

    @property
    def hop(self) -> int:
        """Samples from one clip to the next."""
        return int(round(self.slice_len * (1.0 - self.overlap_ratio)) + 1e-4)


@dataclasses.dataclass(frozen=True)
class Decoding:
    """How files become waveforms; the arguments of `decode.decode`."""

    sample_rate: int
    num_channels: int = 1
    normalize: bool = True
    fast_wav: bool = False


def num_threads() -> int:
    """Threads, or processes, that decode at a time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, cores)


def prepared(command: str) -> Any:
    """Option data_prepared, of what `command` writes."""
    help = f"Folder that {command} has written, or its address (gs://), instead of --data_dir; with the same options."
    return option("", help, per_worker=True, path=True)


def verify() -> Any:
    """Option data_verify."""
    return option(
        False,
        "Read all of --data_prepared first and compare checksums; sizes always are.",
        per_worker=True,
        effect=[effects.only_with("data_prepared")],
    )


def shuffle_shards() -> Any:
    """Option data_shuffle_shards."""
    return option(
        0,
        "Shards of --data_prepared that are shuffled together, 0 for all; of a remote set no others are here.",
        minimum=0,
        effect=[effects.only_with("data_prepared")],
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecodingOptions(Options):
    """How files become waveforms; names and defaults are the original's."""

    data_sample_rate: int = option(
        16000,
        "Samples per second; files at other rates are resampled.",
        minimum=1,
        maximum=MAX_SAMPLE_RATE,
        resume="fixed",
    )
    data_num_channels: int = option(
        1, "Channels: files are averaged to 1; mono is duplicated to 2.", minimum=1, maximum=1024, resume="fixed"
    )
    data_normalize: bool = option(True, "Scale each file to a peak of 1.", resume="fixed")
    data_fast_wav: bool = option(False, "Read with scipy: 16-bit and float32 wav only, at the right rate.")
    data_skip_bad: bool = option(True, "Report files that cannot be used and go on, instead of stopping at the first.")

    def decoding(self) -> Decoding:
        """How files are read."""
        return Decoding(self.data_sample_rate, self.data_num_channels, self.data_normalize, self.data_fast_wav)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SlicingOptions(Options):
    """How clips are cut; names and defaults are the original's."""

    data_slice_len: int = option(16384, "Samples in a clip.", minimum=64, maximum=1 << 26, resume="fixed")
    data_overlap_ratio: float = option(
        0.0,
        "Overlap of successive clips of a file, 0 up to below 1.",
        minimum=0.0,
        resume="fixed",
        effect=[effects.not_with("data_first_slice")],
    )
    data_first_slice: bool = option(
        False,
        "Use only the first clip of each file, zero-padded; overlap and random starts are off.",
        resume="fixed",
    )
    data_pad_end: bool = option(
        False,
        "Zero-pad the last clip of a file instead of dropping it; always so with --data_first_slice.",
        resume="fixed",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        # The ratio must be one even where it has no effect.
        Slicing(self.data_slice_len, overlap_ratio=self.data_overlap_ratio)

    def slicing(self) -> Slicing:
        """The rules by which clips are cut, as the original's train_wavegan.py sets them."""
        first = self.data_first_slice
        return Slicing(
            self.data_slice_len,
            overlap_ratio=0.0 if first else self.data_overlap_ratio,
            pad_end=True if first else self.data_pad_end,
            first_slice=first,
            random_start=not first,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipOptions(DecodingOptions, SlicingOptions):
    """Where the audio is and how clips are cut from it."""

    data_dir: str = option(
        "",
        "Folder with audio files (wav, flac, ogg, mp3, ...), sub-folders included.",
        per_worker=True,
        path=True,
        effect=[effects.not_with("data_prepared")],
    )
    data_prepared: str = prepared("audio_prepare")
    data_verify: bool = verify()
    data_shuffle_shards: int = shuffle_shards()
    data_cache_mb: int = option(
        2048,
        "Decoded audio to keep in memory, in MiB; more goes to a file on disk.",
        minimum=0,
        per_worker=True,
        effect=[effects.not_with("data_prepared")],
    )
    data_cache_dir: str = option(
        "",
        "Folder for that file, and for copies of prepared data; default: data_cache in --train_dir.",
        per_worker=True,
        path=True,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelRuleOptions(Options):
    """How files get their labels."""

    data_labels: str = option(
        "none",
        "Labels of the files, by which sounds are then asked for: folder (their sub-folders of --data_dir), name (the "
        "text before the first _ or digit of their names) or csv (--data_labels_file).",
        choices=RULES,
        resume="fixed",
    )
    data_labels_file: str = option(
        "",
        "csv file with the columns file (its path in --data_dir) and label.",
        per_worker=True,
        path=True,
        effect=[effects.only_with("data_labels", values=("csv",))],
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelOptions(LabelRuleOptions):
    """How clips get their labels."""

    data_balance: bool = option(
        False,
        "Draw all labels equally often, however many files they have.",
        resume="fixed",
        effect=[effects.not_with("data_labels", values=("none",))],
    )


INVERSIONS = ("original", "exact", "fast")
