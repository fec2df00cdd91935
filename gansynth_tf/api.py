"""GANSynth in Python: what `import gansynth_tf` offers. TensorFlow is imported when a function is called."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from gansynth_tf.config import CONFIG_FILE, MODEL, GANSynthConfig
from gansynth_tf.hparams import read_experiment
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import load_options, require_fixed, require_options
from wavegan_tf.core.preparation.options import require_there

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    from wavegan_tf.core.serving.model import GeneratorModel

MAGENTAS_LOWEST_PITCH = 24


def train(config: GANSynthConfig, train_dir: str | os.PathLike[str]) -> int:
    """Trains a GANSynth, or continues a run.

    Ctrl-C, SIGTERM and a closed terminal end it after the current step, saved.

    Args:
      config: the options. A run that is continued takes new values of those that may change, and refuses others.
      train_dir: directory of the run: stages with their checkpoints, summaries.

    Returns:
      The number of images that the run has reached.

    Raises:
      UserError: the data, an option or the run in `train_dir` does not allow it, or training diverged.

    >>> import tempfile, gansynth_tf
    >>> config = gansynth_tf.GANSynthConfig(
    ...     data_dir="gansynth_tf/demo/notes", audio_length=2048, data_type="linear", start_height=16, start_width=64,
    ...     num_resolutions=2, fmap_base=16, fmap_max=8, latent_vector_size=4, batch_size_schedule=(2,),
    ...     stable_stage_num_images=2, transition_stage_num_images=2, total_num_images=6, fake_batch_size=1,
    ...     preview_n=1,
    ... )
    >>> gansynth_tf.train(config, train_dir=tempfile.mkdtemp())
    6
    """
    require_options(config, GANSynthConfig)
    train_dir = os.fspath(train_dir)
    path = os.path.join(train_dir, CONFIG_FILE)
    if os.path.exists(path):
        values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
        require_fixed(values, load_options(GANSynthConfig, path, MODEL))
    if config.place in ("data_dir", "data_prepared"):
        require_there(config.data_dir, config.data_prepared)
    from gansynth_tf.stages import training

    return training.train(config, train_dir)


def export_model(
    train_dir: str | os.PathLike[str],
    export_dir: str | os.PathLike[str],
    step: int | None = None,
    float16: bool = False,
    *,
    stage: int | None = None,
    match_levels: bool = False,
    data_dir: str | os.PathLike[str] = "",
) -> int:
    """Exports the moving average of a run's generator as a SavedModel, for `load_model` and TensorFlow Serving.

    Args:
      train_dir: the run.
      export_dir: the version folder to write, such as models/notes/1.
      step: which checkpoint of the stage, by its number of images; None is the newest.
      float16: whether to store the weights as float16, half the size.
      stage: which stage; None is the last that has a checkpoint.
      match_levels: whether to give each pitch the average level, in dB, of the notes of the run that have it.
      data_dir: folder of these notes, if they are no longer where the run had them.

    Returns:
      The number of images that it was trained on.

    Raises:
      UserError: there is no such checkpoint, the folder exists or cannot be written, or the notes whose levels to match
        cannot be used.

    >>> import tempfile, gansynth_tf
    >>> folder = tempfile.mkdtemp()
    >>> images = gansynth_tf.import_tf1_run("tests/goldens/gansynth/checkpoint", f"{folder}/run")
    >>> gansynth_tf.export_model(f"{folder}/run", f"{folder}/1") == images
    True
    """
    train_dir, export_dir = os.fspath(train_dir), os.fspath(export_dir)
    config = load_options(GANSynthConfig, os.path.join(train_dir, CONFIG_FILE), MODEL)
    if data_dir and not match_levels:
        raise UserError(f"--data_dir={os.fspath(data_dir)}: only with --match_levels")
    from gansynth_tf.stages import exporting

    return exporting.export_run(
        config, train_dir, export_dir, stage, step, float16, match_levels, os.fspath(data_dir)
    )


def import_tf1_run(
    tf1_dir: str | os.PathLike[str],
    train_dir: str | os.PathLike[str],
    stage: int | None = None,
    data_min_pitch: int = MAGENTAS_LOWEST_PITCH,
) -> int:
    """Turns a train_root_dir of Magenta's into a run: weights, optimiser slots, average and step.

    Args:
      tf1_dir: holds experiment.json and stages with checkpoints.
      train_dir: to be made; must hold no run yet.
      stage: which stage; None is the last, as for the original.
      data_min_pitch: MIDI number of the first pitch; 24 in all that Magenta trains.

    Returns:
      The number of images that it was trained on.

    Raises:
      UserError: the original cannot be read, or `train_dir` cannot be used.

    >>> import tempfile, gansynth_tf
    >>> gansynth_tf.import_tf1_run("tests/goldens/gansynth/checkpoint", tempfile.mkdtemp()) > 0
    True
    """
    tf1_dir, train_dir = os.fspath(tf1_dir), os.fspath(train_dir)
    values = read_experiment(tf1_dir)
    from gansynth_tf.stages import importing

    return importing.import_tf1_run(values, tf1_dir, train_dir, stage, data_min_pitch)


def render_midi(
    model: GeneratorModel,
    midi_file: str | os.PathLike[str],
    *,
    z: ArrayLike | None = None,
    secs_per_instrument: float | None = None,
    seed: int | None = None,
    sustain: bool = True,
    drums: bool = True,
    batch_size: int = 8,
) -> np.ndarray:
    """Plays a MIDI file with a GANSynth, going from instrument to instrument.

    Args:
      model: from `load_model`.
      midi_file: path of a Standard MIDI File.
      z: latents of the instruments [k, latent_dim] to go through; by default random ones.
      secs_per_instrument: seconds from one instrument to the next, 0.05 to 1e6; by default 6 with random ones, and for
        given ones what goes through them once.
      seed: of random instruments; None for others each time.
      sustain: whether the sustain pedal holds notes; the original ignores it.
      drums: whether the drum channel is played too, by its pitches, as the original does.
      batch_size: notes to compute at a time.

    Returns:
      float32 [t, c], whose largest sample is one half, as in the original; negative ones may be larger in magnitude.

    Raises:
      UserError: the file cannot be used, or an argument is impossible.

    >>> import gansynth_tf
    >>> model = gansynth_tf.load_model("pretrained/notes")
    >>> clip = gansynth_tf.render_midi(model, "gansynth_tf/demo/tune.mid", seed=1)
    >>> round(float(clip.max()), 3)
    0.5
    """
    if not os.path.exists(midi_file):
        raise UserError(f"--midi_file={midi_file}: not found")
    from gansynth_tf.midi import rendering

    return rendering.render_midi(
        model, os.fspath(midi_file), z=z, secs_per_instrument=secs_per_instrument, seed=seed, sustain=sustain,
        drums=drums, batch_size=batch_size,
    )  # fmt: skip
