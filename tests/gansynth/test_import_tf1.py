"""Magenta's training directories as runs of ours: what they generate, and how they go on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansynth_tf import api, normalizer
from gansynth_tf.config import CONFIG_FILE, MODEL, GANSynthConfig
from gansynth_tf.hparams import config_of_experiment, read_experiment
from gansynth_tf.progressive import original_names
from gansynth_tf.stages.importing import original_variables
from gansynth_tf.stages.model import StageModel
from tests.commands import checkpoint_values, one_line_error, run
from tests.gansynth.notes.test_files import NOTES
from tests.gansynth.reference import names, read, variables_of
from tests.originals import GOLDENS, assert_near
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import load_options
from wavegan_tf.core.serving.model import GeneratorModel

ORIGINAL = GOLDENS / "gansynth" / "checkpoint"
EXPECTED = np.load(GOLDENS / "gansynth" / "checkpoint_expected.npz")
ENDS = {0: 16, 1: 34, 2: 46, 3: 61, 4: 94}


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> Path:
    """The original's last stage as a run."""
    directory = tmp_path_factory.mktemp("imported") / "run"
    assert api.import_tf1_run(str(ORIGINAL), str(directory)) == EXPECTED["current_image_id"] == 94
    return directory


@pytest.fixture
def original(tmp_path) -> Path:
    """A copy of the original's directory to change."""
    return Path(shutil.copytree(ORIGINAL, tmp_path / "original"))


def change_experiment(original: Path, **changes) -> None:
    path = original / CONFIG_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_it_generates_the_originals_notes(imported, tmp_path):
    api.export_model(str(imported), str(tmp_path / "1"))
    model = GeneratorModel(str(tmp_path / "1"), MODEL)
    assert model.metadata["progress"] == EXPECTED["progress"] and model.metadata["stage"] == EXPECTED["stage_id"]
    z, pitches = EXPECTED["z"].astype(np.float32), EXPECTED["pitches"].astype(np.int32)
    for batch_size in (1, 3, 5):
        waves = np.stack(list(model.stream({"z": z, "pitch": pitches}, batch_size)))
        assert_near(waves[:, :, 0], EXPECTED["waves"], 2e-5)
    served = tf.saved_model.load(str(tmp_path / "1"))
    data = served.signatures["specgram"](z=tf.constant(z), pitch=tf.constant(pitches))["data"].numpy()
    # Two adjacent float32 sums of the original differ by as much; its README has the figures.
    assert_near(data, EXPECTED["raw_generated_data"][: len(z)], 2e-5)
    without_average = EXPECTED["raw_generated_data_non_ema_first_batch"]
    assert np.abs(data[:3] - without_average).max() > 0.1


def test_options_are_the_originals_and_the_row_of_the_table_is_found(imported, original, tmp_path):
    config = load_options(GANSynthConfig, str(imported / CONFIG_FILE), MODEL)
    experiment = json.loads((ORIGINAL / CONFIG_FILE).read_text())
    left_out = {"train_root_dir", "train_data_path", "dataset_name", "master", "ps_tasks", "task", "g_fn", "d_fn"}
    for name, value in experiment.items():
        if name not in left_out:
            found = getattr(config, name)
            assert (list(found) if isinstance(found, tuple) else found) == value, name
    assert config.config == "mel_prog_hires" and (config.data_min_pitch, config.data_max_pitch) == (24, 84)
    assert config.train_data_path == ""
    (original / CONFIG_FILE).write_text("{}")
    values = read_experiment(str(original))
    bare = config_of_experiment(values, 61, 24)
    # Magenta's own defaults, not the paper's.
    assert (bare.generator_learning_rate, bare.fmap_base, bare.batch_size_schedule) == (4e-4, 512, (16, 8))
    assert (bare.start_height, bare.start_width, bare.total_num_images, bare.config) == (4, 8, 320, "mel_prog")


def checkpoint_name(original: str) -> str:
    """Ours for a weight of the original's."""
    kind = "generator_ema" if original.endswith("ExponentialMovingAverage") else original.split("/")[0].lower()
    parts = [part for part in original.split("/")[2:] if part not in ("conv2d", "dense", "ExponentialMovingAverage")]
    block = [] if parts[0].startswith("progressive") else ["progressive_gan_block_1"]
    *layer, variable = [*block, *parts]
    return f"{kind}/{'_'.join(layer)}.S{variable}/.ATTRIBUTES/VARIABLE_VALUE"


