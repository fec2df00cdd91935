import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from absl import flags as absl_flags

from wavegan_tf.core import flags
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import Options, load_options, option, save_options

ROOT = str(Path(__file__).parents[2])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example(Options):
    example_dim: int = option(64, "Size.", minimum=1, maximum=512, resume="fixed")
    example_ratio: float = option(0.5, "Share.", minimum=0)
    example_name: str = option("", "Name.")
    example_loss: str = option("wgan", "Loss.", choices=("wgan", "lsgan"), resume="fixed")
    example_length: int = option(16384, "Samples.", choices=(16384, 32768))
    example_norm: bool = option(True, "Normalise.")
    example_jit: bool | None = option(None, "Compile.")
    example_limit: float | None = option(None, "Seconds.")
    example_sizes: tuple[int, ...] = option((8, 4), "Sizes.", minimum=1, resume="fixed")


@pytest.fixture
def parse():
    flags.define_flags(Example, "example")

    def parsed(*arguments):
        absl_flags.FLAGS(["program", *arguments])

    yield parsed
    for field in dataclasses.fields(Example):
        delattr(absl_flags.FLAGS, field.name)
    absl_flags.FLAGS.unparse_flags()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"example_dim": 0}, "--example_dim=0: must be at least 1"),
        ({"example_dim": 513}, "--example_dim=513: must be at most 512"),
        ({"example_dim": 2.0}, "--example_dim=2.0: must be of type int"),
        ({"example_dim": True}, "--example_dim=True: must be of type int"),
        ({"example_dim": None}, "--example_dim=None: must be of type int"),
        ({"example_ratio": float("nan")}, "--example_ratio=nan: must be a finite number"),
        ({"example_ratio": float("inf")}, "--example_ratio=inf: must be a finite number"),
        ({"example_ratio": -0.1}, "--example_ratio=-0.1: must be at least 0"),
        ({"example_ratio": "1"}, "--example_ratio='1': must be of type float"),
        ({"example_ratio": False}, "--example_ratio=False: must be of type float"),
        ({"example_name": 3}, "--example_name=3: must be of type str"),
        ({"example_loss": "dcgan"}, "--example_loss=dcgan: must be one of wgan, lsgan"),
        ({"example_length": 100}, "--example_length=100: must be one of 16384, 32768"),
        ({"example_norm": 1}, "--example_norm=1: must be of type bool"),
        ({"example_norm": None}, "--example_norm=None: must be of type bool"),
        ({"example_jit": "yes"}, "--example_jit='yes': must be of type bool"),
        ({"example_limit": "long"}, "--example_limit='long': must be of type float"),
        ({"example_sizes": 8}, "--example_sizes=8: must be a list of integers"),
        ({"example_sizes": []}, "--example_sizes: must not be empty"),
        ({"example_sizes": [8, 0.5]}, "--example_sizes=0.5: must be of type int"),
        ({"example_sizes": [8, 0]}, "--example_sizes=0: must be at least 1"),
    ],
)
def test_impossible_values_are_named(values, message):
    with pytest.raises(UserError) as error:
        Example(**values)
    assert error.value.on_command_line == message


def test_a_path_may_be_a_path_object():
    given: Any = Path("a") / "b"
    assert Example(example_name=given).example_name == os.path.join("a", "b")
    with pytest.raises(UserError, match="^example_dim=PosixPath"):
        Example(example_dim=given)


def test_borders_are_allowed_and_whole_numbers_pass_as_floats():
    example = Example(example_dim=512, example_ratio=0, example_jit=False)
    assert (example.example_dim, example.example_ratio, example.example_jit) == (512, 0, False)
    assert Example(example_dim=1).example_dim == 1


def test_flags_have_the_defaults_types_and_help_of_the_options(parse):
    parse()
    assert flags.from_flags(Example) == Example()
    defined = absl_flags.FLAGS["example_loss"]
    assert defined.help == "Loss. One of: wgan, lsgan."
    assert absl_flags.FLAGS["example_dim"].help == "Size."
    parse("--example_dim=8", "--example_ratio=0.25", "--example_name=a b", "--noexample_norm", "--example_length=32768")
    wanted = Example(example_dim=8, example_ratio=0.25, example_name="a b", example_norm=False, example_length=32768)
    assert flags.from_flags(Example) == wanted


@pytest.mark.parametrize("text", ["--example_dim=many", "--example_norm=perhaps", "--example_ratio=half"])
def test_text_of_another_type_is_a_wrong_command_line(parse, text):
    with pytest.raises(absl_flags.Error, match=text[2:].split("=")[0]):
        parse(text)


