"""Least memory of training a classifier, by arithmetic."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from eval.classifiers import pitch
from eval.classifiers.options import PITCH_WIDTH, FitOptions
from eval.clips import CLIP_LEN
from gansynth_tf.notes.options import FAMILIES, NoteOptions
from wavegan_tf.core import memory


@dataclasses.dataclass(frozen=True)
class _Sizes:
    """Flags that decide how much memory a classifier of notes needs, with their defaults."""

    batch_size: int = FitOptions.batch_size
    pitch_width: int = PITCH_WIDTH
    audio_length: int = NoteOptions.audio_length


def require_memory(task: str, options: FitOptions, notes: NoteOptions, pitch_width: int, with_family: bool) -> None:
    """Checks that this machine has as much memory as training needs.

    Args:
      task: of the classifier.
      options: of its training.
      notes: to learn from; without a part in words.
      pitch_width: `width` of a `PitchClassifier`.
      with_family: whether it learns the families of the instruments as well.

    Raises:
      UserError: it has less; the message names the flag that asks for most.
    """
    if task == "sc09":
        memory.require_batch(options.batch_size, CLIP_LEN)
        return

    def need(sizes: _Sizes) -> memory.Need:
        frames = pitch.num_frames(sizes.audio_length)
        num_families = len(FAMILIES) if with_family else 0
        parameters = pitch.num_parameters(notes.num_pitches, num_families, frames, sizes.pitch_width)
        # A GPU has room of its own for what the layers make.
        width = 0 if tf.config.list_physical_devices("GPU") else sizes.pitch_width
        clip = sizes.audio_length + pitch.num_values(frames, width)
        return memory.Need(parameters, sizes.batch_size * clip)

    sizes = _Sizes(options.batch_size, pitch_width, notes.audio_length)
    memory.require(sizes, need, [field.name for field in dataclasses.fields(_Sizes)])
