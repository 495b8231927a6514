"""What tests of refused input share: one deployment for each of their files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.cloud import kms_v1

from common.adapters.gcp import clients, kms
from common.adapters.gcp.pubsub import PubSubBus
from common.adapters.shared.system_clock import SystemClock
from tests.cloud.deployed import deployed
from tests.cloud.refusals import HttpRefuser
from tests.cloud.refused_world import RING, World, port_of
from tests.emulators.google_grpc import GoogleServer, environment


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[World]:
    about = request.module.__name__.rpartition("_")[2]
    folder = tmp_path_factory.mktemp(about)
    server = GoogleServer()
    refusers = {name: HttpRefuser(port_of(name)) for name in ("BIGQUERY_EMULATOR_HOST", "STORAGE_EMULATOR_HOST")}
    own = environment(server.address) | {name: one.url for name, one in refusers.items()}
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environment(server.address).items():
            patched.setenv(name, value)
        client = clients.connect_client(kms_v1.KeyManagementServiceClient, "test", kms.EMULATOR_VARIABLE)
        client.create_crypto_key(parent=RING, crypto_key_id="credentials", crypto_key=kms_v1.CryptoKey())
        with deployed(about, folder, only={**own, "COSTWIRE_KMS_KEY": f"{RING}/cryptoKeys/credentials"}) as made:
            letters = PubSubBus.connect(made.settings["COSTWIRE_PROJECT"], SystemClock(), patience_seconds=2)
            bigquery, storage = refusers.values()
            yield World(made, made.runtime(), bigquery, storage, letters, client)
    for refuser in refusers.values():
        refuser.close()
    server.stop()


@pytest.fixture(scope="module")
def steady(world: World) -> str:
    """A tenant of several cases, since a dataset of its own takes its time."""
    return world.tenant()
