"""New runs that begin with the networks of another: what they take over, with labels and without; what is refused."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest

import wavegan_tf as wavegan
from specgan_tf.networks import SpecGANDiscriminator, SpecGANGenerator
from tests.commands import checkpoint_values, few_drums, run, run_two_workers, tiny
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.dcgan import trainer
from wavegan_tf.core.dcgan.options import save_run
from wavegan_tf.core.dcgan.warm_start import discriminator_values, generator_values
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.training.checkpoints import named_variables
from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator

NETWORKS = {"wavegan": (WaveGANGenerator, WaveGANDiscriminator), "specgan": (SpecGANGenerator, SpecGANDiscriminator)}
SMALL: dict[str, Any] = {"dim": 1, "kernel_len": 3}
Z = np.random.default_rng(3).uniform(-1, 1, [3, 4]).astype(np.float32)


def values(network):
    return {name: variable.numpy() for name, variable in named_variables(network).items()}


def give(network, found):
    for name, variable in named_variables(network).items():
        variable.assign(found[name])


def pair(model, labels, seed):
    """A generator and a discriminator without zeros in them."""
    generator, discriminator = NETWORKS[model]
    made = (
        generator(**SMALL, latent_dim=4, use_batchnorm=True, num_labels=len(labels)),
        discriminator(**SMALL, num_labels=len(labels)),
    )
    rng = np.random.default_rng(seed)
    for network in made:
        for variable in network.variables:
            variable.assign(np.abs(variable + 0.1 * rng.normal(size=variable.shape)))
    return made


def begun(model, old_labels, labels):
    """Networks with `old_labels`, and new ones with `labels` that begin as they are."""
    old, new = pair(model, old_labels, 1), pair(model, labels, 2)
    fresh = [values(network) for network in new]
    for network, other, own, begin in zip(new, old, fresh, (generator_values, discriminator_values), strict=True):
        give(network, begin(values(other), old_labels, own, labels))
    return old, new, fresh


def numbers(label, labels):
    return [np.full(len(Z), labels.index(label), np.int32)] if labels else []


@pytest.mark.parametrize("model", NETWORKS)
def test_labels_that_both_know_sound_and_are_judged_as_before_and_others_begin_anew(model):
    old_labels, labels = ("kick", "snare", "tom"), ("clap", "snare", "kick", "zap")
    old, new, fresh = begun(model, old_labels, labels)
    for label in ("kick", "snare"):
        given, before = numbers(label, labels), numbers(label, old_labels)
        np.testing.assert_allclose(new[0](Z, *given), old[0](Z, *before), rtol=1e-5, atol=1e-6)
    samples = old[0](Z, *numbers("tom", old_labels))
    (logits, by_label), (expected, of_old) = new[1](samples), old[1](samples)
    np.testing.assert_allclose(logits, expected, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(by_label)[:, [1, 2]], np.asarray(of_old)[:, [1, 0]], rtol=1e-5)
    found = [values(network) for network in new]
    for row in (0, 3):
        np.testing.assert_array_equal(found[0]["label_embedding/table"][row], fresh[0]["label_embedding/table"][row])
        np.testing.assert_array_equal(found[1]["labels/kernel"][:, row], fresh[1]["labels/kernel"][:, row])


@pytest.mark.parametrize("model", NETWORKS)
def test_first_labels_change_no_sound_yet(model):
    labels = ("kick", "snare")
    old, new, fresh = begun(model, (), labels)
    for label in labels:
        np.testing.assert_allclose(new[0](Z, *numbers(label, labels)), old[0](Z), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(values(new[0])["label_embedding/table"], fresh[0]["label_embedding/table"])
    assert np.abs(fresh[0]["label_embedding/table"]).min() > 0  # else the first layer would never learn of them
    logits, _ = new[1](old[0](Z))
    np.testing.assert_allclose(logits, old[1](old[0](Z)), rtol=1e-5)


@pytest.mark.parametrize("model", NETWORKS)
def test_without_labels_it_begins_with_the_mixture_of_all(model):
    old, new, _ = begun(model, ("kick", "snare"), ())
    np.testing.assert_allclose(new[0](Z), old[0](Z, np.full([3, 2], 0.5, np.float32)), rtol=1e-5, atol=1e-6)
    samples = new[0](Z)
    np.testing.assert_allclose(new[1](samples), old[1](samples)[0], rtol=1e-5)


def config(drums, **options):
    return WaveGANConfig(
        data_dir=str(drums), data_first_slice=True, wavegan_dim=1, wavegan_kernel_len=9, wavegan_latent_dim=4,
        wavegan_disc_nupdates=1, train_batch_size=2, preview_n=1, train_steps=1, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """Drum hits, and a run with an average that knows them by the names of the files."""
    folder = tmp_path_factory.mktemp("warm")
    drums = few_drums(folder / "drums", 12)
    wavegan.train(config(drums, train_ema_decay=0.5, data_labels="name"), folder / "run")
    return drums, folder / "run"


def of(item, found):
    return {name: value for name, value in found.items() if name.startswith(f"{item}/")}


@pytest.mark.slow
def test_a_run_begins_as_the_other_ended_and_goes_on_without_it(pretrained, tmp_path):
    drums, other = pretrained
    copy = shutil.copytree(other, tmp_path / "other")
    options = {"train_ema_decay": 0.9, "data_labels": "name", "seed": 5, "warm_start": str(copy)}
    wavegan.train(config(drums, **options), tmp_path / "run")
    before, found = checkpoint_values(other / "model.ckpt-1"), checkpoint_values(tmp_path / "run" / "model.ckpt-0")
    for item in ("generator", "discriminator", "generator_ema"):
        assert of(item, found).keys() == of(item, before).keys()
        for name, value in of(item, found).items():
            np.testing.assert_array_equal(value, before[name], err_msg=name)
    moments = {**of("g_optimizer", found), **of("d_optimizer", found)}
    assert moments and not any(np.any(value) for value in moments.values())
    assert any(np.any(before["generator/" + name[14:]] != value) for name, value in of("generator_ema", before).items())
    shutil.rmtree(copy)
    assert wavegan.train(config(drums, **options), tmp_path / "run") == 1


@pytest.mark.slow
def test_an_average_begins_with_the_weights_where_the_other_run_has_none(pretrained, tmp_path):
    drums, other = pretrained
    wavegan.train(config(drums, warm_start=str(other)), tmp_path / "plain")
    wavegan.train(config(drums, warm_start=str(tmp_path / "plain"), train_ema_decay=0.5), tmp_path / "run")
    found = checkpoint_values(tmp_path / "run" / "model.ckpt-0")
    for name, value in of("generator_ema", found).items():
        np.testing.assert_array_equal(value, found["generator" + name[13:]])


@pytest.fixture
def untrained(tmp_path):
    """A run that has ended before its first checkpoint."""
    (tmp_path / "other").mkdir()
    save_run(config(tmp_path, data_labels="name"), str(tmp_path / "other"), ["kick", "snare"])
    return tmp_path / "other"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wavegan_dim": 2}, "has wavegan_dim=1, not 2"),
        ({"data_slice_len": 8192}, "has data_slice_len=16384, not 8192"),
        ({"wavegan_genr_upsample": "nn"}, "has wavegan_genr_upsample=zeros, not nn"),
    ],
)
def test_other_networks_are_refused_before_the_audio_is_read(untrained, tmp_path, options, message):
    wanted = {**vars(config(tmp_path / "none")), "warm_start": str(untrained), **options}
    with pytest.raises(UserError, match=f"^warm_start={untrained}: {message}$"):
        wavegan.train(WaveGANConfig(**wanted), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_command_line_names_what_is_no_run_or_has_no_checkpoint(untrained, tmp_path, monkeypatch):
    drums = few_drums(tmp_path / "drums")
    given = [f"--train_dir={tmp_path / 'run'}", f"--data_dir={drums}", *tiny("wavegan")]
    errors = run("wavegan_tf.train", *given, f"--warm_start={drums}", code=1)
    assert errors == f"error: {drums}/config.json: not found; is this the directory of a wavegan run?\n"
    monkeypatch.setattr(trainer, "load_clips", lambda *_: pytest.fail("the audio is read before"))
    with pytest.raises(UserError, match=f"^{untrained}: holds no checkpoint$"):
        wavegan.train(config(drums, warm_start=str(untrained)), tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.slow
def test_two_workers_begin_alike(pretrained, tmp_path):
    drums, other = pretrained
    sizes = ["--wavegan_dim=1", "--wavegan_kernel_len=9", "--wavegan_latent_dim=4", "--train_batch_size=4"]
    given = [f"--data_dir={drums}", "--data_first_slice", *sizes, f"--warm_start={other}", "--preview_n=1"]
    errors = run_two_workers(
        "wavegan_tf.train", *given, f"--train_dir={tmp_path / 'run'}", "--data_labels=name", "--train_steps=1"
    )
    assert f"warm start: the networks of step 1 in {other}" in errors
    before, found = checkpoint_values(other / "model.ckpt-1"), checkpoint_values(tmp_path / "run" / "model.ckpt-0")
    for name, value in {**of("generator", found), **of("discriminator", found)}.items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