@pytest.mark.parametrize("stage_id", range(5))
def test_every_stage_keeps_its_weights_slots_and_counters(stage_id, tmp_path):
    assert api.import_tf1_run(str(ORIGINAL), str(tmp_path / "run"), stage_id) == ENDS[stage_id]
    folder, ckpt = f"stage_{stage_id:05d}", f"model.ckpt-{ENDS[stage_id]}"
    theirs = checkpoint_values(ORIGINAL / folder / ckpt)
    ours = checkpoint_values(tmp_path / "run" / folder / ckpt)
    weights = {n: v for n, v in theirs.items() if n.startswith(("Generator/", "Discriminator/"))}
    for name, value in weights.items():
        np.testing.assert_array_equal(ours[checkpoint_name(name)], value, err_msg=name)
    assert len(weights) == sum(name.startswith(("generator", "discriminator")) for name in ours)

    # A run that goes on has these, and Adam's moments too, by the names that the training's goldens are held to.
    config = load_options(GANSynthConfig, str(tmp_path / "run" / CONFIG_FILE), MODEL)
    policy = keras.DTypePolicy("float32")
    model = StageModel(config, config.schedule.stage(stage_id), config.num_pitches, str(tmp_path / "run"), policy)
    assert model.restore() == ENDS[stage_id]
    assert float(model.train_time) == theirs["Variable"] > 0.5  # seconds, though images were counted
    found = original_variables(model)
    assert found.keys() == {name for name in theirs if name in weights or "/Adam" in name}
    for name, variable in found.items():
        np.testing.assert_array_equal(variable, theirs[name], err_msg=name)
    for network, optimizer in ((model.generator, model.g_optimizer), (model.discriminator, model.d_optimizer)):
        of_path = {variable.path: name for name, variable in original_names(network).items()}
        slots = zip(network.trainable_variables, optimizer.first_moments, optimizer.second_moments, strict=True)
        for variable, first, second in slots:
            name = f"progressive_gan_train_ops/{of_path[variable.path]}/Adam"
            np.testing.assert_array_equal(first, theirs[name])
            np.testing.assert_array_equal(second, theirs[f"{name}_1"])
    for name, optimizer in (("generator", model.g_optimizer), ("discriminator", model.d_optimizer)):
        power = theirs[f"progressive_gan_train_ops/{name}_train/beta2_power"]
        assert int(optimizer.iterations) == round(np.log(power) / np.log(0.99)) - 1 > 0


@pytest.mark.slow
def test_training_goes_on_from_the_middle_of_a_stage_and_into_the_next(tmp_path):
    """Stage 2 ends at 42 + 4 images in the original; stages 3 and 4 are then trained here."""
    run_dir = tmp_path / "run"
    run("gansynth_tf.import_tf1", f"--tf1_dir={ORIGINAL}", f"--train_dir={run_dir}", "--stage=2")
    errors = run(
        "gansynth_tf.train", f"--train_root_dir={run_dir}", f"--data_dir={NOTES}",
        '--hparams={"fake_batch_size": 2, "preview_n": 2, "save_summaries_num_images": 1000}',
    )  # fmt: skip
    assert "continuing at image 46" in errors and "training is over" in errors
    taken = checkpoint_values(run_dir / "stage_00003" / "model.ckpt-46")
    before = checkpoint_values(run_dir / "stage_00002" / "model.ckpt-46")
    shared = [name for name in before if name.startswith("generator_ema/") and name in taken]
    assert len(shared) > 5
    for name in shared:
        np.testing.assert_array_equal(taken[name], before[name], err_msg=name)
    assert (run_dir / "stage_00004" / "model.ckpt-91.index").exists()


def test_a_moved_directory_whose_lists_hold_old_paths_is_found(original, tmp_path):
    for path in original.glob("stage_*/checkpoint"):
        path.write_text(path.read_text().replace('"model.ckpt', '"/no/longer/here/model.ckpt'))
    assert api.import_tf1_run(str(original), str(tmp_path / "run")) == 94
    for path in original.glob("stage_*/checkpoint"):
        path.unlink()
    assert api.import_tf1_run(str(original), str(tmp_path / "other"), 3) == 61


