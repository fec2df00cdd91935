"""From a run to a folder that `train` trains in, and back into the run's checkpoints."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gansynth_tf.config import CONFIG_FILE, MODEL, GANSynthConfig
from gansynth_tf.notes.loading import load_notes
from gansynth_tf.resolution import StageData
from gansynth_tf.stages.features import make_features, run_normalizer, waves_of
from tests.device import portable, program, train
from tests.device.export import trace
from tests.device.subjects import MODELS, Subject, make_subject
from wavegan_tf.core.audio import clips
from wavegan_tf.core.dcgan import options as gan_options
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import load_options

# Of a run's files, none that training makes along the way.
_LEFT_OUT = shutil.ignore_patterns("preview", "events.out.*", "data_cache", "*.jsonl", ".*", "train.lock")
_CURVE_POINTS = 1025


def load_run(run_dir: Path) -> Any:
    """The options of a run of any model.

    Raises:
      UserError: there is no run.
    """
    if (run_dir / CONFIG_FILE).exists():
        return load_options(GANSynthConfig, str(run_dir / CONFIG_FILE), MODEL)
    path = run_dir / gan_options.CONFIG_FILE
    try:
        model = json.loads(path.read_text(encoding="utf-8"))["model"]
        return gan_options.load_run(MODELS[model], str(run_dir))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"--train_dir={run_dir}: holds no run ({error})") from None


def lasting_names(subject: Subject) -> dict[str, keras.Variable]:
    """All variables as OWNER/NAME, alike in each process and stage, unlike Keras's paths: in checkpoints' manner."""
    found = {}
    for owner, variables in subject.owners.items():
        for number, variable in enumerate(variables):
            name = f"{number:04d}" if owner.endswith("optimizer") else variable.path.split("/", 1)[1]
            found[f"{owner}/{name}"] = variable
    return found


def export_run(run_dir: Path, data_dir: str, folder: Path) -> None:
    """Writes what `train` needs to go on with a run: programs, the newest checkpoint's state, and the examples.

    Args:
      run_dir: a run with a checkpoint, of any model. It is left as it is.
      data_dir: its audio.
      folder: made if it is missing; the manifest is written last.

    Raises:
      UserError: there is no run, the audio cannot be used, or the folder cannot be written.
    """
    config = dataclasses.replace(load_run(run_dir), data_dir=data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / train.MANIFEST).unlink(missing_ok=True)
        with tempfile.TemporaryDirectory() as temporary:
            copied = Path(temporary, "run")
            shutil.copytree(run_dir, copied, ignore=_LEFT_OUT)
            write = _write_stages if isinstance(config, GANSynthConfig) else _write_clips
            manifest = {"format": train.FORMAT, "seed": config.seed, **write(config, copied, folder)}
        for module in (portable, train):
            shutil.copyfile(str(module.__file__), folder / Path(str(module.__file__)).name)
        temporary_file = folder / f"{train.MANIFEST}.tmp"
        temporary_file.write_text(json.dumps(manifest) + "\n", encoding="utf-8")
        temporary_file.replace(folder / train.MANIFEST)
    except OSError as error:
        raise UserError(f"--output={folder}: cannot be written ({error.strerror or error})") from None


def _write_clips(config: Any, run_dir: Path, folder: Path) -> dict[str, Any]:
    """The files of a WaveGAN or a SpecGAN; returns their part of the manifest."""
    subject = make_subject(config, 0, str(run_dir))
    step = subject.restore()
    labelling = gan_options.labelling(config, str(run_dir))
    store = clips.load_clips(config, str(run_dir / "cache"), labelling, config.data_balance)
    # The clips of one epoch, which with `data_first_slice` are those of all.
    batches = clips.first_epoch(store, batch_size=64, seed=config.seed)
    examples = {"clips": _as_integers(np.concatenate([batch.numpy() for batch in batches]))}
    radius = config.own("disc_phaseshuffle")
    kinds = {
        "clips": ["rows", "clips"], "z": ["uniform", -1.0, 1.0], "alpha": ["uniform", 0.0, 1.0],
        "phases": ["integers", -radius, radius + 1],
    }  # fmt: skip
    if store.labels:
        labels = clips.first_epoch_labels(store, config.seed)
        shares = np.bincount(labels, minlength=len(store.labels)) / len(labels)
        if store.is_balanced:
            examples["weights"] = (1.0 / shares[labels] / len(labels)).astype(np.float32)
            shares = np.where(shares > 0, 1.0, 0.0)
        examples["labels"] = labels.astype(np.int32)
        kinds |= {"critic/labels": ["rows", "labels"], "generator/labels": ["labels", (shares / shares.sum()).tolist()]}
    np.savez_compressed(folder / train.EXAMPLES, **examples)
    entry, variables = _write_stage(subject, folder, 0, kinds, frozenset())
    # Beyond its end a rate that falls would stay zero.
    end = config.train_steps if config.train_learning_rate_decay_steps else None
    return {"step": step, "variables": {"0": variables}, "stages": [{**entry, "step_size": 1, "end_step": end}]}


def _write_stages(config: GANSynthConfig, run_dir: Path, folder: Path) -> dict[str, Any]:
    """The files of a GANSynth from the stage that its run has come to; returns their part of the manifest."""
    store = load_notes(config, str(run_dir / "cache"), config.num_channels)
    features = make_features(config)
    waves = np.concatenate([batch.numpy() for batch in waves_of(store, range(len(store)))])
    pitches = np.stack([store.one_hot(tf.constant(index, tf.int64)).numpy() for index in range(len(store))])
    np.savez_compressed(folder / train.EXAMPLES, waves=_as_integers(waves), pitches=pitches)
    probabilities = (store.pitch_counts / store.pitch_counts.sum()).tolist()
    first = max(stage.stage_id for stage in map(config.schedule.stage, range(config.schedule.num_stages))
                if (run_dir / stage.directory).is_dir())  # fmt: skip
    manifest: dict[str, Any] = {"variables": {}, "stages": []}
    before: frozenset[str] = frozenset()
    for stage_id in range(first, config.schedule.num_stages):
        stage = config.schedule.stage(stage_id)
        subject = make_subject(config, stage_id, str(run_dir))
        if stage_id == first:
            manifest["step"] = start = subject.restore()
        images = np.unique(np.linspace(start, stage.end_image, _CURVE_POINTS, dtype=np.int64))
        progress = [float(config.progress(stage.num_blocks, int(image), 0.0)) for image in images]
        kinds: dict[str, Any] = {
            "features": ["rows", "features"], "real/pitches": ["rows", "pitches"], "z": ["normal"],
            "pitches": ["one_hot", probabilities], "alpha": ["uniform", 0.0, 1.0],
            "progress": ["curve", images.tolist(), progress],
        }  # fmt: skip
        entry, variables = _write_stage(subject, folder, stage_id, kinds, before)
        data = StageData(config.resolutions, stage.num_blocks, run_normalizer(config, None, features, str(run_dir)))
        path = f"features_{stage_id}.mlirbc"
        size = config.resolutions.resolutions(stage.num_blocks)
        (folder / path).write_bytes(_transform(features, data, waves[: train.FEATURE_BATCH]))
        entry["features"] = {"program": path, "shape": [*size, features.data_shape[-1]]}
        manifest["stages"].append({**entry, "step_size": stage.batch_size, "end_step": stage.end_image})
        manifest["variables"][str(stage_id)] = variables
        before = frozenset(name for name in variables if not name.startswith(("g_optimizer/", "d_optimizer/")))
        start = stage.end_image
    return manifest


def _as_integers(waves: np.ndarray) -> np.ndarray:
    """Samples rounded to 16 bits, as most files have them."""
    return np.clip(np.rint(waves / train.SCALE), -(2**15), 2**15 - 1).astype(np.int16)


def _transform(features: Any, data: StageData, waves: np.ndarray) -> bytes:
    """The program from a batch of waves to features at a stage's resolution."""
    batch = tf.constant(np.resize(waves, [train.FEATURE_BATCH, *waves.shape[1:]]))
    transform = tf.function(
        lambda given: [data.downsample(features.waves_to_data(given))], jit_compile=True, autograph=False
    )
    hlo = transform.experimental_get_compiler_ir(batch)(stage="hlo_serialized")
    return program.translate(hlo, 1, 0, [None]).exact


