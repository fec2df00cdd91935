import functools
import json
import logging
import sys

import numpy as np
import pytest

from eval import listening_page, samples, score
from eval.classifiers.labels import LABELS
from eval.classifiers.places import ClassifierInfo
from eval.clips import read_clip
from eval.gathering import kept, statistics
from eval.metrics.inception_score import inception_score
from eval.page.render import Page, render
from tests import commands
from tests.eval.small import call, raises_user_error, save_classifier, write_words
from tests.eval.tiny_models import write_model
from tests.originals import EVAL


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    save_classifier(folder / "classifier" / "waveform", ClassifierInfo("sc09", "waveform", LABELS))
    write_words(folder / "fake", 20)
    write_words(folder / "real", 30, seed=1)
    write_model(folder / "model" / "1")
    return folder


def lines_of(folder):
    return [json.loads(line) for line in (folder / "scores.jsonl").read_text().splitlines()]


def test_a_folder_from_the_command_line(place, tmp_path):
    process = commands.command(
        "eval.score", f"--fake_dir={place}/fake", f"--real_dir={place}/real", f"--classifier_dir={place}/classifier",
        f"--output_dir={tmp_path}", "--model=wavegan", fresh=True,
    )  # fmt: skip
    out, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    lines = {(line["metric"], line["of"]): line for line in lines_of(tmp_path)}
    assert {name for name, of in lines if of == "fake"} == {
        "inception_score", "label_accuracy", "fid", "ndb", "ndb_over_k", "js_divergence", "d_self", "d_train",
    }  # fmt: skip
    line = lines["inception_score", "fake"]
    stored = np.load(tmp_path / "fake_waveform_probabilities.npy")
    assert line["value"] == inception_score(stored, 10).mean and line["n"] == 20 and line["k"] == 10
    assert line["classifier"]["test_accuracy"] == 0.5 and len(line["classifier"]["sha256"]) == 64
    assert line["seed"] == 0 and line["versions"]["tensorflow"] and line["name"] == "fake"
    assert "4.67 +- 0.01 [C] WaveGAN + phase shuffle n=2" in out and "3.77 [C] WaveGAN" in out
    assert "does not compare with one of 50 000 (here: 20, 30)" in out
    assert "A score by another classifier does not compare at all: waveform is" in out
    assert "20/20" in errors and "of 20 scored clips had another length" in errors
    assert not list(tmp_path.glob(".scoring*"))
    # The nearest neighbours of all clips take longer than the clips themselves.
    assert all(f"{metric} clip {done}/20" in errors for metric in ("d_self", "d_train") for done in (0, 20))


def test_a_score_that_was_killed_continues_and_leaves_nothing(place, tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO, logger="absl")
    arguments = (f"--fake_dir={place}/fake", f"--output_dir={tmp_path}", "--metrics=d_self")
    for module in (kept, statistics, samples):
        monkeypatch.setattr(module, "BATCH", 8)
    call(score, *arguments)
    decoded: list[str] = []

    def killed(path, rate):
        decoded.append(path)
        if len(decoded) == 18:
            raise KeyboardInterrupt
        return read_clip(path, rate)

    monkeypatch.setattr(samples, "read_clip", killed)
    with pytest.raises(KeyboardInterrupt):
        call(score, *arguments)
    (left,) = tmp_path.glob(".scoring-*")
    assert len(list(left.glob("fake-*.npz"))) == 2
    call(score, *arguments)
    assert len(decoded) == 18 + 4 and len(set(decoded)) == 20
    assert "fake: 16 of 20 clips are finished already" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["scores.jsonl"]
    first, second = lines_of(tmp_path)
    assert (first["value"], first["spread"]) == (second["value"], second["spread"])


def test_a_model_and_its_seed(place, tmp_path):
    arguments = (f"--model_dir={place}/model/1", "--num_samples=20", f"--output_dir={tmp_path}", "--metrics=d_self")
    for seed in (0, 0, 1):
        call(score, *arguments, f"--seed={seed}")
    values = [line["value"] for line in lines_of(tmp_path)]
    assert len(values) == 3 and values[0] == values[1] != values[2]


def test_stored_probabilities_give_the_originals_figure(tmp_path, capsys):
    golden = np.load(EVAL / "inception_score.npz")
    np.save(tmp_path / "p.npy", golden["scores"])
    call(score, f"--probabilities_file={tmp_path}/p.npy", f"--output_dir={tmp_path}", "--num_groups=5")
    (line,) = lines_of(tmp_path)
    assert line["value"] == pytest.approx(float(golden["k5/mean"]), abs=1e-7)
    assert line["spread"] == pytest.approx(float(golden["k5/std"]), abs=1e-7)
    assert "does not compare" in capsys.readouterr().out


