"""Flags beside others, and on resume: what is refused, what a run may change, and what a failed start leaves."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from typing import Any

import pytest
from absl import flags as absl_flags

from tests import every_flag
from tests.every_flag import COMMANDS, RULES, TRAIN, Option, flags_of, identify, options
from wavegan_tf.core import flags
from wavegan_tf.core.effects import Rule
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import limits, load_options, save_options

each_command = pytest.mark.parametrize("command", COMMANDS)
each_option = pytest.mark.parametrize("option", options(), ids=identify)
each_of_training = pytest.mark.parametrize("option", options(TRAIN), ids=identify)


parse = every_flag.parse_fixture


# What would be ignored.


@each_command
def test_rules_are_about_flags_of_the_command(command):
    found, rules = flags_of(command), dict(RULES.get(command, {}))
    rules |= {option.name: option.field.metadata["effect"] for option in options() if option.command == command}
    for name, needed in rules.items():
        assert name in found, name
        for rule in needed:
            assert set(rule.flags) <= set(found) - {name}, f"--{name}: {rule}"


def without_effect(option: Option, rule: Rule) -> Any:
    """Options where a flag has no effect."""
    others: dict[str, Any] = {}
    for name in rule.flags:
        default = getattr(option.options(), name)
        if rule.negated:
            others[name] = rule.values[0] if rule.values else True if isinstance(default, bool) else "x"
        elif not rule.values:
            others[name] = {bool: False, int: 0, str: ""}.get(type(default))
        else:
            choices = next(f for f in dataclasses.fields(option.options) if f.name == name).metadata["choices"]
            others[name] = next(choice for choice in choices if choice not in rule.values)
    if others.get("data_type") == "wave":
        others |= {"start_width": 1, "scale_mode": "H", "start_height": 1000}
    return option.options(**others)


RULED = [(option, rule) for option in options() for rule in option.field.metadata["effect"]]


@pytest.mark.parametrize(("option", "rule"), RULED, ids=[f"{o.command}-{o.name}-{r.flags[0]}" for o, r in RULED])
def test_a_flag_that_would_be_ignored_is_refused(option, rule, parse):
    saved = without_effect(option, rule)
    value = getattr(saved, option.name)
    parse(option.command, f"--{option.name}={value}")
    with pytest.raises(UserError) as error:
        flags.from_flags(option.options, saved)
    assert error.value.on_command_line == f"--{option.name}: {rule}"
    parse(option.command)
    for field in dataclasses.fields(option.options):
        absl_flags.FLAGS[field.name].present = 0
    assert flags.from_flags(option.options, saved) == saved


# Runs that go on.


def another(option: Option, value: Any) -> Any:
    """A value that is not `value`, and possible beside defaults."""
    others = [choice for choice in option.field.metadata["choices"] if choice != value]
    if others:
        return "phase" if option.name == "data_type" else others[0]
    if option.name in SPECIAL:
        return SPECIAL[option.name]
    if option.element is bool:
        return not value
    if option.element is str:
        return "other"
    first = value[0] if isinstance(value, tuple) else value
    new = 2 if first is None else first * 2 if first else 0.25 if option.element is float else 1
    low, high = limits(option.field, option.element)
    return option.element(new if low <= new <= high else first / 2)


SPECIAL = {
    "data_sources": "", "data_families": "brass", "data_velocities": "100", "adam_beta1": 0.5, "adam_beta2": 0.9,
}  # fmt: skip
# Where a flag has an effect.
BESIDE: dict[str, dict[str, Any]] = {
    "wavegan_genr_pp_len": {"wavegan_genr_pp": True},
    "specgan_disc_phaseshuffle_per_example": {"specgan_disc_phaseshuffle": 1},
    "normalizer_margin": {"data_normalizer": "specgrams_simple_normalizer"},
    "normalizer_num_examples": {"data_normalizer": "specgrams_freq_normalizer"},
    "train_time_stage_multiplier": {"train_time_limit": 9.0},
    "data_pad_end": {"data_first_slice": False},
    "data_labels_file": {"data_labels": "csv"},
    "data_balance": {"data_labels": "name"},
    "data_verify": {"data_prepared": "prepared"},
    "train_learning_rate_decay_steps": {"train_steps": 9},
    "data_shuffle_shards": {"data_prepared": "prepared"},
    "tfds_config": {"tfds_data_dir": "tfds"},
}


@each_of_training
def test_what_a_run_may_change_is_as_declared(option, parse, tmp_path):
    saved = option.options(**BESIDE.get(option.name, {}))
    old = getattr(saved, option.name)
    new = another(option, old)
    assert new != old
    text = f"--{'no' if new is False else ''}{option.name}" if isinstance(new, bool) else f"--{option.name}={new}"
    parse(option.command, text)
    path = str(tmp_path / "config.json")
    save_options(saved, path, "model")
    loaded = load_options(option.options, path, "model")
    assert loaded == saved
    if option.field.metadata["resume"] == "fixed":
        with pytest.raises(UserError, match=f"^{option.name}=.*: the run in this directory was started with "):
            flags.from_flags(option.options, loaded)
    else:
        found = getattr(flags.from_flags(option.options, loaded), option.name)
        assert found == ((new,) if isinstance(old, tuple) else new)


# What shapes the networks, their data or the order of these: a run that goes on needs it as it was.
FREE = {
    "data_dir", "data_fast_wav", "data_cache_mb", "data_cache_dir", "data_skip_bad", "data_disk_mb", "tfds_data_dir",
    "train_data_path", "data_split", "data_sources", "data_families", "data_velocities", "data_moments_fp",
    "data_labels_file", "data_prepared", "data_verify", "data_shuffle_shards", "tfds_config",
    "distribution", "jit_compile", "mixed_precision", "tf32", "deterministic", "preview_n", "train_batch_size",
    "train_steps", "train_save_secs", "train_summary_secs", "train_time_limit_secs", "specgan_ngl", "specgan_inversion",
    "batch_size_schedule", "total_num_images", "train_time_limit", "train_time_stage_multiplier", "fake_batch_size",
    "save_summaries_num_images", "debug_hook", "gradient_penalty_target", "gradient_penalty_weight",
    "real_score_penalty_weight", "generator_ac_loss_weight", "discriminator_ac_loss_weight",
    "gen_gl_consistency_loss_weight", "generator_learning_rate", "discriminator_learning_rate", "adam_beta1",
    "adam_beta2", "train_ema_decay", "train_learning_rate", "train_learning_rate_decay_steps",
}  # fmt: skip


@each_of_training
def test_what_is_fixed_is_what_the_networks_and_their_data_are_made_of(option):
    own = option.name.partition("_")[2]
    is_free = option.name in FREE or own in ("disc_nupdates", "disc_phaseshuffle", "disc_phaseshuffle_per_example")
    assert option.field.metadata["resume"] == ("free" if is_free else "fixed")


@pytest.mark.parametrize("command", TRAIN)
@pytest.mark.parametrize("is_new", [True, False])
def test_a_start_that_fails_changes_no_stored_option(command, is_new, tmp_path):
    run_dir, module = tmp_path / "run", importlib.import_module(COMMANDS[command])
    directory = "train_root_dir" if command == "gansynth_train" else "train_dir"
    path = run_dir / ("experiment.json" if command == "gansynth_train" else "config.json")
    if not is_new:
        run_dir.mkdir()
        save_options(TRAIN[command](), str(path), command.partition("_")[0])
    before = path.read_bytes() if path.exists() else None
    known = set(absl_flags.FLAGS)
    module.define_flags()
    try:
        absl_flags.FLAGS([command, f"--{directory}={run_dir}", f"--data_dir={tmp_path}/typo", "--preview_n=3"])
        with pytest.raises(UserError, match=r"^data_dir=.*typo: is not a folder"):
            module.main()
    finally:
        for name in set(absl_flags.FLAGS) - known:
            delattr(absl_flags.FLAGS, name)
        absl_flags.FLAGS.unparse_flags()
    assert (path.read_bytes() if path.exists() else None) == before
