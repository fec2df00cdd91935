import json
import random
from typing import Any

import pytest

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.workers import tf_config

HOSTS = ["localhost:1", "localhost:2", "localhost:3"]
WORKERS = {"worker": HOSTS}
FIRST = {"type": "worker", "index": 0}


def read(monkeypatch, config):
    monkeypatch.setenv("TF_CONFIG", config if isinstance(config, str) else json.dumps(config))
    return tf_config.read()


@pytest.mark.parametrize(
    ("cluster", "task", "index", "name"),
    [
        (WORKERS, {"type": "worker", "index": 0}, 0, "worker 0 (localhost:1)"),
        (WORKERS, {"type": "worker", "index": 2}, 2, "worker 2 (localhost:3)"),
        (WORKERS, {"type": "worker", "index": "1"}, 1, "worker 1 (localhost:2)"),
        ({"chief": HOSTS[:1], "worker": HOSTS[1:]}, {"type": "chief", "index": 0}, 0, "chief 0 (localhost:1)"),
        ({"worker": HOSTS[1:], "chief": HOSTS[:1]}, {"type": "worker", "index": 1}, 2, "worker 1 (localhost:3)"),
    ],
)
def test_place_of_this_process(monkeypatch, cluster, task, index, name):
    place = read(monkeypatch, {"cluster": cluster, "task": task, "environment": "cloud"})
    assert place.addresses == tuple(HOSTS) and place.index == index and place.name(index) == name


@pytest.mark.parametrize("address", ["10.0.0.1:12345", "[::1]:80", "my-host_1.example.org:65535", "[fe80::1%eth0]:1"])
def test_addresses_that_can_be(monkeypatch, address):
    place = read(monkeypatch, {"cluster": {"worker": [address, "b:1"]}, "task": FIRST})
    host, port = tf_config.host_and_port(place.addresses[0])
    assert f"{host}:{port}" == address.replace("[", "").replace("]", "")


def test_nothing_named_is_one_process_alone(monkeypatch):
    for text in ("", "  ", "{}", '{"cluster": {}}', '{"cluster": null}', '{"cluster": {"worker": []}}'):
        assert read(monkeypatch, text) is None
    assert read(monkeypatch, {"task": FIRST}) is None
    monkeypatch.delenv("TF_CONFIG")
    assert tf_config.read() is None


