"""Rows, files and comparisons of `make bench`, without its measuring."""

from __future__ import annotations

import json
import time
from unittest import mock

import pytest

from tests.benchmarks import __main__ as bench
from tests.benchmarks import measure, report
from tests.benchmarks.measure import Row, Timing, timed

ROWS = [
    Row("updates", Timing((2.0, 1.0, 4.0), (3.0, 2.5, 9.0))),
    Row("clips", Timing((0.5,), (0.75,), 64), Timing((1.0,), (2.0,), 8), "clips", "twin: plain"),
]


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Runs `make bench` on rows that are given, and returns the file it wrote."""

    def run(name, rows, *arguments):
        monkeypatch.setattr(measure, "peak_flops", lambda runs: 2e11)
        monkeypatch.setattr(bench, "parts", lambda options, peak: dict.fromkeys(bench.PARTS, lambda: iter(rows)))
        path = tmp_path / "made" / name
        assert bench.main(["--only", "input", "--json", str(path), *arguments]) == 0
        return path

    return run


def test_timed_counts_the_clock_and_all_processors():
    sleep = mock.Mock(side_effect=lambda: time.sleep(0.02))
    sleeping = timed(sleep, 3, items=5)
    assert sleep.call_count == 4 and len(sleeping.wall) == len(sleeping.cpu) == 3 and sleeping.items == 5
    assert sleeping.least >= 0.02 > 2 * min(sleeping.cpu)
    assert min(timed(lambda: sum(range(500000)), 3).cpu) > 2 * min(sleeping.cpu)


def test_a_row_shows_least_seconds_of_both_kinds_and_rates():
    assert ROWS[0].as_table() == "| updates | 1 s (2.5 CPU) |  |  |"
    assert ROWS[1].as_table() == "| clips | 0.5 s (0.75 CPU), 128 clips/s | 1 s (2 CPU), 8 clips/s | twin: plain |"


def test_the_file_holds_rows_machine_and_versions(measured, capsys):
    found = json.loads(measured("a.json", ROWS, "--dim", "8").read_text())
    assert "| updates | 1 s (2.5 CPU) |" in capsys.readouterr().out
    assert found["rows"][0]["ours"] == {
        "wall": {"least": 1.0, "median": 2.0}, "cpu": {"least": 2.5, "median": 3.0}, "runs": 3, "items": 1
    }  # fmt: skip
    assert found["rows"][0]["twin"] is None and found["rows"][1]["twin"]["items"] == 8
    assert found["settings"] == {"dim": 8, "batch": 16, "runs": 5} and found["product_gflops"] == 200.0
    assert set(found["versions"]) == {"python", "tensorflow", "keras", "numpy", "project", "commit"}
    assert found["machine"]["cores"] >= 1 and found["machine"]["memory_gib"] > 0
    assert set(found["machine"]) == {"processor", "cores", "instructions", "memory_gib", "gpus", "system"}


def test_two_files_are_compared_by_item(measured, capsys):
    first = measured("a.json", ROWS)
    second = measured("b.json", [Row("clips", Timing((0.5,), (0.3,), 128)), Row("new", Timing((1.0,), (1.0,)))])
    other = json.loads(second.read_text())
    other["machine"] |= {"cores": 96, "instructions": [*other["machine"]["instructions"], "amx_bf16"]}
    second.write_text(json.dumps(other))
    capsys.readouterr()
    assert bench.main(["--compare", str(first), str(second)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("machine: cores: A ") and line.endswith(", B 96") for line in lines)
    assert "machine: instructions: only B amx_bf16" in lines
    assert "versions: the same" in lines and "settings: the same" in lines
    assert lines[-3:] == [
        "| updates | 1 s (2.5 CPU) |  |  |  |",
        "| clips | 0.5 s (0.75 CPU) | 0.5 s (0.3 CPU) | 0.50 | 0.20 |",
        "| new |  | 1 s (1 CPU) |  |  |",
    ]


def broken(change):
    """A whole file's text after a change of what it holds."""
    found = {**report.run_facts({"dim": 64}, 200.0), "rows": [row.as_json() for row in ROWS]}
    change(found)
    return json.dumps(found)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (lambda: "{", "is no JSON"),
        (lambda: "[1]", "is no file that --json wrote"),
        (lambda: "{}", "lacks 'format'"),
        (lambda: broken(lambda f: f.update(format=2)), "has format 2, and this version reads 1"),
        (lambda: broken(lambda f: f.pop("machine")), "lacks 'machine'"),
        (lambda: broken(lambda f: f.update(versions=3)), "versions is no object"),
        (lambda: broken(lambda f: f.update(rows=5)), "is no file that --json wrote"),
        (lambda: broken(lambda f: f["rows"][0].pop("ours")), "lacks 'ours'"),
        (lambda: broken(lambda f: f["rows"][0]["ours"].update(items=0)), "is no file that --json wrote"),
        (lambda: broken(lambda f: f["rows"][0]["ours"]["cpu"].update(least=float("nan"))), "must be positive"),
        (lambda: broken(lambda f: f["rows"][0]["ours"]["wall"].update(least="1")), "is no file that --json wrote"),
        (lambda: broken(lambda f: f.update(product_gflops=None)), "is no file that --json wrote"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_line(text, reason, tmp_path, capsys):
    path = tmp_path / "bad.json"
    path.write_text(text())
    assert bench.main(["--compare", str(path), str(path)]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: --compare=") and reason in message and message.count("\n") == 1


def test_mistakes_on_the_command_line_are_told_before_measuring(tmp_path, capsys):
    for arguments, message in (
        (["--compare", "absent", "absent"], "--compare=absent: cannot be read (No such file or directory)"),
        (["--json", str(tmp_path)], "is a folder; name a file in it"),
        (["--runs", "0"], "--runs=0: must be at least 1"),
        (["--dim", "-1"], "--dim=-1: must be at least 1"),
    ):
        assert bench.main(arguments) == 1
        error = capsys.readouterr().err
        assert error.startswith("error: --") and message in error and error.count("\n") == 1
