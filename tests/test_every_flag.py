"""Every flag of every command: its help, its defaults and its bounds. Who reads it: test_flag_reads.py."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from absl import flags as absl_flags

from eval import score
from gansynth_tf.config import GANSynthConfig
from gansynth_tf.stages import sizes
from tests import every_flag
from tests.every_flag import COMMANDS, OPTIONS, RULES, TRAIN, flags_of, identify, options
from wavegan_tf.core import flags
from wavegan_tf.core.dcgan.options import GanOptions
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import limits
from wavegan_tf.core.serving import commands as serving_commands
from wavegan_tf.core.serving.metadata import MIDDLE_C

# Numbers without an upper bound: of a checkpoint or a stage that may not be there, and of seconds to wait.
UNBOUNDED = {"step", "stage", "watch_idle_secs"}
each_command = pytest.mark.parametrize("command", COMMANDS)
each_option = pytest.mark.parametrize("option", options(), ids=identify)

parse = every_flag.parse_fixture


def test_all_twenty_commands_are_here():
    assert len(COMMANDS) == 20
    assert set(OPTIONS) | set(RULES) <= set(COMMANDS) and set(TRAIN) == {f"{m}_train" for m in MODELS}


MODELS = ("wavegan", "specgan", "gansynth")


@each_command
def test_help_says_what_a_flag_does_and_names_flags_of_this_command_alone(command):
    found = flags_of(command)
    for name, flag in found.items():
        assert flag.help and len(flag.help) > 4, name
        for other in re.findall(r"--(?:\[no\])?([a-z]\w*)", flag.help):
            assert other in found or other.removeprefix("no") in found, f"--{name} speaks of --{other}"


@pytest.mark.parametrize("command", OPTIONS)
def test_defaults_of_the_flags_are_those_of_the_options(command, parse):
    parse(command)
    for kind in OPTIONS[command]:
        assert flags.from_flags(kind) == kind()


# The numbers that a help calls a default, by what the code takes.
SAID = {
    ("wavegan_generate", "num_samples"): f"{serving_commands.NUM_SAMPLES} by default",
    ("specgan_generate", "num_samples"): f"{serving_commands.NUM_SAMPLES} by default",
    ("gansynth_generate", "num_samples"): "2 by default",
    ("gansynth_generate", "pitch"): f"with --interpolate: {MIDDLE_C}",
    ("gansynth_generate", "secs_per_instrument"): "Default: 6;",
    ("eval_score", "num_samples"): f"Default: {score._DEFAULT_MODEL_SAMPLES} of a model",
}


@each_command
def test_defaults_that_a_help_tells_in_words_are_the_true_ones(command):
    for name, flag in flags_of(command).items():
        told = re.search(r"[Dd]efault[^.]*\d", flag.help) or re.search(r"\d[^.;]* by default", flag.help)
        assert bool(told) == ((command, name) in SAID), f"--{name}: {flag.help}"
        assert SAID.get((command, name), "") in flag.help


# Lowest and highest values.


@each_command
def test_numbers_have_bounds_and_none_is_nan_or_infinite(command):
    declared = {option.name for option in options() if option.command == command}
    for name, flag in flags_of(command).items():
        parser = flag.parser
        if name in declared or not isinstance(parser, absl_flags.IntegerParser | absl_flags.FloatParser):
            continue
        assert parser.lower_bound is not None, name
        assert (parser.upper_bound is None) == (name in UNBOUNDED), name
        wrong: list[Any] = [parser.lower_bound - 1]
        wrong += [parser.upper_bound + 1] if parser.upper_bound is not None else []
        wrong += ["nan", "inf", "-inf"] if isinstance(parser, absl_flags.FloatParser) else []
        for value in wrong:
            with pytest.raises(ValueError):
                parser.parse(value)
        for value in (parser.lower_bound, parser.upper_bound):
            assert value is None or parser.parse(value) == value


def use(made: Any) -> None:
    """Computes all that a start computes of options before it reads or writes anything."""
    if isinstance(made, GanOptions):
        made.require_memory()
        made.generator_arguments(), made.discriminator_arguments()
    if isinstance(made, GANSynthConfig):
        sizes.require_memory(made)
        schedule = made.schedule
        stages = [schedule.stage(stage_id) for stage_id in range(schedule.num_stages)]
        for stage in (stages[0], stages[-1]):
            made.network_arguments(stage.num_blocks, made.num_pitches)
            for image_id in (0, 1, stage.end_image):
                assert 0 <= made.progress(stage.num_blocks, image_id, 1.0) <= stage.num_blocks - 1
            schedule.end_time(stage.stage_id) if made.train_time_limit else None
        made.loss_weights()
    if hasattr(made, "slicing"):
        assert made.slicing().hop >= 1
        made.decoding()


# Names of files and folders; a flag with such a name is no path only if it is here.
PATHS = re.compile(r".*_(dir|file|fp|path)|output|scores|description")


@each_command
def test_home_is_put_in_place_of_its_sign_in_every_path(command, monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/user")
    parsers = {name: flag.parser for name, flag in flags_of(command).items() if PATHS.fullmatch(name)}
    assert parsers
    assert {parser.parse("~/sounds") for parser in parsers.values()} == {"/home/of/user/sounds"}, parsers


@pytest.mark.parametrize(("text", "path"), [("~", "/h"), ("~/a", "/h/a"), ("a/~", "a/~"), ("", ""), ("./~/a", "./~/a")])
def test_home_in_options_and_lists_of_paths(text, path, monkeypatch):
    monkeypatch.setenv("HOME", "/h")
    assert GANSynthConfig(data_dir=text).data_dir == path
    assert flags_of("eval_score")["classifier_dir"].parser.parse(f"{text},{text}") == f"{path},{path}"


@each_option
def test_the_lowest_and_the_highest_value_work_or_are_refused_at_once(option):
    field = option.field
    values = list(field.metadata["choices"])
    if option.element is bool:
        values = [False, True]
    elif option.element is str and not values:
        values = ["", "x"]
    elif option.element in (int, float) and not values:
        low, high = limits(field, option.element)
        values = [low, high]
        values += [math.nextafter(low, high), math.nextafter(high, low)] if option.element is float else []
        for value in (low - abs(low) - 1, high + abs(high) + 1):
            with pytest.raises(UserError, match=f"^{option.name}=.*: must be"):
                option.made(value)
    for value in values:
        try:
            use(option.made(value))
        except UserError as error:
            assert re.match("--", error.on_command_line) and f"--{option.name}" in error.on_command_line, error
    if option.element is float:
        for value in (math.nan, math.inf, -math.inf):
            with pytest.raises(UserError, match=f"^{option.name}=.*: must be a finite number"):
                option.made(value)
