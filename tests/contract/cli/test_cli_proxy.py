# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""lull proxy: a way in by TCP for who knows the secret, and for nobody else."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.request

import pytest
import yaml

import rest
import scratch
from waiting import wait_for


@pytest.fixture
def server(build):
    """A store that is really served."""
    directory = scratch.make("proxy")
    client = rest.Client(os.path.join(directory, "lull.sock"))
    process = subprocess.Popen([os.path.join(build, "tests/contract/serve"), os.path.join(directory, "store.db"),
                                client.path], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    client.directory = directory
    client.process = process
    yield client
    process.terminate()
    assert process.wait(30) == 0
    process.stdout.close()
    scratch.remove(directory)


def start(program, server, *command):
    environment = {**os.environ, "LULL_SOCKET": server.path, "XDG_RUNTIME_DIR": server.directory}
    environment.pop("KUBECACHEDIR", None)
    return subprocess.Popen([program, "proxy", *command], env=environment, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Proxy:
    def __init__(self, program, server):
        self.process = start(program, server)
        line = self.process.stdout.readline().strip()
        self.kubeconfig = line.removeprefix("export KUBECONFIG=")
        with open(self.kubeconfig) as file:
            self.url = yaml.safe_load(file)["clusters"][0]["cluster"]["server"]
        self.port, self.prefix = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/[0-9a-f]{32})", self.url).groups()

    def exchange(self, request):
        """Sends bytes, returns what comes until the end."""
        with socket.create_connection(("127.0.0.1", int(self.port)), timeout=60) as connection:
            answer = b""
            try:
                connection.sendall(request)
                while data := connection.recv(65536):
                    answer += data
            except ConnectionError:
                pass
            return answer

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=60) as response:
            return response.read()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(30)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        return status


@pytest.fixture
def proxy(program, server):
    proxy = Proxy(program, server)
    yield proxy
    if proxy.process.poll() is None:
        proxy.stop()