def of(address):
    return {"cluster": {"worker": ["localhost:1", address]}, "task": FIRST}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{'cluster': 1}", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "must be a JSON object with cluster and task, not []"),
        ("3", "must be a JSON object with cluster and task, not 3"),
        ({"cluster": HOSTS, "task": FIRST}, "cluster must be an object such as"),
        ({"cluster": {"worker": "127.0.0.1:2222"}, "task": FIRST}, 'worker must be a list of addresses, not "127.0'),
        ({"cluster": {"worker": {"0": "a:1"}}, "task": FIRST}, "worker must be a list of addresses, not {"),
        (of(12345), 'the worker address 12345 must be text such as "host:port"'),
        (of(None), "the worker address null must be text"),
        (of("grpc://127.0.0.1:12345"), "must be host:port, without grpc:// in front"),
        (of("http://127.0.0.1:12345"), "must be host:port, without http:// in front"),
        (of("localhost"), "the port is missing"),
        (of(":12345"), "the host is missing"),
        (of(""), "the port is missing"),
        (of("localhost:"), 'must end in a port from 1 to 65535, not ""'),
        (of("localhost:http"), "must end in a port from 1 to 65535"),
        (of("localhost:0"), "must end in a port from 1 to 65535"),
        (of("localhost:65536"), "must end in a port from 1 to 65535"),
        (of("localhost:-1"), "must end in a port from 1 to 65535"),
        (of("localhost:80/path"), "must end in a port from 1 to 65535"),
        (of("localhost:١"), "must end in a port from 1 to 65535"),
        (of("::1:80"), "an IPv6 host stands in brackets, as in [::1]:80"),
        (of("my host:80"), "is no host"),
        (of("LOCALHOST:1"), 'the address "localhost:1" is there twice'),
        ({"cluster": {"chief": HOSTS[:1], "worker": HOSTS}, "task": FIRST}, 'the address "localhost:1" is there twice'),
        ({"cluster": {"chief": HOSTS[:2], "worker": HOSTS[2:]}, "task": FIRST}, "names 2 chiefs"),
        ({"cluster": {"master": HOSTS[:1], "worker": HOSTS[1:]}, "task": FIRST}, 'names a "master"; write "chief"'),
        ({"cluster": {**WORKERS, "ps": ["p:1"]}, "task": FIRST}, 'names the job "ps"; leave it out'),
        ({"cluster": {**WORKERS, "evaluator": ["e:1"]}, "task": FIRST}, 'names the job "evaluator"; leave it out'),
        ({"cluster": WORKERS}, "task is missing"),
        ({"cluster": WORKERS, "task": "worker"}, "task must be an object"),
        ({"cluster": WORKERS, "task": {"index": 0}}, "type is missing"),
        ({"cluster": WORKERS, "task": {"type": "worker"}}, "index is missing"),
        ({"cluster": WORKERS, "task": {"type": "master", "index": 0}}, 'task.type is "master"; write "chief"'),
        ({"cluster": WORKERS, "task": {"type": "ps", "index": 0}}, 'task.type is "ps"; only chief and worker train'),
        ({"cluster": WORKERS, "task": {"type": "evaluator", "index": 0}}, 'task.type is "evaluator"; only chief'),
        ({"cluster": WORKERS, "task": {"type": ["worker"], "index": 0}}, 'task.type is ["worker"]'),
        ({"cluster": WORKERS, "task": {"type": "chief", "index": 0}}, "but the cluster names no chief"),
        (
            {"cluster": WORKERS, "task": {"type": "worker", "index": 3}},
            "task.index is 3, but the cluster's worker list",
        ),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": -1}}, "task.index is -1, but"),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": "first"}}, 'whole number, not "first"'),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": 0.0}}, "whole number, not 0.0"),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": True}}, "whole number, not true"),
        ({"cluster": WORKERS, "task": FIRST, "rpc_layer": "http"}, 'rpc_layer "http": leave it out'),
    ],
)
def test_mistakes_are_one_line_that_names_them(monkeypatch, config, message):
    with pytest.raises(UserError) as error:
        read(monkeypatch, config)
    text = str(error.value)
    assert text.startswith("TF_CONFIG: ") and message in text and text.endswith("; BUILD.md shows its form")
    assert "\n" not in text and len(text) < 300


VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 1.5, 10**30, float("nan"), "", "0", "worker", "chief", "a:1", "b:2", "a", ":", "://",
    "[", "[::1]:5", "a:99999", "grpc://a:1", "\n", "é:1", [], {}, [1], ["a:1"], ["a:1", "b:2"],
]  # fmt: skip
NAMES = ["cluster", "task", "worker", "chief", "ps", "master", "type", "index", "rpc_layer"]


def scrambled(rng, depth=0):
    """JSON of about the right form."""
    if depth < 3 and rng.random() < 0.6:
        return {name: scrambled(rng, depth + 1) for name in rng.sample(NAMES, rng.randrange(4))}
    if depth < 3 and rng.random() < 0.3:
        return [scrambled(rng, depth + 1) for _ in range(rng.randrange(3))]
    return rng.choice(VALUES)


def test_any_other_form_is_a_mistake_or_understood(monkeypatch):
    """Never another exception; what is understood is a place within its cluster."""
    rng = random.Random(1)
    understood = 0
    for _ in range(3000):
        config: dict[str, Any] = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}
        for part in rng.sample([config, config["cluster"], config["task"]], rng.randrange(1, 3)):
            part[rng.choice(NAMES)] = scrambled(rng)
        try:
            place = read(monkeypatch, config)
        except UserError as error:
            assert "\n" not in str(error)
            continue
        if place is not None:
            understood += 1
            assert 0 <= place.index < len(place.addresses)
            for address in place.addresses:
                host, port = tf_config.host_and_port(address)
                assert host and 0 < port < 65536
    assert understood > 100