def _write_stage(
    subject: Subject, folder: Path, stage_id: int, kinds: Mapping[str, Any], carried: frozenset[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Writes program and state of a stage; returns its entry in the manifest, and its variables' shapes and dtypes.

    Args:
      subject: with the variables' values.
      folder: of the export.
      stage_id: names the files.
      kinds: how inputs are drawn, by their whole or their last name.
      carried: names of the variables that have their values from the stage before, if they are there.
    """
    variables = lasting_names(subject)
    values = {name: variable.numpy() for name, variable in variables.items()}
    found, used, metrics = trace(subject, variables)
    changes = [used[number - len(metrics)] for number in found.results[len(metrics) :]]
    inputs = {}
    for name, value in subject.draw(0).items():
        if value.shape.num_elements():
            kind = kinds.get(name) or kinds[name.split("/")[-1]]
            inputs[name] = {"shape": list(value.shape), "dtype": value.dtype.name, "draw": kind}
    path, state = f"iteration_{stage_id}.mlirbc", f"state_{stage_id}.npz"
    (folder / path).write_bytes(found.rounding)
    np.savez_compressed(folder / state, **{name: value for name, value in values.items() if name not in carried})
    entry = {
        "id": stage_id, "program": path, "state": state, "changes": changes,
        "reads": [name for name in used if name not in changes], "metrics": metrics, "inputs": inputs,
        "carried": sorted(carried & values.keys()),
    }  # fmt: skip
    return entry, {name: {"shape": list(value.shape), "dtype": str(value.dtype)} for name, value in values.items()}


def take_back(folder: Path, run_dir: Path) -> int:
    """Saves what `train` has trained as the run's newest checkpoint.

    Args:
      folder: that `train` wrote.
      run_dir: the run that was exported.

    Returns:
      The step.

    Raises:
      UserError: there is nothing, it is damaged, or of another run.
    """
    try:
        found = train.load(folder)
    except portable.Failure as failure:
        raise UserError(str(failure)) from None
    if found is None:
        raise UserError(f"{folder}: holds nothing that has been trained")
    state, stage_id, step = found
    config = load_run(run_dir)
    subject = make_subject(config, stage_id, str(run_dir))
    if not isinstance(config, GANSynthConfig):
        # What counts the clips that were taken until now.
        subject.restore()
    variables = lasting_names(subject)
    for name, variable in variables.items():
        if name not in state or state[name].shape != tuple(variable.shape):
            raise UserError(f"{folder}: is not of the run in {run_dir} ({name} is missing or has another shape)")
        variable.assign(state[name])
    subject.save(step)
    return step
