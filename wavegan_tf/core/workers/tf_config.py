"""The environment variable TF_CONFIG: which workers train together, and which of them this process is."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from typing import Any

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.reading import parse_json

VARIABLE = "TF_CONFIG"
_JOBS = ("chief", "worker")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[A-Za-z0-9:.%]+\]")


@dataclasses.dataclass(frozen=True)
class Place:
    """The place of this process among the workers.

    Attributes:
      jobs: addresses (host:port) by job, "chief" first if there is one, then "worker".
      job: of this process.
      task: its index in that job.
    """

    jobs: dict[str, tuple[str, ...]]
    job: str
    task: int

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of all workers, in TensorFlow's order."""
        return tuple(address for job in self.jobs.values() for address in job)

    @property
    def index(self) -> int:
        """Position of this process in `addresses`; 0 is the one that writes the run's files."""
        return self.task + (len(self.jobs["chief"]) if self.job == "worker" and "chief" in self.jobs else 0)

    def name(self, index: int) -> str:
        """Names a worker in messages, such as "worker 1 (10.0.0.2:12345)"."""
        named = [f"{job} {task} ({address})" for job, all_ in self.jobs.items() for task, address in enumerate(all_)]
        return named[index]


def host_and_port(address: str) -> tuple[str, int]:
    """The two parts of an address; an IPv6 host comes without its brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def read() -> Place | None:
    """The place that TF_CONFIG gives this process; None if it is not set or names no worker.

    Raises:
      UserError: it has a mistake.
    """
    text = os.environ.get(VARIABLE, "")
    if not text.strip():
        return None
    try:
        config = parse_json(text)
    except ValueError as error:
        raise _mistake(f"is not JSON ({error})") from None
    if not isinstance(config, dict):
        raise _mistake(f"must be a JSON object with cluster and task, not {_short(config)}")
    jobs = _jobs(config.get("cluster"))
    if not jobs:
        return None
    if config.get("rpc_layer", "grpc") != "grpc":
        raise _mistake(f"rpc_layer {_short(config['rpc_layer'])}: leave it out, or write grpc")
    return Place(jobs, *_task(config.get("task"), jobs))


def _mistake(text: str) -> UserError:
    return UserError(f"{VARIABLE}: {text}; BUILD.md shows its form")


def _short(value: Any) -> str:
    try:
        text = json.dumps(value)
    except RecursionError:
        text = "[[[..."
    return text if len(text) <= 60 else f"{text[:60]}..."


def _jobs(cluster: Any) -> dict[str, tuple[str, ...]]:
    if cluster is None:
        return {}
    if not isinstance(cluster, dict):
        raise _mistake(f'cluster must be an object such as {{"worker": ["host:port", ...]}}, not {_short(cluster)}')
    for job, addresses in cluster.items():
        if job == "master":
            raise _mistake('the cluster names a "master"; write "chief"')
        if job not in _JOBS:
            raise _mistake(f"the cluster names the job {_short(job)}; leave it out: only chief and worker train here")
        if not isinstance(addresses, list):
            raise _mistake(f"{job} must be a list of addresses, not {_short(addresses)}")
        for address in addresses:
            _check_address(job, address)
    jobs = {job: tuple(cluster[job]) for job in _JOBS if cluster.get(job)}
    if len(jobs.get("chief", ())) > 1:
        raise _mistake(f"the cluster names {len(jobs['chief'])} chiefs; there can be but one")
    seen = set()
    for address in (address.lower() for addresses in jobs.values() for address in addresses):
        if address in seen:
            raise _mistake(f'the address "{address}" is there twice; each worker has its own')
        seen.add(address)
    return jobs


def _check_address(job: str, address: Any) -> None:
    what = f"the {job} address {_short(address)}"
    if not isinstance(address, str):
        raise _mistake(f'{what} must be text such as "host:port"')
    if "://" in address:
        raise _mistake(f"{what} must be host:port, without {address.partition('://')[0]}:// in front")
    host, colon, port = address.rpartition(":")
    if not colon or not host:
        raise _mistake(f"{what} must be host:port; {'the host' if colon else 'the port'} is missing")
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise _mistake(f"{what} must end in a port from 1 to 65535, not {_short(port)}")
    if ":" in host and not host.startswith("["):
        raise _mistake(f"{what} must be host:port; an IPv6 host stands in brackets, as in [::1]:{port}")
    if not _HOST.fullmatch(host):
        raise _mistake(f"{what} must be host:port; {_short(host)} is no host")


def _task(task: Any, jobs: dict[str, tuple[str, ...]]) -> tuple[str, int]:
    form = 'such as {"type": "worker", "index": 0}'
    if task is None:
        raise _mistake(f"task is missing, {form}: it says which worker this process is")
    if not isinstance(task, dict):
        raise _mistake(f"task must be an object {form}, not {_short(task)}")
    job, index = task.get("type"), task.get("index")
    if job is None or index is None:
        raise _mistake(f"task must be an object {form}; {'type' if job is None else 'index'} is missing")
    if job == "master":
        raise _mistake('task.type is "master"; write "chief", in the cluster too')
    if job not in _JOBS:
        raise _mistake(f"task.type is {_short(job)}; only chief and worker train here")
    if job not in jobs:
        raise _mistake(f"task.type is {_short(job)}, but the cluster names no {job}")
    if isinstance(index, str) and re.fullmatch(r"[0-9]{1,9}", index):
        index = int(index)
    if not isinstance(index, int) or isinstance(index, bool):
        raise _mistake(f"task.index must be a whole number, not {_short(index)}")
    if not 0 <= index < len(jobs[job]):
        raise _mistake(
            f"task.index is {_short(index)}, but the cluster's {job} list has {len(jobs[job])}, counted from 0"
        )
    return job, index
