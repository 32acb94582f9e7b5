"""Glassway as whole processes before a scripted upstream, for real clients."""

import http.server
import json
import os
import pathlib
import queue
import re
import subprocess
import threading
import time
import urllib.request

import pytest
from managed import gateway_of_all, managed, vendor  # noqa: F401  fixtures

ADMIN_KEY = "test-admin-key-0123456789abcdef"
ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARIES = pathlib.Path(os.environ.get("GLASSWAY_BIN_DIR", ROOT / "target/debug"))
PATIENCE = 60


class Upstream(http.server.ThreadingHTTPServer):
    """Answers with what a test queued; keeps what it was asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = queue.Queue()
        self.requests = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def json(self, body, status=200, headers=()):
        """Queues a JSON answer."""
        self.script.put((status, "application/json", list(headers), [json.dumps(body)]))

    def hang_up(self):
        """Queues a connection closed instead of an answer."""
        self.script.put((0, "hang up", [], []))

    def events(self, events, named=False):
        """Queues an event stream; `named` adds `event:` lines from `type`."""
        frames = []
        for event in events:
            data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
            name = f"event: {event['type']}\n" if named else ""
            frames.append(f"{name}data: {data}\n\n")
        self.script.put((200, "text/event-stream", [], frames))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def respond(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests.append((self.command, self.path, self.headers, body))
        status, kind, headers, pieces = self.server.script.get(timeout=PATIENCE)
        if kind == "hang up":
            self.close_connection = True
            return
        self.send_response_only(status)
        self.send_header("content-type", kind)
        for name, value in headers:
            self.send_header(name, value)
        if kind == "application/json":
            self.send_header("content-length", str(len(pieces[0].encode())))
            self.end_headers()
            self.wfile.write(pieces[0].encode())
            return
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            data = piece.encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_DELETE = respond

    def log_message(self, *args):
        pass


class Process:
    """One of the two binaries, its lines kept."""

    def __init__(self, name, config, env):
        path = BINARIES / name
        assert path.exists(), f"{path} is not built: cargo build -p {name}"
        self.lines = []
        self.child = subprocess.Popen(
            [path, "--config", config],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **env},
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.url = eventually(self._listening, f"{name} listens")

    def _read(self):
        for line in self.child.stdout:
            self.lines.append(line.rstrip())

    def _listening(self):
        assert self.child.poll() is None, "\n".join(self.lines)
        for line in self.lines:
            if found := re.search(r"listening on (http://[\d.:]+)", line):
                return found[1]
        return None

    def stop(self):
        self.child.terminate()
        assert self.child.wait(PATIENCE) == 0, "\n".join(self.lines)


class Glassway:
    """Both processes and what they recorded."""

    def __init__(self, folder, upstream, env=None):
        config = folder / "config.toml"
        config.write_text(
            f"""
            [proxy]
            listen = "127.0.0.1:0"
            drain_timeout = "5s"
            [upstream]
            base_url = "{upstream.url}"
            anthropic_base_url = "{upstream.url}"
            [monitor]
            listen = "127.0.0.1:0"
            admin_key = "{ADMIN_KEY}"
            """
        )
        self.proxy = Process("glassway-proxy", config, env or {})
        self.monitor = Process("glassway-monitor", config, env or {})
        self.url = self.proxy.url

    def api(self, path, body=None):
        """GET, or POST of a JSON body."""
        request = urllib.request.Request(
            self.monitor.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {ADMIN_KEY}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def recorded(self, n):
        """Waits for n finished exchanges; gives them in full, oldest first."""

        def finished():
            items = [i for i in self.api("/api/requests?limit=1000")["items"] if i["outcome"] != "in_flight"]
            assert len(items) <= n, items
            return items if len(items) == n else None

        items = eventually(finished, f"{n} recorded exchanges")
        return [self.api(f"/api/request/{item['id']}") for item in reversed(items)]

    def stop(self):
        self.proxy.stop()
        self.monitor.stop()


def eventually(condition, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited in vain: {what}")


@pytest.fixture
def upstream():
    server = Upstream()
    yield server
    server.shutdown()


@pytest.fixture
def glassway(tmp_path, upstream):
    running = Glassway(tmp_path, upstream)
    yield running
    running.stop()
