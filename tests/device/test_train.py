"""Training that goes on on a device: the iterations, draws and state, and the way into the run's checkpoints."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import tensorflow as tf

import gansynth_tf
import specgan_tf
import wavegan_tf
from gansynth_tf.stages.features import make_features
from tests.commands import DRUMS, few_drums
from tests.device import portable, runs, train
from tests.device.portable import Failure
from tests.device.subjects import make_subject
from tests.device.test_export import assert_agrees
from tests.device.test_run import alone, said  # noqa: F401 - a fixture
from wavegan_tf.core.dcgan import options as gan_options
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.training import checkpoints

NOTES = Path(gansynth_tf.__file__).parent / "demo" / "notes"
LATENT = {"train_batch_size": 3, "data_first_slice": True, "train_ema_decay": 0.9, "preview_n": 1, "train_steps": 1}


@pytest.fixture(autouse=True, scope="module")
def jax_with_64_bits():
    """As the command starts it; not at the module's import, as its threads are in the way of tests that fork."""
    portable.import_jax()


def trained(output):
    """State, stage and step."""
    found = train.load(output)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def drums(tmp_path_factory):
    return few_drums(tmp_path_factory.mktemp("audio") / "drums", 4)


def train_run(model, run_dir, drums, **changes):
    """A run of one step."""
    own = {"dim": 1, "kernel_len": 5, "latent_dim": 4, "disc_nupdates": 2, "disc_phaseshuffle": 1}
    package, config = {
        "wavegan": (wavegan_tf, wavegan_tf.WaveGANConfig), "specgan": (specgan_tf, specgan_tf.SpecGANConfig),
    }[model]  # fmt: skip
    options = {**LATENT, "data_dir": str(drums), **{f"{model}_{name}": value for name, value in own.items()}, **changes}
    package.train(config(**options), run_dir)


@pytest.fixture(scope="module")
def exported(tmp_path_factory, drums):
    """The run of a WaveGAN and its export."""
    run_dir, folder = tmp_path_factory.mktemp("wavegan"), tmp_path_factory.mktemp("export")
    train_run("wavegan", run_dir, drums)
    unsettle(run_dir, 1)
    runs.export_run(run_dir, str(drums), folder)
    return run_dir, folder


def unsettle(run_dir, step):
    """Saves a checkpoint from which rounding decides over nothing; see `export.describe`."""
    subject = make_subject(runs.load_run(run_dir), 0, str(run_dir))
    subject.restore()
    for seed, (name, variable) in enumerate(runs.lasting_names(subject).items()):
        if name.endswith("bias"):
            variable.assign(np.random.default_rng(seed).uniform(-0.01, 0.01, variable.shape))
    for optimizer in subject.optimizers:
        for moment in optimizer.second_moments:
            moment.assign(np.ones(moment.shape))
    subject.save(step)


def assert_iterations_are_trainings(run_dir, folder):
    """Makes three iterations of the first stage with JAX, and with TensorFlow from the same draws."""
    manifest = train.read(folder)
    entry, step = manifest["stages"][0], manifest["step"]
    subject = make_subject(runs.load_run(run_dir), entry["id"], str(run_dir))
    assert subject.restore() == step
    with np.load(folder / train.EXAMPLES) as examples:
        stage = train.Stage(folder, entry, manifest["variables"][str(entry["id"])], dict(examples))
    before, key = train.begin(folder, entry, {}), jax.random.PRNGKey(1)
    state = dict(before)
    means = stage(state, key, step, 3)
    metrics = []
    for place in range(step, step + 3 * entry["step_size"], entry["step_size"]):
        drawn = train.draw(entry["inputs"], stage.tables, jax.random.fold_in(key, place), place)
        empty = {name: value for name, value in subject.draw(0).items() if name not in drawn}
        given = {**{name: tf.constant(np.asarray(value)) for name, value in drawn.items()}, **empty}
        metrics.append({name: float(value) for name, value in subject.iterate(given).items()})
    for name, mean in means.items():
        assert mean == pytest.approx(np.mean([row[name] for row in metrics]), rel=1e-4, abs=1e-5), name
    expected = {name: variable.numpy() for name, variable in runs.lasting_names(subject).items()}
    assert state.keys() == expected.keys()
    changed = [name for name in entry["changes"] if not np.array_equal(before[name], state[name])]
    assert len(changed) > 0.9 * len(entry["changes"])
    assert_agrees(state, expected, [], 1e-4)