@pytest.mark.parametrize(("arguments", "wanted"), [([], None), (["--example_jit"], True), (["--noexample_jit"], False)])
def test_flag_of_three_states(parse, arguments, wanted):
    parse(*arguments)
    assert flags.from_flags(Example).example_jit is wanted


def test_flag_of_a_list(parse):
    parse("--example_sizes=3,2,1")
    assert flags.from_flags(Example).example_sizes == (3, 2, 1)
    parse("--example_sizes=3,two")
    with pytest.raises(UserError, match="^example_sizes=3,two: must be integers with commas between$"):
        flags.from_flags(Example)


def test_values_given_in_another_way_stand_behind_flags_and_before_the_saved_run(parse):
    parse("--example_ratio=0.1")
    given = {"example_ratio": 0.2, "example_name": "given", "example_sizes": [5]}
    wanted = Example(example_ratio=0.1, example_name="given", example_sizes=(5,))
    assert flags.from_flags(Example, given=given) == wanted
    saved = Example(example_name="saved", example_norm=False, example_sizes=(5,))
    assert flags.from_flags(Example, saved, given) == dataclasses.replace(wanted, example_norm=False)
    with pytest.raises(UserError, match=r"example_sizes=\(5,\): the run in this directory was started with \(8, 4\)"):
        flags.from_flags(Example, Example(), given)


def test_impossible_value_on_the_command_line(parse):
    parse("--example_dim=0")
    with pytest.raises(UserError, match="^example_dim=0: must be at least 1$"):
        flags.from_flags(Example)


def test_resumed_run_takes_saved_values_and_accepts_changes_of_free_flags(parse):
    saved = Example(example_dim=16, example_ratio=0.75, example_jit=True, example_name="first")
    parse("--example_ratio=0.1", "--noexample_norm", "--example_dim=16")
    wanted = dataclasses.replace(saved, example_ratio=0.1, example_norm=False)
    assert flags.from_flags(Example, saved) == wanted


@pytest.mark.parametrize(("argument", "old"), [("--example_dim=64", "16"), ("--example_loss=wgan", "lsgan")])
def test_resumed_run_refuses_to_change_a_fixed_flag_even_to_its_default(parse, argument, old):
    parse(argument)
    with pytest.raises(UserError) as error:
        flags.from_flags(Example, Example(example_dim=16, example_loss="lsgan"))
    message = error.value.on_command_line
    assert message.startswith(f"{argument}: the run in this directory was started with {old}; ")
    assert "keep that" in message and "another directory" in message


def test_json_round_trip(tmp_path):
    path = str(tmp_path / "config.json")
    example = Example(
        example_ratio=0.1, example_name='ä "quoted"\n', example_jit=False, example_norm=False, example_sizes=(1, 2)
    )
    save_options(Example(), path, "example")
    save_options(example, path, "example")
    assert load_options(Example, path, "example") == example
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.json"]
    assert json.loads((tmp_path / "config.json").read_text())["model"] == "example"


def test_keys_that_are_missing_take_their_defaults(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"model": "example", "example_dim": 3}')
    assert load_options(Example, str(path), "example") == Example(example_dim=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "not found; is this the directory of a example run?"),
        ("", "cannot be read as JSON ("),
        ("{'model': 'example'}", "cannot be read as JSON ("),
        ("[" * 100_000, "cannot be read as JSON ("),
        ("\udcff", "cannot be read as JSON ("),
        ("[1, 2]", "is not the configuration of a example run"),
        ("{}", "is not the configuration of a example run"),
        ('{"model": "other"}', "is not the configuration of a example run"),
        ('{"model": "example", "example_dmi": 3}', "unknown key 'example_dmi'"),
        ('{"model": "example", "example_dim": 0}', "example_dim=0: must be at least 1"),
        ('{"model": "example", "example_ratio": NaN}', "example_ratio=nan: must be a finite number"),
        ('{"model": "example", "example_ratio": 1e999}', "example_ratio=inf: must be a finite number"),
        ('{"model": "example", "example_norm": "False"}', "example_norm='False': must be of type bool"),
    ],
)
def test_files_that_are_no_configuration_are_named(tmp_path, text, message):
    path = tmp_path / "config.json"
    if text is not None:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError) as error:
        load_options(Example, str(path), "example")
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)


def test_a_folder_in_place_of_the_file(tmp_path):
    with pytest.raises(UserError, match="cannot be read as JSON"):
        load_options(Example, str(tmp_path), "example")


def test_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    save_options(Example(example_dim=7), str(path), "example")

    def full(*arguments, **keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match=rf"^{path}: cannot be written \(the disk is full\)$"):
        save_options(Example(example_dim=9), str(path), "example")
    monkeypatch.undo()
    assert load_options(Example, str(path), "example").example_dim == 7