def test_only_the_last_stage_need_be_there(original, tmp_path):
    for stage_id in range(4):
        shutil.rmtree(original / f"stage_{stage_id:05d}")
    assert api.import_tf1_run(str(original), str(tmp_path / "run")) == 94


def test_what_this_code_does_not_know_is_named_and_left_out(original, tmp_path, caplog):
    change_experiment(original, train_meta_path="/old/meta.json", old_option=3, task=2, master="grpc://x")
    api.import_tf1_run(str(original), str(tmp_path / "run"), 0)
    assert [record.message for record in caplog.records if "is not known" in record.message] == [
        "experiment.json: old_option is not known and is skipped"
    ]


def test_a_normaliser_of_the_data_comes_along(original, tmp_path):
    kind = "specgrams_freq_normalizer"
    change_experiment(original, data_normalizer=kind)
    with pytest.raises(UserError, match=f"assets/{kind}.npz: cannot be read as a normaliser"):
        api.import_tf1_run(str(original), str(tmp_path / "run"))
    rows = np.random.default_rng(0).uniform(0.5, 1, [64, 4])
    normalizer.save(str(original / "assets" / f"{kind}.npz"), rows)
    api.import_tf1_run(str(original), str(tmp_path / "run"))
    api.export_model(str(tmp_path / "run"), str(tmp_path / "1"))
    function = tf.saved_model.load(str(tmp_path / "1")).signatures["specgram"]
    z, pitch = tf.constant(EXPECTED["z"], tf.float32), tf.constant(EXPECTED["pitches"], tf.int32)
    # What the original's prespecified numbers make of the same images.
    images = EXPECTED["raw_generated_data"][:5] * [0.0661371661726, 0.8] + [0.113718730221, 0.0]
    assert_near(function(z=z, pitch=pitch)["data"], (images - rows[:, 1::2]) / rows[:, 0::2], 2e-5)


def test_mistakes_are_one_line(original, imported, tmp_path):
    new = str(tmp_path / "new")

    def refused(match, **options):
        with pytest.raises(UserError, match=match) as error:
            api.import_tf1_run(str(original), new, **options)
        assert "\n" not in str(error.value) and not (tmp_path / "new").exists()

    refused("stage=7: .*original has stages 0, 1, 2, 3, 4", stage=7)
    with pytest.raises(UserError, match="holds a run already"):
        api.import_tf1_run(str(original), str(imported))
    with pytest.raises(UserError, match="is a run of gansynth_train already"):
        api.import_tf1_run(str(imported), new)
    with pytest.raises(UserError, match="experiment.json: cannot be read .* is this a train_root_dir of Magenta's"):
        api.import_tf1_run(str(tmp_path), new)
    refused("data_min_pitch=100: the checkpoint has 61 pitches; at most 67", data_min_pitch=100)
    for size in ("fmap_max", "latent_vector_size"):
        change_experiment(original, **{size: 10**9, "fmap_base": 2 * 10**9})
        refused(r"checkpoint: Generator/\S+ has shape \[2, 16, 69, 8\], experiment.json asks for \[2, 16, ")
        change_experiment(original, fmap_max=8, latent_vector_size=8, fmap_base=32)
    change_experiment(original, kernel_size=5)
    refused(r"checkpoint: \S+ has shape \[3, 3, .*\], experiment.json asks for \[5, 5, ")
    change_experiment(original, kernel_size=3, num_resolutions=10**6)
    refused("num_resolutions=1000000: must be at most 20")
    change_experiment(original, num_resolutions=3, fmap_max=16)
    refused(r"checkpoint: \S+ has shape \[.*\], experiment.json asks for \[")
    change_experiment(original, fmap_max=8, num_resolutions=2)
    refused("experiment.json: audio_length=320: .* num_resolutions=2 .* make 4 x 32 frames x bins, which hold 112")
    change_experiment(original, num_resolutions=2, start_height=16)
    refused("stage_00004: by experiment.json the last stage is 2")
    change_experiment(original, num_resolutions=3, start_height=2, g_fn="wave")
    refused("g_fn='wave': must be 'specgram'")
    change_experiment(original, g_fn="specgram", latent_vector_size="many")
    refused("experiment.json: latent_vector_size='many': must be of type int")
    change_experiment(original, latent_vector_size=8)
    shard = original / "stage_00004" / "model.ckpt-94.data-00000-of-00001"
    shard.write_bytes(shard.read_bytes()[:-2000])
    refused("model.ckpt-94: damaged checkpoint")
    shard.unlink()
    refused("model.ckpt-94: damaged checkpoint")
    (original / "stage_00004" / "model.ckpt-94.index").unlink()
    refused("stage_00004: its file 'checkpoint' names model.ckpt-94, whose .index is missing")
    (original / "stage_00004" / "checkpoint").unlink()
    (original / "stage_00004" / "model.ckpt-61.index").unlink()
    refused("stage_00004: holds no checkpoint")
    for path in original.glob("stage_*"):
        shutil.rmtree(path)
    refused("holds no folder of a stage")
    (original / CONFIG_FILE).write_text("[1]")
    refused("experiment.json: must be a JSON object")


