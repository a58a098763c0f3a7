# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What lull doctor finds in machines that libvirt really has, and that it is gone once its remedy was applied. The
machines are defined and never run: nothing more is needed."""

import json
import os
import re
import subprocess

import pytest

import scratch

CHANNEL = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
SERIAL = "<serial>ADISK</serial>"
INCREMENTAL = "<metadata><l:snapshots xmlns:l='https://lull.dev/domain/1' incremental='yes'/></metadata>"
TPM = "<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>"


def disk(path, form="qcow2", cache="", target="vda", bus="virtio", serial=SERIAL):
    return (f"<disk type='file' device='disk'><driver name='qemu' type='{form}'{cache}/><source file='{path}'/>"
            f"<target dev='{target}' bus='{bus}'/>{serial}</disk>")


@pytest.fixture(scope="module")
def coordinator(host):
    with host.coordinator("remedies") as coordinator:
        yield coordinator


@pytest.fixture
def folder():
    directory = scratch.make("doctor")
    for name in ("qcow2", "raw"):
        path = os.path.join(directory, f"image.{name}")
        subprocess.run(["qemu-img", "create", "-q", "-f", name, path, "8M"], check=True)
    yield directory
    scratch.remove(directory)


@pytest.fixture
def define(host):
    defined = []

    def run(name, devices, metadata=""):
        defined.append(host.connection.defineXML(
            f"<domain type='qemu'><name>{name}</name>{metadata}<memory unit='MiB'>64</memory><vcpu>1</vcpu>"
            f"<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>{devices}</devices></domain>"))
        return name
    yield run
    for domain in defined:
        domain.undefine()


@pytest.fixture
def find(coordinator, host):
    def run(name):
        done = coordinator.lull("doctor", name, "--uri", host.uri, "--state-dir", coordinator.state_dir, "-o", "json")
        findings = json.loads(done.stdout)["findings"]
        assert done.returncode == any(finding["severity"] != "note" for finding in findings), done.stderr
        return {finding["check"]: finding for finding in findings}
    return run


@pytest.fixture
def apply(host, folder):
    """Runs a remedy as it stands there. @edit: what somebody does in the editor that it opens: pairs of a pattern and
    what takes its place."""
    def run(remedy, edit=()):
        editor = os.path.join(folder, "editor")
        with open(editor, "w") as file:
            file.write("#!/usr/bin/python3\nimport re, sys\ntext = open(sys.argv[1]).read()\n")
            for pattern, replacement in edit:
                file.write(f"text, n = re.subn({pattern!r}, {replacement!r}, text, flags=re.S)\nassert n == 1\n")
            file.write("open(sys.argv[1], 'w').write(text)\n")
        os.chmod(editor, 0o755)
        environment = {**os.environ, "VIRSH_DEFAULT_CONNECT_URI": host.uri, "EDITOR": editor, "VISUAL": editor}
        done = subprocess.run(["bash", "-ec", remedy], env=environment, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, (remedy, done)
    return run


def advised(remedy, element):
    """What a remedy says to write."""
    return re.search(f"<{element}.*?(/>|</{element}>)", remedy)[0]


def test_a_machine_without_a_channel_gets_one(define, find, apply, folder):
    name = define("deaf", disk(f"{folder}/image.qcow2"))
    found = find(name)
    assert list(found) == ["no-channel"]
    apply(found["no-channel"]["remedy"].partition("# in the guest")[0])
    assert find(name) == {}


def test_an_unsafe_cache_gives_way_to_the_one_advised(define, find, apply, folder):
    name = define("rash", CHANNEL + disk(f"{folder}/image.qcow2", cache=" cache='unsafe'"))
    found = find(name)
    assert list(found) == ["unsafe-cache"]
    remedy = found["unsafe-cache"]["remedy"]
    apply(remedy, [("<driver name='qemu'[^>]*>", advised(remedy, "driver"))])
    assert find(name) == {}


@pytest.mark.parametrize("target, bus", [("vda", "virtio"), ("sda", "sata")])
def test_a_disk_without_a_serial_number_gets_the_one_advised(define, find, apply, folder, target, bus):
    name = define("nameless", CHANNEL + disk(f"{folder}/image.qcow2", target=target, bus=bus, serial=""))
    found = find(name)
    assert list(found) == ["serial-missing"]
    remedy = found["serial-missing"]["remedy"]
    apply(remedy, [("</disk>", advised(remedy, "serial") + "</disk>")])
    assert find(name) == {}


def test_a_raw_disk_whose_changes_are_asked_for_becomes_a_qcow2(define, find, apply, folder):
    name = define("raw", CHANNEL + disk(f"{folder}/image.raw", form="raw"), INCREMENTAL)
    found = find(name)
    assert list(found) == ["raw-incremental"]
    remedy = found["raw-incremental"]["remedy"].replace("NEW-FILE", f"{folder}/new.qcow2")
    apply(remedy, [("<driver name='qemu'[^>]*>", advised(remedy, "driver")), ("image.raw", "new.qcow2")])
    assert find(name) == {}


def test_a_tpm_that_nobody_needs_is_taken_away(define, find, apply, folder):
    name = define("sealing", CHANNEL + disk(f"{folder}/image.qcow2") + TPM)
    found = find(name)
    assert list(found) == ["tpm-left-out"]
    remedy = found["tpm-left-out"]["remedy"]
    apply(remedy[remedy.index("virsh edit"):], [("<tpm .*</tpm>", "")])
    assert find(name) == {}