@pytest.mark.slow
def test_iterations_are_those_of_training_from_the_checkpoint(exported):
    assert_iterations_are_trainings(*exported)


@pytest.mark.slow
def test_a_specgan_has_the_moments_of_its_run(drums, tmp_path):
    train_run("specgan", tmp_path / "run", drums)
    unsettle(tmp_path / "run", 1)
    runs.export_run(tmp_path / "run", str(drums), tmp_path / "export")
    assert_iterations_are_trainings(tmp_path / "run", tmp_path / "export")


@pytest.mark.slow
def test_a_rate_that_falls(drums, tmp_path):
    """With both networks, and training ends where it is zero."""
    run_dir = tmp_path / "run"
    train_run("wavegan", run_dir, drums)
    falling = {"train_steps": 5, "train_learning_rate_decay_steps": 4, "train_learning_rate": 0.01}
    gan_options.save_run(dataclasses.replace(runs.load_run(run_dir), **falling), str(run_dir))
    unsettle(run_dir, 1)
    runs.export_run(run_dir, str(drums), tmp_path / "export")
    assert_iterations_are_trainings(run_dir, tmp_path / "export")
    assert train.train(tmp_path / "export", tmp_path / "trained", steps=9) == (0, 5)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["wavegan", "specgan"])
def test_labels(model, tmp_path):
    """Those of real sounds are their own, those of generated ones as frequent; balanced, all are alike."""
    drums = tmp_path / "drums"
    drums.mkdir()
    for name in ("kick_sonicpi_001", "kick_sonicpi_002", "kick_sonicpi_003", "snare_sonicpi_001"):
        (drums / f"{name}.flac").symlink_to(DRUMS / f"{name}.flac")
    for is_balanced in (False, True):
        run_dir, folder = tmp_path / f"run_{is_balanced}", tmp_path / f"export_{is_balanced}"
        train_run(model, run_dir, drums, data_labels="name", data_balance=is_balanced)
        unsettle(run_dir, 1)
        runs.export_run(run_dir, str(drums), folder)
        assert_iterations_are_trainings(run_dir, folder)
        with np.load(folder / train.EXAMPLES) as archive:
            tables = dict(archive)
        specs = train.read(folder)["stages"][0]["inputs"]
        drawn = [train.draw(specs, tables, jax.random.PRNGKey(number), 0) for number in range(60)]
        clips, labels, own = (
            np.concatenate([np.asarray(one[name])[0] for one in drawn])
            for name in ("critic/clips", "critic/labels", "generator/labels")
        )
        rounded = tables["clips"].astype(np.float32) * np.float32(train.SCALE)
        of_clip = [tables["labels"][(rounded == clip).all(axis=(1, 2)).argmax()] for clip in clips]
        np.testing.assert_array_equal(labels, of_clip)
        expected = 0.5 if is_balanced else 0.75
        assert np.mean(labels == 0) == pytest.approx(expected, abs=0.12)
        assert np.mean(own == 0) == pytest.approx(expected, abs=0.12)


@pytest.mark.slow
def test_what_was_trained_becomes_the_newest_checkpoint(exported, tmp_path, drums):
    run_dir, folder = exported
    train.train(folder, tmp_path, steps=2)
    assert runs.take_back(tmp_path, run_dir) == 3
    assert checkpoints.steps(str(run_dir))[-1] == 3
    state, *_ = trained(tmp_path)
    subject = make_subject(runs.load_run(run_dir), 0, str(run_dir))
    assert subject.restore() == 3
    for name, variable in runs.lasting_names(subject).items():
        np.testing.assert_array_equal(variable.numpy(), state[name], err_msg=name)
    reader = tf.train.load_checkpoint(str(run_dir / "model.ckpt-3"))
    counts = {"critic_updates": 3 * 2, "clips": 3 * 2 * 3}
    found = {name: reader.get_tensor(f"consumed/{name}/.ATTRIBUTES/VARIABLE_VALUE") for name in counts}
    assert found == counts
    train_run("wavegan", run_dir, drums, train_steps=4)
    assert checkpoints.steps(str(run_dir))[-1] == 4


