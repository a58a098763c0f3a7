# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Misconfigurations, made and found: of machines in libvirt's own test driver, of a host with its coordinator."""

import json
import os
import shutil
import socket
import subprocess

import pytest


CHANNEL = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def disk(path, target="vda", driver="type='qcow2'", bus="virtio", more="<serial>A</serial>"):
    return (f"<disk type='file' device='disk'><driver name='qemu' {driver}/><source file='{path}'/>"
            f"<target dev='{target}' bus='{bus}'/>{more}</disk>")


class Bench:
    """A libvirt of test machines, a folder, and a coordinator that is scripted."""

    def __init__(self, lull, api, place):
        self.lull = lull
        self.api = api
        self.place = place
        self.state = f"{place}/state"
        self.domains = ""
        self.image = f"{place}/image"
        self.count = 0
        os.makedirs(f"{self.state}/intents")
        open(self.image, "w").close()

    def domain(self, devices, name="web", metadata="", runstate=1):
        self.count += 1
        self.domains += (
            "<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>"
            f"<name>{name}</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e19{self.count:02}</uuid>"
            f"<metadata>{metadata}</metadata><memory>8192</memory><os><type>hvm</type></os>"
            f"<devices>{devices}</devices><test:runstate>{runstate}</test:runstate></domain>")

    def write(self):
        with open(f"{self.place}/node.xml", "w") as file:
            file.write(f"<node>{self.domains}</node>")

    def run(self, *arguments, uri=None):
        self.write()
        return self.lull("doctor", "--uri", uri or f"test://{self.place}/node.xml", "--state-dir", self.state, *arguments)

    def find(self, *arguments, **options):
        """{check: finding} of what is found."""
        done = self.run("-o", "json", *arguments, **options)
        assert done.stderr == ""
        findings = json.loads(done.stdout)["findings"]
        assert done.returncode == any(finding["severity"] != "note" for finding in findings)
        return {finding["check"]: finding for finding in findings}


@pytest.fixture
def bench(lull, api, place):
    return Bench(lull, api, place)


def test_host_without_machines_has_nothing_wrong(bench):
    done = bench.run()
    assert (done.returncode, done.stdout) == (0, "0 machines looked at: 0 errors, 0 warnings, 0 notes\n")


