"""Wrong paths in the commands of eval are answered without a heavy library; see tests/test_light_starts.py."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from tests.test_light_starts import HEAVY

COMMANDS = ["score", "train_classifier", "resynthesis", "listening_page"]

# Calls a command once for each list of arguments, as its entry point does, and prints what that gave and imported.
DRIVER = f"""
import contextlib, importlib, io, json, sys
from absl import flags
module = importlib.import_module("eval." + sys.argv[1])
results = []
for arguments in json.loads(sys.argv[2]):
    before, said = set(flags.FLAGS), io.StringIO()
    module.define_flags()
    try:
        flags.FLAGS(["command", *arguments])
        module.main()
        results.append("")
    except Exception as error:
        results.append(type(error).__name__ + ": " + getattr(error, "on_command_line", str(error)))
    for name in set(flags.FLAGS) - before:
        delattr(flags.FLAGS, name)
print(json.dumps([results, [name for name in {HEAVY} if name in sys.modules]]))
"""


PATHS = {
    "score": [
        (["--model_dir=NONE"], "NONE: holds neither a run nor a SavedModel"),
        (["--model_dir=DIR"], "--model_dir=DIR: holds no SavedModel"),
        (["--watch_train_dir=NONE"], "NONE: holds neither a run nor a SavedModel"),
        (["--fake_dir=NONE"], "--fake_dir=NONE: is not a folder"),
        (["--fake_dir=DIR", "--num_samples=9"], "--num_samples=9: --fake_dir=DIR holds 2 audio files"),
        (["--fake_dir=DIR", "--real_dir=NONE"], "--real_dir=NONE: is not a folder"),
        (["--fake_dir=DIR", "--classifier_dir=NONE"], "--classifier_dir=NONE: holds no classifier"),
        (["--fake_dir=DIR", "--classifier_dir=DAMAGED"], "classifier.json: cannot be used"),
        (["--fake_dir=DIR", "--metrics=mos"], "--metrics=mos: must be all, or among"),
        (["--fake_dir=DIR", "--metrics=fid"], "--metrics=fid: needs --classifier_dir"),
        (["--fake_dir=DIR", "--output_dir=DIR/a.wav"], "--output_dir=DIR/a.wav: cannot be written"),
        (["--probabilities_file=NONE"], "--probabilities_file=NONE: cannot be read"),
        (["--probabilities_file=DIR/p.npy"], "probabilities: 2 of 2 rows"),
    ],
    "train_classifier": [
        (["--task=sc09", "--data_dir=NONE"], "--data_dir=NONE: is not a folder"),
        (["--task=pitch", "--data_dir=NONE"], "--data_dir=NONE: is not a folder"),
        (["--task=sc09", "--data_dir=DIR", "--test_dir=NONE"], "--test_dir=NONE: is not a folder"),
        (["--task=sc09", "--data_dir=DIR", "--networks=x"], "--networks=x: must be among"),
        (["--task=sc09", "--data_dir=DIR", "--classifier_dir=DIR/a.wav"], "cannot be written"),
    ],
    "resynthesis": [
        (["--data_dir=NONE"], "--data_dir=NONE: is not a folder"),
        (["--data_dir=DIR", "--moments_dir=NONE"], "--moments_dir=NONE: is not a folder"),
        (["--data_dir=DIR", "--output_dir=DIR"], "--output_dir=DIR: holds files"),
        (["--data_dir=DIR", "--ngl=3", "--nospectrogram"], "--ngl: requires --spectrogram"),
    ],
    "listening_page": [
        (["--set=A=DIR", "--set=B=NONE"], "set B: NONE: is not a folder"),
        (["--set=A=DIR", "--scores=NONE"], "--scores=NONE: cannot be read"),
        (["--set=A=DIR", "--output=DIR"], "--output=DIR: is a folder; name a file in it"),
        (["--set=A=DIR", "--output=DIR/a.wav/page.html"], "--output=DIR/a.wav/page.html: cannot be written"),
        (["--description=NONE"], "--description=NONE: cannot be read"),
        (["--description=DIR/page.json"], "set B: DIR/none.wav: cannot be read (No such file"),
        (["--description=DIR/table.json"], "'decimals' must be a whole number"),
    ],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_paths_and_values(command, tmp_path):
    folder, damaged, out = tmp_path / "clips", tmp_path / "damaged", tmp_path / "out"
    folder.mkdir()
    damaged.mkdir()
    (damaged / "classifier.json").write_text("{")
    for name in ("a.wav", "b.wav"):
        soundfile.write(folder / name, np.zeros(100), 16000)
    np.save(folder / "p.npy", np.eye(2) / 2)
    (folder / "config.json").write_text('{"model": "wavegan"}')
    sets = [{"name": "A", "path": "."}, {"name": "B", "files": ["a.wav", "none.wav"]}]
    (folder / "page.json").write_text(json.dumps({"sets": sets}))
    (folder / "table.json").write_text(json.dumps({"sets": sets[:1], "tables": [{"columns": [{"decimals": -1}]}]}))
    output = {"train_classifier": "classifier_dir", "listening_page": "output"}.get(command, "output_dir")
    places = {"NONE": str(tmp_path / "none"), "DIR": str(folder), "DAMAGED": str(damaged)}
    calls, messages = [], []
    for arguments, message in PATHS[command]:
        for name, place in places.items():
            arguments = [argument.replace(name, place) for argument in arguments]
            message = message.replace(name, place)
        if not any(argument.startswith(f"--{output}=") for argument in arguments):
            arguments = [*arguments, f"--{output}={out / 'x'}"]
        calls.append(arguments)
        messages.append(message)
    program = [sys.executable, "-c", DRIVER, command, json.dumps(calls)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    results, found = json.loads(done.stdout.splitlines()[-1])
    for result, message in zip(results, messages, strict=True):
        assert result.startswith("UserError: ") and message in result, result
    assert found == []
    assert not out.exists()