def test_the_command_says_what_it_did_and_what_was_wrong(tmp_path):
    errors = run("gansynth_tf.import_tf1", f"--tf1_dir={ORIGINAL}", f"--train_dir={tmp_path / 'run'}")
    assert f"image 94 of {ORIGINAL} is now a run in {tmp_path / 'run'}" in errors
    errors = run("gansynth_tf.import_tf1", f"--tf1_dir={tmp_path}", f"--train_dir={tmp_path / 'new'}", code=1)
    assert "experiment.json: cannot be read" in one_line_error(errors)


def write_original(directory: Path, golden, settings, blocks: int, progress: float) -> None:
    """A train_root_dir at a moment of a training, with the variables of a golden file and a fresh Adam."""
    stable, transition = 1000, 500
    whole, share = divmod(progress, 1)
    image_id = round(whole * (stable + transition) + (stable + share * transition if share else stable / 2))
    stage_dir = directory / f"stage_{2 * (blocks - 1) - (1 if share else 0):05d}"
    stage_dir.mkdir(parents=True)
    counts = {"stable_stage_num_images": stable, "transition_stage_num_images": transition, "total_num_images": 10**6}
    (directory / CONFIG_FILE).write_text(json.dumps({**settings, **counts}))
    values: dict[str, Any] = variables_of(golden)
    values.update({f"{n}/ExponentialMovingAverage": v for n, v in values.items() if n.startswith("Generator/")})
    slots = {f"progressive_gan_train_ops/{n}/Adam": 0 * v for n, v in values.items() if "Exponential" not in n}
    values.update({**slots, **{f"{name}_1": value for name, value in slots.items()}})
    values.update({f"progressive_gan_train_ops/{n}_train/beta2_power": np.float32(0.99)
                   for n in ("generator", "discriminator")})  # fmt: skip
    values.update({"global_step": np.int64(image_id), "Variable": np.float32(0)})
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        made = [tf.compat.v1.Variable(value, name=name) for name, value in values.items()]
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(made)
        saver.save(session, str(stage_dir / "model.ckpt"), image_id, write_meta_graph=False)


@pytest.mark.parametrize("name", names("networks_*.npz"))
def test_every_architecture_is_imported_in_the_middle_of_a_fade_in_too(name, tmp_path):
    golden, settings = read(name)
    cases = [(index, int(b), float(p)) for index, (b, p) in enumerate(golden["cases_num_blocks_progress"])]
    # Moments that a training comes to.
    moments = {(b, p): index for index, b, p in cases if b - 2 < p <= b - 1}
    assert any(p % 1 for _, p in moments) and len(moments) >= 3
    pitches = tf.constant(np.argmax(golden["one_hot_labels"], axis=1) + 24, tf.int32)
    for (blocks, progress), index in list(moments.items())[-2:]:
        case = tmp_path / str(index)
        write_original(case / "original", golden, {**settings, "audio_length": 100}, blocks, progress)
        api.import_tf1_run(str(case / "original"), str(case / "run"))
        api.export_model(str(case / "run"), str(case / "1"))
        served = tf.saved_model.load(str(case / "1")).signatures["specgram"]
        data = served(z=tf.constant(golden["z"], tf.float32), pitch=pitches)["data"]
        stride = int(golden["G_output_stride_hw"])
        assert_near(data[:, ::stride, ::stride], golden[f"{index:02d}/G_output"], 2e-5)
