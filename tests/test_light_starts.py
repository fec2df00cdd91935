"""Help, wrong command lines and wrong paths are answered without TensorFlow or any other library of the work itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.every_flag import COMMANDS

HEAVY = ("tensorflow", "keras", "scipy", "sklearn", "matplotlib", "librosa", "soundfile", "soxr", "tensorflow_io")
# Commands of eval have more paths; see tests/eval/test_light_starts.py.
MODELS = ("wavegan", "specgan", "gansynth")
PATHS: dict[str, list[tuple[list[str], str]]] = {
    **{
        f"{model}_train": [
            ([], "error: --train_dir must be given"),
            (["--train_dir=DIR/run"], "error: --data_dir must be given"),
            (["--train_dir=DIR/run", "--data_dir=DIR/none"], "error: --data_dir=DIR/none: is not a folder"),
            (["--train_dir=DIR/damaged", "--data_dir=DIR"], "error: DIR/damaged/config.json: cannot be read as JSON"),
            (["--train_dir=DIR/run", f"--{model}_dim=0"], f"error: --{model}_dim=0: must be at least 1"),
        ]
        for model in MODELS[:2]
    },
    "gansynth_train": [
        ([], "error: --train_root_dir must be given"),
        (["--train_root_dir=DIR/run"], "error: one of --data_dir, --tfds_data_dir, --train_data_path and"),
        (["--train_root_dir=DIR/run", "--data_dir=DIR/none"], "error: --data_dir=DIR/none: is not a folder"),
        (["--train_root_dir=DIR/run", "--hparams={"], "error: --hparams: is not valid JSON"),
    ],
    "specgan_moments": [
        ([], "error: --data_dir must be given"),
        (["--data_dir=DIR/none", "--data_moments_fp=DIR/m.npz"], "error: --data_dir=DIR/none: is not a folder"),
    ],
    **{
        f"{model}_generate": [
            ([], "error: --model_dir must be given"),
            (["--model_dir=DIR/none", "--output_dir=DIR/out"], "error: --model_dir=DIR/none: holds no SavedModel"),
            (["--model_dir=DIR/other", "--output_dir=DIR/out"], "holds a nogan model, which nogan_generate is for"),
            (["--model_dir=DIR", "--output_dir=DIR/out"], "holds no SavedModel; did you mean DIR/other?"),
        ]
        for model in MODELS
    },
    "export_edge": [
        ([], "error: --model_dir must be given"),
        (["--model_dir=DIR/none", "--output=DIR/m.tflite"], "error: --model_dir=DIR/none: holds no SavedModel"),
        (["--model_dir=DIR/other", "--output=DIR/m.tflite"], "holds a nogan model; known are wavegan,"),
    ],
    **{
        f"{model}_export": [
            ([], "error: --train_dir must be given"),
            (["--train_dir=DIR/none", "--export_dir=DIR/1"], f"not found; is this the directory of a {model} run?"),
        ]
        for model in MODELS
    },
    **{
        f"{model}_import_tf1": [
            ([], "must be given"),
            (
                ["--tf1_dir=DIR/none", "--train_dir=DIR/run", *(["--data_moments_fp=x"] if model == "specgan" else [])],
                "error: DIR/none/",
            ),
        ]
        for model in MODELS
    },
}
PROGRAM = (
    "import atexit, importlib, sys; "
    f"atexit.register(lambda: print('IMPORTED', *[name for name in {HEAVY} if name in sys.modules])); "
    "module, function = sys.argv.pop(1).split(':'); "
    "getattr(importlib.import_module(module), function)()"
)


def start(command: str, arguments: list[str]) -> tuple[int, str, list[str]]:
    """Calls a command by its entry point: exit code, output, and the heavy libraries that it imported."""
    program = [sys.executable, "-c", PROGRAM, f"{COMMANDS[command]}:run", *arguments]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60)
    said, _, found = done.stdout.partition("IMPORTED")
    return done.returncode, said + done.stderr, found.split()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_and_a_wrong_flag(command):
    code, said, found = start(command, ["--help"])
    assert (code, found) == (0, []) and said.startswith(f"{command}: ") and said.count("\n  --") >= 2
    code, said, found = start(command, ["--nonsense"])
    assert (code, found) == (2, []) and said.startswith("error: Unknown command line flag 'nonsense'")


@pytest.mark.parametrize("command", PATHS)
def test_wrong_paths_and_values(command, tmp_path):
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "config.json").write_text("{")
    (tmp_path / "other" / "assets.extra").mkdir(parents=True)
    (tmp_path / "other" / "saved_model.pb").touch()
    text = '{"model": "nogan", "sample_rate": 16000, "latent_dim": 2}'
    (tmp_path / "other" / "assets.extra" / "model.json").write_text(text)
    before = sorted(tmp_path.rglob("*"))
    for arguments, message in PATHS[command]:
        code, said, found = start(command, [text.replace("DIR", str(tmp_path)) for text in arguments])
        assert (code, found) == (1, []), said
        assert message.replace("DIR", str(tmp_path)) in said and said.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