@pytest.fixture(scope="module")
def notes(tmp_path_factory):
    """The run of a GANSynth that has not trained yet, and its export."""
    run_dir, folder = tmp_path_factory.mktemp("gansynth"), tmp_path_factory.mktemp("export")
    config = gansynth_tf.GANSynthConfig(
        data_dir=str(NOTES), num_resolutions=2, latent_vector_size=4, audio_length=112, fmap_max=2,
        fmap_base=8, batch_size_schedule=(3,), stable_stage_num_images=6, transition_stage_num_images=7,
        total_num_images=100, train_time_limit_secs=0.001, fake_batch_size=2, preview_n=2,
    )  # fmt: skip
    gansynth_tf.train(config, run_dir)
    unsettle(run_dir, 0)
    runs.export_run(run_dir, str(NOTES), folder)
    return run_dir, folder


@pytest.mark.slow
def test_iterations_of_a_stage_are_those_of_training(notes):
    assert [entry["id"] for entry in train.read(notes[1])["stages"]] == [0, 1, 2]
    assert_iterations_are_trainings(*notes)


@pytest.mark.slow
def test_features_of_a_stage_are_trainings(notes):
    run_dir, folder = notes
    manifest, config = train.read(folder), runs.load_run(run_dir)
    with np.load(folder / train.EXAMPLES) as examples:
        tables = dict(examples)
    waves = tables["waves"].astype(np.float32) * np.float32(train.SCALE)
    expected = make_features(config).waves_to_data(tf.constant(waves)).numpy()
    last = manifest["stages"][-1]
    found = train.Stage(folder, last, manifest["variables"]["2"], tables).tables["features"]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found[..., 0], expected[..., 0], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_stages_end_and_go_on_from_the_one_before(notes, tmp_path):
    """As in training: at the first batch that brings the images there, and only blocks are taken over."""
    run_dir, folder = notes
    lines: list[str] = []
    assert train.train(folder, tmp_path, steps=1, show=lines.append) == (2, 9)
    assert [line.split(",")[0] for line in lines] == ["stage 0", "stage 1", "stage 2"]
    manifest = train.read(folder)
    first, second, _ = manifest["stages"]
    before = train.begin(folder, first, {})
    marked = {name: value + 1 for name, value in before.items()}
    state = train.begin(folder, second, marked)
    assert set(second["carried"]) == {name for name in before if "optimizer" not in name}
    for name, value in state.items():
        assert (name in second["carried"]) == (name in marked and np.array_equal(value, marked[name])), name
    config = runs.load_run(run_dir)
    steps, values = second["inputs"]["progress"]["draw"][1:]
    assert steps[0] == 6 and values == [config.progress(2, step, 0.0) for step in steps] and 0 < values[-1] <= 1
    limits = train.Limits(0, 0)
    assert [limits.iterations(first, step) for step in (0, 3, 5, 6)] == [2, 1, 1, 0]


@pytest.mark.slow
def test_a_trained_stage_comes_back(notes, tmp_path):
    run_dir, folder = notes
    stage, step = train.train(folder, tmp_path, steps=2)
    assert runs.take_back(tmp_path, run_dir) == step
    assert checkpoints.steps(str(run_dir / f"stage_{stage:05d}")) == [step]