def test_it_looks_at_the_coordinators_libvirt(bench):
    """With a folder of its own, which is nobody's usual one."""
    bench.domain(CHANNEL)
    bench.write()
    uri = f"test://{bench.place}/node.xml"
    bench.api.answers["GET", "/version"] = (200, {"gitVersion": "v1", "libvirtURI": uri})
    done = bench.lull("doctor", "--state-dir", bench.state, "-o", "json")
    found = {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert found["agent-absent"]["subject"] == "vm web"
    assert found["libvirt-other"]["severity"] == "note" and uri in found["libvirt-other"]["what"]


def test_another_libvirt_than_the_coordinators_is_told(bench):
    bench.api.answers["GET", "/version"] = (200, {"gitVersion": "v1", "libvirtURI": "qemu:///elsewhere"})
    finding = bench.find()["libvirt-other"]
    assert finding["severity"] == "warning" and "qemu:///elsewhere" in finding["what"]
    assert finding["remedy"] == "lull doctor --uri 'qemu:///elsewhere'"


@pytest.mark.parametrize("uri", ["test+ext:///default?command=touch", "test:///default?x", "", 7])
def test_a_coordinator_does_not_say_what_to_run(bench, uri):
    bench.api.answers["GET", "/version"] = (200, {"gitVersion": "v1", "libvirtURI": uri})
    done = bench.lull("doctor", "--state-dir", bench.state, "-o", "json")
    found = {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert ("libvirt-other" in found) == bool(uri and uri != 7)
    assert "looked at" in found["libvirt-other"]["what"] if "libvirt-other" in found else True


MACHINES = [
    ("no-channel", lambda bench: bench.domain(disk(bench.image))),
    ("agent-absent", lambda bench: bench.domain(CHANNEL + disk(bench.image))),
    ("vm-paused", lambda bench: bench.domain(CHANNEL, runstate=3)),
    ("name-changed", lambda bench: bench.domain(CHANNEL, name="Web_1")),
    ("no-room", lambda bench: bench.domain(CHANNEL + disk(bench.image))),  # the test driver's disks have a TiB
    ("unsafe-cache", lambda bench: bench.domain(CHANNEL + disk(bench.image, driver="type='qcow2' cache='unsafe'"))),
    ("serial-missing", lambda bench: bench.domain(CHANNEL + disk(bench.image, more=""))),
    ("serial-twice", lambda bench: bench.domain(CHANNEL + disk(bench.image) + disk(bench.image, target="vdb"))),
    ("left-out", lambda bench: bench.domain(
        CHANNEL + "<disk type='network' device='disk'><driver name='qemu' type='raw'/>"
        "<source protocol='nbd' name='x'><host name='h'/></source><target dev='vda' bus='virtio'/></disk>")),
    ("raw-incremental", lambda bench: bench.domain(
        CHANNEL + disk(bench.image, driver="type='raw'"),
        metadata="<lull:snapshots xmlns:lull='https://lull.dev/domain/1' incremental='yes'/>")),
    ("disk-of-two", lambda bench: (bench.domain(CHANNEL + disk(bench.image)),
                                   bench.domain(CHANNEL + disk(bench.image), name="web2"))),
    ("disk-missing", lambda bench: bench.domain(CHANNEL + disk(f"{bench.place}/nowhere"))),
]


@pytest.mark.parametrize("check, make", MACHINES, ids=[check for check, _ in MACHINES])
def test_fault_of_a_machine_is_found_and_only_there(bench, check, make):
    assert check not in bench.find()
    make(bench)
    finding = bench.find()[check]
    assert finding["subject"].startswith("vm ")
    assert finding["remedy"]


def test_raw_disk_is_no_fault_where_nothing_incremental_is_asked_for(bench):
    bench.domain(CHANNEL + disk(bench.image, driver="type='raw'"))
    assert "raw-incremental" not in bench.find()


def test_machines_can_be_named(bench):
    bench.domain("")
    bench.domain("", name="web2")
    findings = json.loads(bench.run("web2", "-o", "json").stdout)["findings"]
    assert {finding["subject"] for finding in findings} == {"vm web2"}
    unknown = bench.run("web3")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert 'vm, "web3": there is none of that name' in unknown.stderr


def test_coordinator_that_is_not_running_is_found_and_machines_are_looked_at_all_the_same(bench):
    bench.domain("")
    bench.api.stop()
    found = bench.find()
    assert "comes from libvirt" in found["coordinator-absent"]["why"]
    assert "no-channel" in found


def test_coordinator_that_does_not_answer_is_found(bench, program, place):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{place}/silent.sock")
        server.listen(8)
        bench.lull.environment["LULL_SOCKET"] = f"{place}/silent.sock"
        assert "lull-coordinator" in bench.find()["coordinator-silent"]["remedy"]


@pytest.fixture
def as_nobody(bench, program, place):
    """The program as a user who may do nothing."""
    os.chmod(place, 0o755)
    shutil.copy(program, f"{place}/lull")
    bench.write()

    def run(uri=f"test://{place}/node.xml"):
        done = subprocess.run([*NOBODY, f"{place}/lull", "doctor", "--socket", bench.api.socket, "--uri", uri, "--state-dir",
                               bench.state, "-o", "json"], capture_output=True, text=True, timeout=60,
                              env={"PATH": os.environ["PATH"], "HOME": place, "XDG_RUNTIME_DIR": place, "LC_ALL": "C"})
        return {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    return run


def test_socket_that_one_may_not_use_is_found_with_the_group_to_join(bench, as_nobody):
    os.chmod(bench.api.socket, 0o660)
    os.chown(bench.api.socket, 0, 4)
    assert "usermod -aG adm $USER" in as_nobody()["socket-denied"]["remedy"]


def test_libvirt_that_one_may_not_use_is_a_note_while_the_coordinator_works(bench, as_nobody, place, larry):
    os.chmod(bench.api.socket, 0o666)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{place}/libvirt-sock")
        os.chmod(f"{place}/libvirt-sock", 0o600)
        found = as_nobody(f"qemu+unix:///system?socket={place}/libvirt-sock")
    assert found["libvirt-denied"]["severity"] == "note"
    assert found["agent-absent"]["subject"] == "vm larry"


def test_libvirt_that_is_not_there_is_found(bench, place):
    found = bench.find(uri=f"qemu+unix:///system?socket={place}/no-sock")
    assert "No such file or directory" in found["libvirt-absent"]["what"]


def test_machine_that_only_the_coordinator_tells_of_is_not_counted_as_looked_at(bench, place, larry):
    uri = f"qemu+unix:///system?socket={place}/no-sock"
    assert bench.run(uri=uri).stdout.splitlines()[-1].startswith(
        "0 machines looked at, 1 known from the coordinator only: 1 error, ")
    counted = json.loads(bench.run("-o", "json", uri=uri).stdout)
    assert (counted["machines"], counted["machinesTold"]) == (0, 1)


def intent(bench, name, boot_id):
    with open(f"{bench.state}/intents/{name}.json", "w") as file:
        json.dump({"op": name, "vmName": "web", "bootId": boot_id}, file)


def test_freeze_that_nobody_ends_is_found_unless_the_host_was_started_since(bench):
    with open("/proc/sys/kernel/random/boot_id") as file:
        now = file.read().strip()
    intent(bench, "old", "00000000-0000-0000-0000-000000000000")
    bench.api.stop()
    assert "intents-left" not in bench.find()
    intent(bench, "new", now)
    assert "may be frozen still: web" in bench.find()["intents-left"]["what"]
    bench.api.start()
    assert "intents-left" not in bench.find()  # it is at work on it
    os.utime(f"{bench.state}/intents/new.json", (0, 0))
    assert bench.find()["intents-left"]["severity"] == "warning"


def test_findings_are_told_worst_first_each_with_its_remedy_in_lines_to_paste(bench):
    bench.domain(disk(f"{bench.place}/nowhere", more=""))
    lines = bench.run().stdout.splitlines()
    assert lines[-1] == "1 machine looked at: 2 errors, 1 warning, 1 note"
    heads = [line.split(":")[0] for line in lines if line.startswith(("error", "warning", "note"))]
    assert heads == ["error", "error", "warning", "note"]
    assert "    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>" in lines


def test_name_of_a_machine_steers_neither_terminal_nor_shell(bench):
    bench.domain("", name="a'; reboot; '&#9;b")
    done = bench.run()
    assert "\t" not in done.stdout
    assert "virsh attach-device 'a'\\''; reboot; '\\''" in done.stdout


def test_names_are_checks_and_subjects(bench):
    bench.domain(CHANNEL)
    assert bench.run("-o", "name").stdout == "agent-absent: vm web\n"


def test_unknown_format_is_wrong_usage(bench):
    assert bench.run("-o", "xml").returncode == 2
    assert bench.run("Web_1").returncode == 2
