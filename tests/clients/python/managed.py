"""Glassway with a key for each kind of provider, all of them the fake vendor, which refuses
what the vendors' documents forbid."""

import subprocess
import urllib.parse

import pytest

KEY = "sk-vendor-0123456789abcdef"
VERSION = "2024-10-21"
# Which provider answers is told by the model.
CLAUDE = ["claude-sonnet-4-5", "claude-opus-4-8", "claude-3-haiku-20240307"]
OPENAI = ["gpt-4o", "gpt-4o-mini", "gpt-5.2", "deepseek-reasoner", "text-embedding-3-small", "gpt-image-1", "whisper-1", "tts-1", "omni-moderation-latest"]
AZURE = {"older": {"azure-older": "prod-older", "embed-older": "prod-embed", "whisper-older": "prod-ear", "image-older": "prod-eye"}, "newer": {"azure-newer": "prod-newer", "embed-newer": "prod-embed", "whisper-newer": "prod-ear", "image-newer": "prod-eye"}}
# A client's name of a model, and whose model answers.
ALIASES = {"claude-haiku-4-5": (1, "gpt-4o"), "gpt-4.1": ("claude", "claude-sonnet-4-5")}
MOODS = ["busy", "broken", "cut"]


class Vendor:
    """The fake vendor's program."""

    def __init__(self, folder):
        path = folder / "fake-vendor"
        assert path.exists(), f"{path} is not built: cargo build -p glassway-tests"
        self.child = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.child.stdout.readline().split()[-1]

    def stop(self):
        self.child.stdin.close()
        self.child.wait(30)


def team(glassway, vendor):
    """Providers of every kind, and a key for each."""
    models = {1: OPENAI}
    claude = glassway.api("/api/providers", {"name": "claude", "kind": "anthropic", "base_url": vendor.url})
    models[claude["id"]] = CLAUDE
    # Apart: what fails there must not rest those that serve the other tests.
    for kind, model in [("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5")]:
        for mood in MOODS:
            moody = {"name": f"{mood}-{kind}", "kind": kind, "base_url": vendor.url}
            models[glassway.api("/api/providers", moody)["id"]] = [f"{model}-{mood}"]
    for name, deployments in AZURE.items():
        azure = {"name": name, "kind": "azure", "base_url": vendor.url, "deployments": deployments}
        if name == "older":
            azure["api_version"] = VERSION
        models[glassway.api("/api/providers", azure)["id"]] = list(deployments)
    for alias, (provider, model) in ALIASES.items():
        provider = claude["id"] if provider == "claude" else provider
        glassway.api("/api/routes", {"model": alias, "candidates": [{"provider_id": provider, "upstream_model": model}]})
    for provider, names in models.items():
        glassway.api("/api/keys", {"provider_id": provider, "name": f"key{provider}", "key_value": f"{KEY}{provider}", "models": names})


class Managed:
    """What one test needs of it: a token of its own, by which its calls are known."""

    def __init__(self, glassway, name):
        self.url = glassway.url
        self.api = glassway.api
        self.name = name
        self.token = glassway.api("/api/client-tokens", {"name": name})["token"]

    def seen(self, n=1):
        """The n exchanges of this test in full, oldest first."""
        from conftest import eventually

        def finished():
            query = urllib.parse.urlencode({"limit": 100, "client_token": self.name})
            items = [i for i in self.api(f"/api/requests?{query}")["items"] if i["outcome"] != "in_flight"]
            return items if len(items) >= n else None

        items = eventually(finished, f"{n} recorded exchanges")
        assert len(items) == n, items
        return [self.api(f"/api/request/{item['id']}") for item in reversed(items)]


@pytest.fixture(scope="session")
def vendor():
    from conftest import BINARIES

    running = Vendor(BINARIES)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def gateway_of_all(tmp_path_factory, vendor):
    from conftest import Glassway

    env = {"GLASSWAY_UPSTREAM__ALLOW": vendor.url.removeprefix("http://")}
    running = Glassway(tmp_path_factory.mktemp("managed"), vendor, env)
    team(running, vendor)
    yield running
    running.stop()


@pytest.fixture
def managed(gateway_of_all, request):
    return Managed(gateway_of_all, request.node.nodeid)
