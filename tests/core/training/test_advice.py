"""The line that names bfloat16's gain: on which devices, for which networks, in which runs."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import specgan_tf.gan
import wavegan_tf.gan
from gansynth_tf.config import GANSynthConfig
from gansynth_tf.networks import ProgressiveGenerator
from gansynth_tf.stages import sizes
from gansynth_tf.stages import training as stages
from specgan_tf.config import SpecGANConfig
from specgan_tf.geometry import Moments
from tests.commands import few_drums, run, tiny
from tests.gansynth.notes.test_files import NOTES
from tests.gansynth.small import SMALL
from tests.gansynth.small import arguments as stage_arguments
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.audio import clips
from wavegan_tf.core.dcgan import trainer
from wavegan_tf.core.training import precision, runtime
from wavegan_tf.core.training.options import RuntimeOptions
from wavegan_tf.core.workers.cluster import Cluster

WIDE, NARROW = [(16, 256, 256)], [(16, 16, 16)]
FLAG = "--mixed_precision=bfloat16"


@pytest.fixture(autouse=True)
def no_limits(monkeypatch):
    for name in ("TF_CONFIG", "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)


def pretend_cpu(monkeypatch, tmp_path, text):
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    monkeypatch.setattr(precision, "_CPU_INFO", str(path))


def x86(flags):
    return "".join(f"processor\t: {core}\nflags\t\t: fpu {flags} sse2\nbugs\t\t: x\n" for core in (0, 1))


def pretend_gpus(monkeypatch, *details):
    real, gpus = tf.config.list_physical_devices, list(range(len(details)))
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: gpus if kind == "GPU" else real(kind))
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details[gpu])


@pytest.fixture
def with_bfloat16(monkeypatch, tmp_path):
    pretend_cpu(monkeypatch, tmp_path, x86("avx512_bf16"))


@pytest.fixture
def said(monkeypatch):
    """The lines of `precision`, as they come."""
    lines: list[str] = []
    monkeypatch.setattr(precision.logging, "info", lambda text, *values: lines.append(text % values))
    return lines


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (x86("avx512f avx512_bf16"), True),
        (x86("amx_bf16 amx_tile"), True),
        (x86("avx512f avx512_vnni amx_tile"), False),
        (x86("avx512_bf16x"), False),
        ("processor\t: 0\nFeatures\t: fp asimd bf16 avx512_bf16\n", False),  # ARM's, which was not measured
        ("processor\t: 0\nmodel name\t: with avx512_bf16\nflags\t\t: fpu\n", False),
        ("", False),
    ],
)
def test_cpus_by_their_flags(monkeypatch, tmp_path, text, known):
    pretend_cpu(monkeypatch, tmp_path, text)
    assert precision.cpu_has_bfloat16() is known


def test_a_system_without_cpuinfo(monkeypatch, tmp_path):
    monkeypatch.setattr(precision, "_CPU_INFO", str(tmp_path / "none"))
    assert not precision.cpu_has_bfloat16()


@pytest.mark.parametrize(
    ("name", "value", "known"),
    [
        ("TF_ENABLE_ONEDNN_OPTS", "0", False),
        ("TF_ENABLE_ONEDNN_OPTS", "False", False),
        ("TF_ENABLE_ONEDNN_OPTS", "1", True),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_VNNI", False),
        ("DNNL_MAX_CPU_ISA", "avx2", False),
        ("ONEDNN_MAX_CPU_ISA", "avx512_core_bf16", True),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_AMX", True),
        ("ONEDNN_MAX_CPU_ISA", "DEFAULT", True),
    ],
)
def test_limits_of_onednn(monkeypatch, with_bfloat16, name, value, known):
    monkeypatch.setenv(name, value)
    assert precision.cpu_has_bfloat16() is known


@pytest.mark.parametrize(
    ("capabilities", "known"),
    [([], False), ([(8, 0)], True), ([(9, 0), (8, 6)], True), ([(7, 5)], False), ([(8, 0), (7, 0)], False),
     ([(12, 0)], True), ([None], False)],
)  # fmt: skip
def test_gpus_by_their_compute_capability(monkeypatch, capabilities, known):
    pretend_gpus(monkeypatch, *({"compute_capability": found} if found else {} for found in capabilities))
    assert precision.gpus_have_bfloat16() is known


@pytest.mark.usefixtures("with_bfloat16")
def test_the_line_names_gain_and_flag(monkeypatch):
    on_cpu = precision.advice(WIDE, jit_compile=False)
    assert on_cpu and on_cpu.startswith(f"this CPU trains networks of this width about 1.8 times as fast with {FLAG};")
    less = precision.advice([(1, 128, 128)], jit_compile=False)
    assert less and "about 1.4 times" in less
    assert precision.advice(NARROW, jit_compile=False) is None
    assert precision.advice([], jit_compile=False) is None
    assert precision.advice(WIDE, jit_compile=True) is None
    pretend_gpus(monkeypatch, {"compute_capability": (9, 0)})
    on_gpu = precision.advice(WIDE, jit_compile=True)
    assert on_gpu and on_gpu.startswith(f"this GPU may train networks of this width up to twice as fast with {FLAG};")
    assert precision.advice(NARROW, jit_compile=True) is None
    # What trains is the GPU, whatever the CPU can do.
    pretend_gpus(monkeypatch, {"compute_capability": (7, 0)})
    assert precision.advice(WIDE, jit_compile=True) is None


@pytest.mark.parametrize("given", ["none", "bfloat16", "float16"])
def test_only_runs_in_float32_are_told(with_bfloat16, said, given):
    started = runtime.start(RuntimeOptions(mixed_precision=given))
    precision.announce(started, NARROW)
    assert said == []
    precision.announce(started, WIDE)
    assert len(said) == (given == "none")


@pytest.mark.parametrize(("other", "count"), [("this CPU trains", 1), (None, 0)])
def test_workers_are_told_if_all_have_it(monkeypatch, with_bfloat16, said, other, count):
    started = runtime.start(RuntimeOptions())
    monkeypatch.setattr(Cluster, "exchange", lambda self, value: [value, other])
    precision.announce(started, WIDE)
    assert len(said) == count


def kernels(network):
    """Channels on both sides of each convolution that is larger than 1 x 1, sorted."""
    shapes = [v.shape for v in network.trainable_variables if len(v.shape) > 2 and math.prod(v.shape[:-2]) > 1]
    return sorted(tuple(sorted(shape[-2:])) for shape in shapes)


@pytest.mark.parametrize("config", [WaveGANConfig(wavegan_dim=3, data_slice_len=32768), SpecGANConfig(specgan_dim=5)])
def test_convolutions_are_those_of_the_networks(config):
    found, policy = config.geometry().convolutions, keras.DTypePolicy("float32")
    if isinstance(config, WaveGANConfig):
        gan = wavegan_tf.gan.make_gan(config, policy)
    else:
        gan = specgan_tf.gan.make_gan(config, policy, Moments(np.zeros(129, np.float32), np.ones(129, np.float32)))
    gan.generator(tf.zeros([1, gan.latent_dim]))
    channels = sorted(tuple(sorted(sides)) for _, *sides in found)
    assert kernels(gan.generator) == kernels(gan.discriminator) == channels
    # The finer side of the last one is the sample.
    rank = len(config.geometry().first_shape)
    assert found[-1][0] * config.geometry().strides[-1] ** rank == math.prod(config.geometry().sample_shape[:-1])


@pytest.mark.parametrize("simple", [False, True])
def test_convolutions_of_a_gansynth_are_those_of_its_last_stage(simple):
    config = GANSynthConfig(**{**SMALL, "batch_size_schedule": (2,)}, simple_arch=simple)
    given = {**config.network_arguments(config.num_resolutions, 5), **config.generator_arguments()}
    network = ProgressiveGenerator(**given)
    network(tf.zeros([1, config.latent_vector_size]), tf.zeros([1, 5]), np.float32(0))
    channels = sorted(tuple(sorted(sides)) for _, *sides in sizes.convolutions(config))
    # Not the one that takes the latents, with their pitches, to the first block: that is a matrix product.
    assert channels == [sides for sides in kernels(network) if 4 + 5 not in sides]


def test_width_is_the_mean_of_channels_by_their_multiplications():
    assert precision.typical_width([(7, 16, 64)]) == pytest.approx(32)
    assert precision.typical_width([(4, 8, 8), (1, 16, 16)]) == pytest.approx(math.sqrt(8 * 16))
    assert precision.typical_width([(10**6, 64, 64), (1, 1, 2)]) == pytest.approx(64)
    # The papers' sizes are told, and those of a demo are not.
    for wide in (WaveGANConfig().geometry().convolutions, SpecGANConfig().geometry().convolutions):
        assert precision.typical_width(wide) > 200
    assert 90 < precision.typical_width(sizes.convolutions(GANSynthConfig())) < 115
    assert precision.typical_width(WaveGANConfig(wavegan_dim=16).geometry().convolutions) < 90


class _Reached(Exception):
    pass


@pytest.mark.parametrize(("dim", "count"), [(24, 1), (4, 0)])
def test_training_a_wavegan_tells_it(monkeypatch, with_bfloat16, said, tmp_path, dim, count):
    def reached(*_, **__):
        raise _Reached

    monkeypatch.setattr(clips, "clip_batches", reached)
    config = WaveGANConfig(
        data_dir=str(few_drums(tmp_path / "few", 2)), data_first_slice=True, wavegan_dim=dim, wavegan_kernel_len=4,
        wavegan_latent_dim=2, train_batch_size=1,
    )  # fmt: skip
    with pytest.raises(_Reached):
        trainer.train(config, str(tmp_path / "run"), wavegan_tf.gan.prepare)
    assert len([line for line in said if FLAG in line]) == count


@pytest.mark.parametrize(("channels", "count"), [(96, 1), (4, 0)])
def test_training_a_gansynth_tells_it(monkeypatch, with_bfloat16, said, tmp_path, channels, count):
    def reached(*_, **__):
        raise _Reached

    monkeypatch.setattr(stages, "load_notes", reached)
    config = GANSynthConfig(
        data_dir=str(NOTES), num_resolutions=2, audio_length=100, fmap_base=4 * channels, fmap_max=channels,
        preview_n=1, fake_batch_size=1,
    )  # fmt: skip
    with pytest.raises(_Reached):
        stages.train(config, str(tmp_path / "run"))
    assert len([line for line in said if FLAG in line]) == count


@pytest.mark.slow
def test_commands_tell_it_where_this_machine_has_it(tmp_path):
    expected = precision.advice(WIDE, jit_compile=bool(tf.config.list_physical_devices("GPU"))) is not None
    few_drums(tmp_path / "drums", 2)
    drums = [f"--data_dir={tmp_path / 'drums'}", *tiny("wavegan"), "--train_steps=1", "--train_batch_size=1"]
    wide = ["--wavegan_dim=64", "--wavegan_kernel_len=4"]
    for name, more, told in (("wide", wide, expected), ("narrow", [], False), ("given", [*wide, FLAG], False)):
        errors = run("wavegan_tf.train", f"--train_dir={tmp_path / name}", *drums, *more)
        assert (f"times as fast with {FLAG}" in errors or f"twice as fast with {FLAG}" in errors) is told, errors
    errors = run("gansynth_tf.train", *stage_arguments(tmp_path / "notes", total_num_images=2))
    assert FLAG not in errors