def test_draws():
    specs: dict[str, dict[str, Any]] = {
        "z": {"shape": [2, 500], "dtype": "float32", "draw": ["uniform", -1.0, 1.0]},
        "n": {"shape": [2, 500], "dtype": "float32", "draw": ["normal"]},
        "shift": {"shape": [900], "dtype": "int32", "draw": ["integers", -2, 3]},
        "label": {"shape": [900, 3], "dtype": "float32", "draw": ["one_hot", [0.0, 0.25, 0.75]]},
        "clips": {"shape": [30, 30, 2], "dtype": "float32", "draw": ["rows", "clips"]},
        "names": {"shape": [30, 30, 1], "dtype": "float32", "draw": ["rows", "names"]},
        "progress": {"shape": [], "dtype": "float32", "draw": ["curve", [10, 20], [1.0, 2.0]]},
    }
    tables = {
        "clips": np.array([[0, 0], [16384, 1], [-32768, 2]], np.int16), "names": np.array([[0], [1], [2]], np.float32),
    }  # fmt: skip
    found = train.draw(specs, tables, jax.random.PRNGKey(1), 14)
    for name, spec in specs.items():
        assert list(found[name].shape) == spec["shape"] and found[name].dtype == spec["dtype"], name
    assert -1 <= found["z"].min() < -0.98 and 0.98 < found["z"].max() < 1 and abs(found["z"].mean()) < 0.1
    assert abs(found["n"].std() - 1) < 0.1 and abs(found["n"].mean()) < 0.1
    np.testing.assert_allclose(np.bincount(found["shift"] + 2) / 900, 0.2, atol=0.05)
    np.testing.assert_allclose(found["label"].mean(0), [0, 0.25, 0.75], atol=0.05)
    # Rows of both tables are of the same examples.
    np.testing.assert_array_equal(found["clips"][..., 1] * 32768, found["names"][..., 0])
    assert set(np.unique(found["clips"][..., 0])) == {-1.0, 0.0, 0.5}
    np.testing.assert_allclose(np.bincount(np.ravel(found["names"]).astype(int)) / 900, 1 / 3, atol=0.06)
    assert found["progress"] == pytest.approx(1.4)
    other = train.draw(specs, tables, jax.random.PRNGKey(2), 14)
    assert not np.array_equal(found["z"], other["z"]) and not np.array_equal(found["names"], other["names"])


@pytest.mark.slow
def test_the_folder_trains_by_itself_and_goes_on(exported, tmp_path):
    _, folder = exported
    for step in (3, 5):
        done = alone(folder / "train.py", "--steps=2", f"--output={tmp_path}/out", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[-1] == f"{tmp_path}/out: stage 0, step {step}"
    result = json.loads((tmp_path / "out" / train.RESULT).read_text())
    assert result["step"] == 5 and "average" in result["owners"]


@pytest.mark.slow
def test_a_time_limit_and_sigterm_end_an_endless_stage(exported, tmp_path):
    _, folder = exported
    assert train.train(folder, tmp_path / "limit", time_limit_secs=1e-3)[1] <= 2
    started = [sys.executable, "-u", str(folder / "train.py"), f"--output={tmp_path}/stopped"]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_backend_optimization_level=0"}
    with subprocess.Popen(started, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline().startswith("stage 0, step 2")
        process.send_signal(signal.SIGTERM)
        *_, last = process.stdout.read().splitlines()
    assert process.returncode == 0 and trained(tmp_path / "stopped")[2] == int(last.split()[-1]) >= 2


@pytest.mark.slow
def test_mistakes_are_one_line(exported, tmp_path, said, drums):  # noqa: F811
    run_dir, folder = exported

    def line(*arguments):
        code, errors = said(*arguments)
        assert code == 1 and len(errors) == 1
        return errors[0]

    empty = tmp_path / "empty"
    empty.mkdir()
    assert "empty: is not what `python -m tests.device export_run` wrote" in line("train", empty)
    nothing = line("export_run", f"--train_dir={empty}", f"--data_dir={drums}", f"--output={tmp_path}/x")
    assert f"--train_dir={empty}: holds no run" in nothing
    assert f"{empty}: holds nothing that has been trained" in line("take_back", empty, f"--train_dir={run_dir}")
    state = train.begin(folder, train.read(folder)["stages"][0], {})
    other = tmp_path / "other"
    train.save(other, {name: value for name, value in state.items() if "downconv_1" not in name}, 0, 7)
    assert "is missing or has another shape" in line("take_back", other, f"--train_dir={run_dir}")
    (other / "generator.npz").write_bytes(b"")
    with pytest.raises(Failure, match="is not whole"):
        train.load(other)
    with pytest.raises(UserError, match="is not whole"):
        runs.take_back(other, run_dir)


@pytest.mark.slow
def test_a_training_that_diverges_ends_and_saves_nothing(exported, tmp_path):
    _, folder = exported
    state = train.begin(folder, train.read(folder)["stages"][0], {})
    lost = {name: value * np.float32(np.nan) for name, value in state.items() if value.dtype == np.float32}
    train.save(tmp_path, {**state, **lost}, 0, 7)
    with pytest.raises(Failure, match="stage 0, step 8: training has diverged"):
        train.train(folder, tmp_path)
    assert trained(tmp_path)[2] == 7