def test_the_configuration_is_the_users_alone_and_goes_with_the_proxy(proxy):
    directory = os.path.dirname(proxy.kubeconfig)
    assert stat.S_IMODE(os.stat(proxy.kubeconfig).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
    assert proxy.get("/healthz") == b"ok"
    assert proxy.stop(signal.SIGINT) == 0
    assert not os.path.exists(directory)


def test_nothing_is_passed_on_without_the_secret(proxy):
    wrong = "/" + "0" * 32
    for path in ("/", "/healthz", f"{wrong}/healthz", f"{proxy.prefix}x/healthz", f"{proxy.prefix[:-1]}/healthz",
                 f"/healthz{proxy.prefix}", f"/{proxy.prefix}/healthz"):
        answer = proxy.exchange(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 404 "), path
        assert json.loads(body)["reason"] == "NotFound"


@pytest.mark.parametrize(
    "head",
    [
        "POST {} HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}",
        "POST {} HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{{}}",
        "POST {} HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{{}}",
        "POST {} HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST {} HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST {} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\n{{}}\r\n0\r\n\r\n",
        "POST {} HTTP/1.1\r\nContent-Length: +2\r\n\r\n{{}}",
        "POST {} HTTP/1.1\r\nContent-Length: 2, 2\r\n\r\n{{}}",
        "POST {} HTTP/1.1\r\nContent-Length : 2\r\n\r\n{{}}",
        "GET {} HTTP/1.1\r\nX: a\r\n folded\r\n\r\n",
        "GET {} HTTP/1.1\r\nX: a\nY: b\r\n\r\n",
        "GET {} HTTP/1.1\r\nX: a\rY: b\r\n\r\n",
        "GET {} HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        "GET {} HTTP/1.0\r\n\r\n",
        "GET  {} HTTP/1.1\r\n\r\n",
        "GET {} x HTTP/1.1\r\n\r\n",
        "GET http://x{} HTTP/1.1\r\n\r\n",
        "GET {} HTTP/1.1\r\nX: " + "y" * 40000 + "\r\n\r\n",
    ],
    ids=range(18),
)
def test_what_could_be_read_in_two_ways_is_refused(proxy, head):
    answer = proxy.exchange(head.format(proxy.prefix + "/healthz").encode())
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")


def test_a_connection_takes_one_request(proxy):
    one = f"GET {proxy.prefix}/healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n".encode()
    answer = proxy.exchange(one + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"\r\nConnection: close\r\n" in answer


def test_a_body_that_comes_in_chunks_is_passed_on(proxy):
    """As kubectl --raw sends one, of which it says neither how long it is nor what."""
    snapshot = json.dumps({"apiVersion": f"{rest.GROUP}/v1beta1", "kind": "VirtualMachineSnapshot",
                           "metadata": {"name": "chunks"},
                           "spec": {"source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "larry"}}})
    pieces = [snapshot[:7], snapshot[7:], ""]
    body = "".join(f"{len(piece):x}\r\n{piece}\r\n" for piece in pieces)
    answer = proxy.exchange(f"POST {proxy.prefix}{rest.SNAPSHOTS} HTTP/1.1\r\nHost: x\r\n"
                            f"Transfer-Encoding: chunked\r\n\r\n{body}".encode())

    assert answer.startswith(b"HTTP/1.1 201 "), answer
    assert json.loads(proxy.get(f"{rest.SNAPSHOTS}/chunks"))["metadata"]["name"] == "chunks"


def test_events_pass_as_they_come(proxy, server):
    with urllib.request.urlopen(f"{proxy.url}{rest.SNAPSHOTS}?watch=1", timeout=60) as watch:
        for name in ("a", "b"):
            assert server.post(rest.SNAPSHOTS, rest.snapshot(name))[0] == 201
            assert json.loads(watch.readline())["object"]["metadata"]["name"] == name


def test_a_client_that_goes_is_gone_for_the_server_too(proxy, server):
    """A hold's connection is its lease, also by this way."""
    wait_for(lambda: server.connected() == 0, "nobody to be connected")
    watch = urllib.request.urlopen(f"{proxy.url}{rest.SNAPSHOTS}?watch=1", timeout=60)
    assert server.connected() == 1
    watch.close()
    wait_for(lambda: server.connected() == 0, "the connection to be closed")


def test_a_client_that_does_not_read_holds_nobody_up(proxy, server):
    fill = {"annotations": {"fill": "x" * 200000}}
    for number in range(20):
        server.post(rest.SNAPSHOTS, rest.snapshot(f"snap-{number}", metadata=fill))
    with socket.create_connection(("127.0.0.1", int(proxy.port)), timeout=60) as slow:
        slow.sendall(f"GET {proxy.prefix}{rest.SNAPSHOTS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        for _ in range(5):
            assert len(json.loads(proxy.get(rest.SNAPSHOTS))["items"]) == 20


COMMAND = """
import os, urllib.request, yaml
config = yaml.safe_load(open(os.environ["KUBECONFIG"]))
print(urllib.request.urlopen(config["clusters"][0]["cluster"]["server"] + "/healthz").read().decode(), input())
print(os.environ["KUBECONFIG"])
raise SystemExit(7)
"""


def test_a_command_is_run_and_its_status_is_ours(program, server):
    process = start(program, server, "--", sys.executable, "-c", COMMAND)
    output, errors = process.communicate("typed\n", timeout=60)
    said, kubeconfig = output.splitlines()
    assert (process.returncode, said, errors) == (7, "ok typed", "")
    assert not os.path.exists(os.path.dirname(kubeconfig))


@pytest.mark.parametrize("script, status", [("exit 0", 0), ("kill -KILL $$", 137)])
def test_the_end_of_a_command_is_told_as_a_shell_does(program, server, script, status):
    process = start(program, server, "--", "sh", "-c", script)
    process.communicate(timeout=60)
    assert process.returncode == status


def test_a_request_to_end_reaches_the_command(program, server):
    process = start(program, server, "--", "sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done")
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 5


def test_without_a_coordinator_it_says_so_at_once(program, server):
    server.path += ".none"
    process = start(program, server, "--", "true")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and "lull: proxy:" in errors
    assert not [name for name in os.listdir(server.directory) if name.startswith("lull-proxy")]


def test_a_command_that_is_not_there_is_an_error(program, server):
    process = start(program, server, "--", "no-such-command")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and "no-such-command" in errors