def test_every_published_row_can_be_printed(capsys):
    call(score, "--published")
    out = capsys.readouterr().out
    assert "WaveGAN + phase shuffle n=2: inception_score 4.67 +- 0.01 [C] Donahue et al., ICLR 2019, table 1" in out
    assert "IF-Mel + H: pitch_entropy 0.40 [U] Engel et al., ICLR 2019, table 1" in out


FAKE = ("--fake_dir=FAKE", "--output_dir=OUT")
THREE = ("--probabilities_file=THREE", "--output_dir=OUT")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "one of --model_dir, --fake_dir, --watch_train_dir and --probabilities_file must be given, not none"),
        (["--fake_dir=FAKE", "--model_dir=x"], "not --model_dir and --fake_dir"),
        (["--fake_dir=FAKE"], "--output_dir must be given"),
        ([*FAKE, "--metrics=fid"], "--metrics=fid: needs --"),
        ([*FAKE, "--metrics=mos"], "--metrics=mos: must be all, or among"),
        ([*FAKE, "--metrics=pitch_entropy"], "is not for words"),
        ([*THREE, "--num_samples=3"], "--num_samples=3: does not make --num_groups"),
        ([*FAKE, "--num_samples=500"], "--num_samples=500: --fake_dir=.* holds 20 audio files"),
        (["--fake_dir=nowhere", "--output_dir=OUT"], "--fake_dir=nowhere: is not a folder"),
        (["--fake_dir=FAKE", "--real_dir=nowhere", "--output_dir=OUT"], "--real_dir=nowhere: is not a folder"),
        (["--model_dir=FAKE", "--output_dir=OUT"], "holds neither a run nor a SavedModel"),
        (["--model_dir=FAKE/../model", "--output_dir=OUT"], "did you mean .*model/1"),
        (["--fake_dir=FAKE", "--classifier_dir=FAKE", "--output_dir=OUT"], "holds no classifier"),
        (["--probabilities_file=FAKE/zero_000.wav", "--output_dir=OUT"], "cannot be read"),
        ([*THREE, "--num_samples=10"], "--num_samples=10: .* holds 3"),
        (["--probabilities_file=HALF", "--output_dir=OUT"], "half.npy: probabilities: 2 of 2 rows"),
        (["--fake_dir=FAKE", "--output_dir=FAKE/zero_000.wav"], "cannot be written .File exists"),
        ([*FAKE, "--best_metric=d_self"], "--best_metric: requires --watch_train_dir"),
        ([*FAKE, "--watch_all"], "--watch_all: requires --watch_train_dir"),
        ([*FAKE, "--data=sc09"], "--data: requires --probabilities_file"),
        ([*THREE, "--real_dir=FAKE"], "--real_dir: cannot be combined with --prob"),
        (["--model_dir=FAKE", "--output_dir=OUT", "--nofix_length"], "--fix_length: requires --fake_dir or"),
        ([*FAKE, "--num_groups=2"], "--num_groups: requires --metrics=inception_score"),
        ([*THREE, "--num_groups=4"], "--num_groups=4: there are only 3 clips"),
        ([*FAKE, "--nofix_length"], "has 6000 samples, not 16384"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(arguments, message, place, tmp_path):
    np.save(tmp_path / "three.npy", np.eye(3))
    np.save(tmp_path / "half.npy", np.eye(2) / 2)
    names = {"FAKE": place / "fake", "OUT": tmp_path, "THREE": tmp_path / "three.npy", "HALF": tmp_path / "half.npy"}
    named = [functools.reduce(lambda part, n: part.replace(n, str(names[n])), names, part) for part in arguments]
    with raises_user_error(message):
        call(score, *named)


def test_two_classifiers_of_a_kind_are_told_apart(place, tmp_path, capsys):
    kinds = {"a": tmp_path / "a", "b": tmp_path / "b" / "waveform"}
    for seed, folder in enumerate(kinds.values()):
        save_classifier(folder, ClassifierInfo("sc09", "waveform", LABELS), seed)
    call(
        score, f"--fake_dir={place}/fake", f"--classifier_dir={tmp_path}/a,{tmp_path}/b", "--name=set",
        f"--output_dir={tmp_path}/out", "--metrics=inception_score",
    )  # fmt: skip
    lines = lines_of(tmp_path / "out")
    assert [line["classifier"]["name"] for line in lines] == ["a/waveform", "b/waveform"]
    assert [line["classifier"]["place"] for line in lines] == list(map(str, kinds.values()))
    for line in lines:
        stored = np.load(tmp_path / "out" / f"set_{line['classifier']['name'].replace('/', '_')}_probabilities.npy")
        assert inception_score(stored, 10).mean == line["value"]
    assert lines[0]["value"] != lines[1]["value"]
    out = capsys.readouterr().out
    assert "inception score, a/waveform" in out and "inception score, b/waveform" in out
    text = render(Page("", [], [], [listening_page.scores_table(str(tmp_path / "out" / "scores.jsonl"))], ""))
    assert ">a/waveform<" in text and ">b/waveform<" in text


def test_models_with_one_version_number_keep_their_probabilities_apart(place, tmp_path, caplog):
    for model in "ab":
        write_model(tmp_path / "models" / model / "1", seed=ord(model))
        with caplog.at_level(logging.INFO, logger="absl"):
            call(
                score, f"--model_dir={tmp_path}/models/{model}/1", f"--classifier_dir={place}/classifier",
                f"--output_dir={tmp_path}/out", "--metrics=inception_score", "--num_samples=10",
                "--num_groups=1",
            )  # fmt: skip
        assert f"{model}/1: scoring 10 clips of {tmp_path}/models/{model}/1" in caplog.messages
    first, second = lines_of(tmp_path / "out")
    assert (first["name"], second["name"]) == ("a/1", "b/1")
    of_a, of_b = (np.load(tmp_path / "out" / f"{model}_1_waveform_probabilities.npy") for model in "ab")
    assert inception_score(of_a, 1).mean == first["value"] and inception_score(of_b, 1).mean == second["value"]
    # The scores of an untrained classifier can agree to the last bit.
    assert np.abs(of_a - of_b).max() > 1e-6
    text = render(Page("", [], [], [listening_page.scores_table(str(tmp_path / "out" / "scores.jsonl"))], ""))
    assert ">a/1<" in text and ">b/1<" in text


def test_missing_scikit_learn_is_found_before_the_clips_are_read(place, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    arguments = (f"--fake_dir={place}/fake", f"--real_dir={place}/real", f"--output_dir={tmp_path}/out")
    with raises_user_error(r"^scikit-learn is missing: pip install 'adversarial-audio-tf\[eval\]'$"):
        call(score, *arguments)
    assert not (tmp_path / "out").exists()
    call(score, *arguments, "--metrics=d_self")


@pytest.mark.parametrize(("n", "scored", "k"), [(None, 30, 10), (20, 20, 10), (10, 10, 10)])
def test_the_first_of_stored_probabilities(n, scored, k, tmp_path):
    rows = np.random.default_rng(0).dirichlet(np.ones(5), 34)
    np.save(tmp_path / "p.npy", rows)
    chosen = [f"--num_samples={n}"] if n else []
    call(score, f"--probabilities_file={tmp_path}/p.npy", f"--output_dir={tmp_path}", *chosen)
    (line,) = lines_of(tmp_path)
    assert line["value"] == inception_score(rows[:scored], k).mean and (line["n"], line["k"]) == (scored, k)
    assert line.get("note") == (None if n else "30 of 34 clips, the rest fills no group of 10")


def test_a_fid_that_no_classifier_gives_is_refused_at_once(place, tmp_path):
    save_classifier(tmp_path / "log_mel", ClassifierInfo("sc09", "log_mel", LABELS))
    arguments = (
        f"--fake_dir={place}/fake", f"--real_dir={place}/real", f"--classifier_dir={tmp_path}/log_mel",
        f"--output_dir={tmp_path}/out",
    )  # fmt: skip
    with raises_user_error("--metrics=fid: log_mel has 8192 features.* at most 4096, for words the waveform network"):
        call(score, *arguments, "--metrics=fid")
    assert not (tmp_path / "out" / "scores.jsonl").exists()


def test_nothing_but_reasons_is_an_error(tmp_path, capsys):
    write_words(tmp_path / "one", 1)
    with raises_user_error(r"no score has a value \(d_self: 1 clips against 1"):
        call(score, f"--fake_dir={tmp_path}/one", "--metrics=d_self", f"--output_dir={tmp_path}")
    (line,) = lines_of(tmp_path)
    assert (line["value"], line["spread"]) == (None, None) and line["reason"].startswith("1 clips against 1")
    assert "no value (n=1)" in capsys.readouterr().out
