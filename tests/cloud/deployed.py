"""A deployment on the emulators: the source archive's functions, each a functions-framework process behind a push subscription.

Topics and subscriptions come from the table that Terraform is held to.  Only backoffs are shorter than in production, so that tests
with faults end in minutes.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from google.cloud import pubsub_v1, storage
from google.protobuf.duration_pb2 import Duration

from common.config import Settings
from common.messages.subscriptions import SUBSCRIPTIONS
from common.ports.bus import MAX_PUSHES
from common.runtime.bootstrap import CloudRuntime
from deployment import archive
from tests import commands
from tests.cloud.faults import ServiceRelay
from tests.cloud.listeners import Received, listening
from tests.emulators.process import HOST, Peer, free_port, start
from tests.emulators.push_proxy import PushFaults, PushProxy

NEEDED = ("PUBSUB_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST", "STORAGE_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST")


def missing_peers() -> str:
    """Why there can be no deployment here; empty where there can."""
    absent = [name for name in NEEDED if not os.environ.get(name)]
    return f"needs make test-cloud: {', '.join(absent)} not set" if absent else ""


@dataclass
class Deployment:
    """A running one.  settings: environment of functions and of the command line."""

    name: str
    folder: Path
    settings: dict[str, str]
    received: Received
    warehouse: ServiceRelay
    faults: PushFaults | None = None
    functions: dict[str, Peer] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    proxies: dict[str, PushProxy] = field(default_factory=dict)

    def costwire(self, *words: str, status: int = 0) -> str:
        """Run a command as an operator would; returns what it printed."""
        done = commands.run(*words, env={**os.environ, **self.settings}, cwd=self.folder, timeout=600)
        assert done.returncode == status, f"costwire {' '.join(words)}: {done.stderr}{done.stdout}"
        return done.stdout

    def runtime(self) -> CloudRuntime:
        """The ports of the deployment, in this process."""
        fields = {name.removeprefix("COSTWIRE_").lower(): value for name, value in self.settings.items()}
        return CloudRuntime(Settings(**{name: fields[name] for name in Settings.model_fields if name in fields}))  # type: ignore[arg-type]

    def kill(self, function: str) -> None:
        """Kill a function's process at once, and start a new one, as the platform does."""
        process = self.functions[function].process
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.functions[function] = self.start(function)

    def start(self, function: str) -> Peer:
        """A function's process, ready to answer."""
        command = [sys.executable, "-m", "functions_framework", "--source", "main.py", "--target", function]
        port = self.ports[function]
        return start(
            function, ["sh", "-c", 'cd "$0" && exec "$@"', str(self.folder / "source"), *command, "--host", HOST, "--port", str(port)],
            port, {}, self.folder / "logs" / f"{function}.{time.monotonic_ns()}.log",
            **self.settings, PYTHONPATH=str(self.folder / "source"),
        )  # fmt: skip

    def logs(self) -> str:
        """What the functions have logged so far."""
        return "\n".join(path.read_text(errors="replace") for path in sorted((self.folder / "logs").glob("*.log")))


@contextmanager
def deployed(
    name: str,
    folder: Path,
    faults: PushFaults | None = None,
    only: Mapping[str, str] | None = None,
    slots: int | None = None,
) -> Iterator[Deployment]:
    """Deploy everything under a name of its own; only: further settings.  slots: how many instances each function has at most."""
    with ExitStack() as stack:
        received, channels = stack.enter_context(listening())
        warehouse = ServiceRelay(int(os.environ["BIGQUERY_EMULATOR_HOST"].rpartition(":")[2].strip("/")))
        stack.callback(warehouse.close)
        bucket = f"{name}-bucket"
        settings = {
            "COSTWIRE_RUNTIME": "cloud",
            "COSTWIRE_PROJECT": os.environ["COSTWIRE_PROJECT"] + "-" + name,
            "COSTWIRE_ENV": name.replace("-", "_"),
            "COSTWIRE_BUCKET": bucket,
            "COSTWIRE_PUSH_AUTH": "platform",  # the emulator sends no token; tests/integration checks tokens
            "BIGQUERY_EMULATOR_HOST": f"http://{HOST}:{warehouse.port}",
            **channels,
            **(only or {}),
        }
        storage.Client(project=settings["COSTWIRE_PROJECT"]).create_bucket(bucket)
        made = Deployment(name, folder, settings, received, warehouse, faults)
        archive.write(folder / "functions.zip")
        with zipfile.ZipFile(folder / "functions.zip") as source:
            source.extractall(folder / "source")
        stack.callback(_stop, made)
        for function in sorted({one.function for table in SUBSCRIPTIONS.values() for one in table}):
            made.ports[function] = free_port()
            made.functions[function] = made.start(function)
            made.proxies[function] = PushProxy(f"http://{HOST}:{made.ports[function]}", faults=faults, slots=slots)
        _subscribe(made, rests=slots is None)
        try:
            yield made
        except BaseException:
            print(made.logs()[-20_000:])  # what pytest shows of a failure
            raise


def _stop(made: Deployment) -> None:
    for proxy in made.proxies.values():
        proxy.close()
    for peer in made.functions.values():
        peer.stop()


def _subscribe(made: Deployment, rests: bool) -> None:
    """Topics, dead letters and push subscriptions, as terraform/ makes them.

    rests: whether failed messages rest.  Of many that fail at once the emulator never pushes some again where they do.
    """
    rest = {"minimum_backoff": Duration(seconds=1), "maximum_backoff": Duration(seconds=5)}
    project = made.settings["COSTWIRE_PROJECT"]
    publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
    for topic, table in SUBSCRIPTIONS.items():
        path, dead = publisher.topic_path(project, topic), publisher.topic_path(project, f"{topic}-dead")
        publisher.create_topic(name=path)
        publisher.create_topic(name=dead)
        subscriber.create_subscription(name=subscriber.subscription_path(project, f"{topic}-dead"), topic=dead)
        for one in table:
            endpoint = f"{made.proxies[one.function].address}/projects/{project}/topics/{topic}"
            subscriber.create_subscription(
                request={
                    "name": subscriber.subscription_path(project, one.name),
                    "topic": path,
                    "push_config": {"push_endpoint": f"{endpoint}?pubsub_trigger=true"},
                    "ack_deadline_seconds": one.ack_deadline_seconds,
                    "enable_message_ordering": one.ordered,
                    "dead_letter_policy": {"dead_letter_topic": dead, "max_delivery_attempts": MAX_PUSHES},
                    "retry_policy": rest if rests else None,
                }
            )
    subscriber.close()


class Killer:
    """Kills a random function every so often, while the context lasts."""

    def __init__(self, made: Deployment, seed: int, every_seconds: float) -> None:
        self._made, self._chance, self._every = made, random.Random(seed), every_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.kills: list[str] = []

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            victim = self._chance.choice(sorted(self._made.functions))
            self._made.kill(victim)
            self.kills.append(victim)