def test_require():
    flags.require(train_dir="a", data_dir="b")
    with pytest.raises(UserError, match="^data_dir must be given$"):
        flags.require(train_dir="a", data_dir="")


SCRIPT = '''
"""Trains an example."""
import errno
from absl import flags as absl_flags, logging
from wavegan_tf.core import flags
from wavegan_tf.core.errors import UserError

def main():
    action = absl_flags.FLAGS.action
    if action == "mistake":
        raise UserError("--action=mistake: is wrong,\\nsay otherwise")
    if action == "full":
        raise OSError(errno.ENOSPC, "No space left on device", "/run/config.json")
    if action == "quota":
        raise OSError(errno.EDQUOT, "Disk quota exceeded")
    if action == "denied":
        raise PermissionError(errno.EACCES, "Permission denied", "/run/x")
    if action == "stop":
        raise KeyboardInterrupt
    if action == "bug":
        raise ZeroDivisionError("a bug")
    logging.info("a message")
    print("done")

absl_flags.DEFINE_string("action", "", "What to do.")
absl_flags.DEFINE_integer("count", 1, "How often, 100% sure.", lower_bound=1)
flags.run(main)
'''


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("tensorflow") / "example.py"
    path.write_text(SCRIPT)
    return path


def call(script, *arguments):
    environment = {**os.environ, "PYTHONPATH": ROOT}
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_success_exits_0_and_messages_have_no_prefix(script):
    done = call(script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "a message\n")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--action=mistake"], 1, "error: --action=mistake: is wrong, say otherwise\n"),
        (["--action=full"], 1, "error: /run/config.json: the disk is full; make room and start again\n"),
        (["--action=quota"], 1, "error: writing: the disk is full; make room and start again\n"),
        (["--action=denied"], 1, "error: /run/x: Permission denied\n"),
        (["--action=stop"], 130, "interrupted\n"),
        (["--acton=x"], 2, "error: Unknown command line flag 'acton'. Did you mean: action ? (see --help)\n"),
        (["--count=a"], 2, "error: flag --count=a: invalid literal for int() with base 10: 'a' (see --help)\n"),
        (["--count"], 2, "error: Missing value for flag --count (see --help)\n"),
        (["drums"], 2, "error: unexpected argument 'drums' (see --help)\n"),
    ],
)  # fmt: skip
def test_mistakes_give_one_line_and_their_exit_code(script, arguments, code, message):
    done = call(script, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", message)


def test_value_out_of_range_is_a_wrong_command_line(script):
    done = call(script, "--count=0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: flag --count=0: 0 ") and done.stderr.count("\n") == 1


def test_unexpected_exceptions_keep_their_traceback(script):
    done = call(script, "--action=bug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "ZeroDivisionError: a bug" in done.stderr and "in main" in done.stderr


@pytest.mark.parametrize("flag", ["--help", "-help", "-h", "-?", "--helpshort", "--help=true"])
def test_help_lists_our_flags_and_no_others(script, flag):
    done = call(script, "--count=3", flag)
    assert (done.returncode, done.stderr) == (0, "")
    for text in ("Trains an example.", "--action: What to do.", "--count: How often, 100% sure."):
        assert text in done.stdout
    assert "verbosity" not in done.stdout


def test_full_help_has_the_flags_of_the_libraries_too(script):
    done = call(script, "--helpfull")
    assert (done.returncode, done.stderr) == (0, "")
    for text in ("Trains an example.", "--action: What to do.", "--verbosity", "--flagfile"):
        assert text in done.stdout
    xml = call(script, "--helpxml")
    assert (xml.returncode, xml.stderr) == (0, "") and "<name>action</name>" in xml.stdout
    for arguments in (["--help=false"], ["--nohelp"]):
        assert call(script, *arguments).stdout == "done\n"
    assert call(script, "--", "--help").returncode == 2


CONSOLE_MODULE = '''
"""Trains plainly."""
import dataclasses
from wavegan_tf.core import flags
from wavegan_tf.core.options import Options, option

@dataclasses.dataclass(frozen=True, kw_only=True)
class Plain(Options):
    jit: bool | None = option(None, "Compile.")
    loss: str = option("a", "Loss.", choices=("a", "b"))

def main():
    pass

def run():
    flags.define_flags(Plain, "plain")
    flags.run(main)
'''


def test_help_of_a_console_script_comes_from_the_module_that_holds_the_command(tmp_path):
    (tmp_path / "plain.py").write_text(CONSOLE_MODULE)
    code = f"import sys; sys.path.append({str(tmp_path)!r}); sys.argv = ['plain', '--help']; import plain; plain.run()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    for text in ("Trains plainly.", "--[no]jit: Compile.", "--loss: Loss. One of: a, b."):
        assert text in done.stdout
