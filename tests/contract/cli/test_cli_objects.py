# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Looking at objects, restoring, deleting, freezing; and a coordinator that is not there."""

import json
import os
import re
import socket
import subprocess

import pytest

import fakeapi

SNAPSHOTS, RESTORES, CONTENTS = "virtualmachinesnapshots", "virtualmachinerestores", "virtualmachinesnapshotcontents"
FREEZE = "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/larry/"


def test_lists_are_plain_tables_in_a_pipe(lull, larry, make_ready):
    make_ready()
    assert lull("vms").stdout.splitlines()[1].split() == ["larry", "Running", "<none>", "<none>", "<none>"]
    lines = lull("snapshots").stdout.splitlines()
    assert lines[0].split() == ["NAME", "SOURCEKIND", "SOURCENAME", "PHASE", "READYTOUSE", "CREATIONTIME", "ERROR"]
    assert lines[1].split() == ["snap-larry", "VirtualMachine", "larry", "Succeeded", "true", "<none>", "<none>"]
    wide = lull("snapshots", "-o", "wide").stdout.splitlines()
    assert wide[1].split()[-5:] == ["app", "held", "quiet", "26.0", "ms"]


def test_lists_can_be_of_one_machine(lull, api, make_ready):
    make_ready()
    make_ready("other")["spec"]["source"]["name"] = "moe"
    for name, vm in (("back", "larry"), ("forth", "moe")):
        api.add(RESTORES, name, spec={"target": {"name": vm}, "virtualMachineSnapshotName": "snap-larry"})
    assert lull("snapshots", "--vm", "moe", "-o", "name").stdout == "virtualmachinesnapshot.snapshot.kubevirt.io/other\n"
    assert lull("restores", "--vm", "larry", "-o", "name").stdout == "virtualmachinerestore.snapshot.kubevirt.io/back\n"
    nobody = lull("snapshots", "--vm", "curly")
    assert (nobody.returncode, nobody.stdout, nobody.stderr) == (0, "", "no snapshots of vm curly\n")


def test_show_advises_by_indication(lull, make_ready):
    make_ready(level="crash", witness="none")["status"]["indications"] = ["Online", "NoGuestAgent"]
    page = lull("show", "snap-larry").stdout
    assert "\nWhat to do\n  No agent answered in the guest: install lull-agent" in page


def verify_path(name):
    return f"/apis/snapshot.kubevirt.io/v1beta1/namespaces/default/{SNAPSHOTS}/{name}/verify"


WHOLE = (200, {"files": 3, "bytes": 99, "findings": []})


def test_show_ends_with_the_events(lull, api, make_ready):
    uid = make_ready()["metadata"]["uid"]
    assert "Events" not in lull("show", "snap-larry").stdout
    path = api.requests[-1][1]
    assert path == f"/api/v1/namespaces/default/events?limit=500&fieldSelector=involvedObject.uid%3D{uid}"
    api.events = [{"type": "Normal", "message": "It is \x1bready", "count": 2, "lastTimestamp": "2026-03-01T10:20:00Z"}]
    assert re.search(r"\nEvents\n  \S+ +Normal +2 times +It is .ready\n$", lull("show", "snap-larry").stdout)
    api.answers["GET", path.partition("?")[0]] = (500, b"")
    broken = lull("show", "snap-larry")
    assert (broken.returncode, broken.stderr) == (0, "") and "Events" not in broken.stdout


def test_verify_passes_over_what_has_nothing_stored(lull, api, make_ready):
    make_ready()
    make_ready("failed")["status"].update(phase="Failed", readyToUse=False)
    make_ready("going")["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    api.answers["PUT", verify_path("snap-larry")] = WHOLE
    done = lull("verify")
    assert done.returncode == 0, done
    assert 'snapshot "failed": passed over: it is Failed\n' in done.stdout
    assert 'snapshot "going": passed over: it is being deleted\n' in done.stdout
    assert 'snapshot "snap-larry": whole: 3 files, 99 bytes read\n' in done.stdout


def test_verify_goes_on_after_one_of_which_nothing_can_be_told(lull, api, make_ready):
    for name in ("a", "b", "c"):
        make_ready(name)
    api.answers["PUT", verify_path("a")] = (500, fakeapi.status(500, "reading: Input/output error"))
    api.answers["PUT", verify_path("b")] = (200, {"findings": [{"file": "vda", "problem": "another"}], "omitted": 7})
    api.answers["PUT", verify_path("c")] = WHOLE
    done = lull("verify")
    assert done.returncode == 1
    assert done.stdout == 'snapshot "b": damaged:\n  vda: another\n  and 7 more\nsnapshot "c": whole: 3 files, 99 bytes read\n'
    assert 'lull: verify: snapshot "a": ' in done.stderr and "Input/output error" in done.stderr
    assert "1 of 3 snapshots could not be verified" in done.stderr
    assert "1 of 3 snapshots are damaged" in done.stderr
    api.answers["PUT", verify_path("b")] = WHOLE
    assert lull("verify").returncode == 1


def test_empty_list_says_so_on_stderr_and_is_empty_json(lull):
    result = lull("restores")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "no restores\n")
    assert json.loads(lull("restores", "-o", "json").stdout)["items"] == []


def test_show_takes_the_content_for_the_truth(lull, api, make_ready):
    snapshot = make_ready()
    snapshot["status"]["virtualMachineSnapshotContentName"] = "content-1"
    api.add(CONTENTS, "content-1", metadata={"annotations": fakeapi.report(
        proof="broken", proofReason="lease expired", level="crash", windowIs="upper-bound",
        excluded=[{"name": "cdrom", "reason": "it is a CD-ROM"}])})
    page = lull("show", "snap-larry").stdout
    assert "  level       crash: " in page
    assert "  proof       broken (lease expired): " in page
    assert "  cdrom      left out   it is a CD-ROM\n" in page
    assert "^" in page and "| rootdisk" in page
    assert "  window     26.0 ms  upper bound" in page


def test_show_without_a_readable_report_still_shows_the_rest(lull, make_ready):
    make_ready()["metadata"]["annotations"]["lull.dev/quiesce-report"] = "{" * 100
    result = lull("show", "snapshot/snap-larry")
    assert result.returncode == 0
    assert "  machine     larry\n" in result.stdout
    assert "  report      report: JSON: " in result.stdout


@pytest.mark.parametrize("command", ["show", "wait", "delete"])
def test_name_of_two_kinds_must_be_told_apart(lull, api, make_ready, command):
    make_ready("twin")
    api.add(RESTORES, "twin", status={"complete": True})
    result = lull(command, "twin")
    assert result.returncode == 2
    assert "say snapshot/twin or restore/twin" in result.stderr
    assert api.writes() == []
    assert lull(command, "restore/twin").returncode == 0


def test_delete_finds_all_before_it_deletes_any(lull, api, make_ready):
    make_ready("a")
    make_ready("b")
    result = lull("delete", "a", "nobody", "b")
    assert result.returncode == 1
    assert 'nothing was deleted: snapshot, "nobody"' in result.stderr
    assert api.writes() == []
    result = lull("delete", "a", "snapshot/b")
    assert (result.returncode, result.stdout) == (0, "snapshot/a deleted\nsnapshot/b deleted\n")
    assert api.objects == {}


def test_delete_is_of_that_very_object(lull, api, make_ready):
    uid = make_ready()["metadata"]["uid"]
    assert lull("delete", "snap-larry").returncode == 0
    assert api.writes()[0][2]["preconditions"] == {"uid": uid}


def test_delete_can_wait_until_it_is_gone(lull, api, make_ready):
    value = make_ready()
    path = "/apis/snapshot.kubevirt.io/v1beta1/namespaces/default/virtualmachinesnapshots/snap-larry"
    api.answers["DELETE", path] = (200, value)
    process = lull.start("delete", "snap-larry", "--wait")
    watch = api.watches.get(timeout=60)
    watch.send("MODIFIED", value)
    watch.send("DELETED", value)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "snapshot/snap-larry deleted\n")


@pytest.fixture
def stopped(larry):
    larry["status"]["printableStatus"] = "Stopped"
    return larry


def is_of(snapshot, machine):
    snapshot["status"]["sourceUID"] = machine["metadata"]["uid"]


def test_restore_goes_to_the_machine_it_came_from_whatever_that_is_called(lull, api, moe, stopped, make_ready):
    snapshot = make_ready()
    is_of(snapshot, stopped)
    assert lull("restore", "snap-larry").returncode == 0
    is_of(snapshot, moe)
    moe["status"]["printableStatus"] = "Stopped"
    assert lull("restore", "snapshot/snap-larry", "--to", "moe", "-o", "name").returncode == 0
    body = api.writes()[0][2]
    assert body["kind"] == "VirtualMachineRestore"
    assert body["metadata"]["name"].startswith("snap-larry-")
    assert body["spec"] == {"target": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "larry"},
                            "virtualMachineSnapshotName": "snap-larry", "targetReadinessPolicy": "FailImmediate"}
    assert api.writes()[1][2]["spec"]["target"]["name"] == "moe"


@pytest.mark.parametrize("options", [[], ["--stop"], ["--when-stopped"]])
def test_restore_to_another_machine_is_refused_and_says_whose_the_snapshot_is(lull, api, moe, stopped, make_ready,
                                                                              options):
    is_of(make_ready(), stopped)
    result = lull("restore", "snap-larry", "--to", "moe", *options)
    assert (result.returncode, result.stdout) == (1, "")
    assert 'vm "moe": the snapshot is of "larry", and goes back to no other machine that is there' in result.stderr
    assert "leave --to out" in result.stderr
    assert api.writes() == []


def test_restore_to_another_machine_of_the_same_name_is_refused(lull, api, moe, stopped, make_ready):
    is_of(make_ready(), moe)
    result = lull("restore", "snap-larry")
    assert (result.returncode, result.stdout) == (1, "")
    assert 'vm "larry": it is another machine than the one that the snapshot is of' in result.stderr
    assert "virsh domrename" in result.stderr
    assert api.writes() == []


def test_restore_of_a_machine_that_runs_is_refused_and_says_what_can_be_done(lull, api, larry, make_ready):
    make_ready()
    larry["metadata"]["annotations"] = {"lull.dev/domain": "Larry"}
    result = lull("restore", "snap-larry")
    assert (result.returncode, result.stdout) == (1, "")
    for word in ("it is not off (Running)", "nothing was done", "virsh shutdown Larry", "--stop", "--when-stopped"):
        assert word in result.stderr
    assert api.writes() == []


def test_restore_sees_a_machine_that_goes_off_meanwhile(lull, api, larry, make_ready):
    make_ready()
    handle, looks = api.handle, []

    def answer(method, parts, body):
        if parts[-1] == "larry":
            looks.append(parts)
            larry["status"]["printableStatus"] = "Running" if len(looks) < 3 else "Stopped"
        return handle(method, parts, body)

    api.handle = answer
    result = lull("restore", "snap-larry")
    assert (result.returncode, result.stderr, len(looks)) == (0, "", 3)


@pytest.mark.parametrize("option, policy", [("--stop", "StopTarget"), ("--when-stopped", "WaitGracePeriod")])
def test_restore_of_a_machine_that_runs_may_be_asked_for(lull, api, larry, make_ready, option, policy):
    make_ready()
    result = lull("restore", "snap-larry", option)
    [(_, _, body)] = api.writes()
    name = body["metadata"]["name"]
    assert body["spec"]["targetReadinessPolicy"] == policy
    assert (result.returncode, result.stdout) == (
        0, f"restore/{name} has begun; wait for its end with: lull wait restore/{name}\n")
    assert (f"lull delete restore/{name} calls that off" in result.stderr) == (option == "--when-stopped")


def test_restore_to_a_machine_that_is_not_there_makes_it_and_says_so(lull, api, larry, make_ready):
    make_ready()
    result = lull("restore", "snap-larry", "--to", "lara")
    [(_, _, body)] = api.writes()
    assert (result.returncode, body["spec"]["target"]["name"]) == (0, "lara")
    assert result.stderr == ("lull: note: lara is not there: it is made, with disks, a uuid and addresses of its own, "
                             "and left off\n")


@pytest.mark.parametrize("options", [[], ["--to", "larry"], ["--stop"], ["--when-stopped"]])
def test_restore_of_a_machine_that_is_gone_says_what_becomes_of_it(lull, api, make_ready, options):
    make_ready()
    result = lull("restore", "snap-larry", *options)
    [(_, _, body)] = api.writes()
    assert (result.returncode, body["spec"]["target"]["name"]) == (0, "larry")
    assert result.stderr == ("lull: note: larry is not there any more: it is defined again with the uuid that it had, "
                             "its disks are brought back, and it is left off\n")


def test_restores_of_one_second_have_names_of_their_own(lull, api, stopped, make_ready):
    make_ready()
    assert [lull("restore", "snap-larry").returncode for _ in range(4)] == [0] * 4
    assert len([name for plural, name in api.objects if plural == RESTORES]) == 4


def test_restore_of_what_is_not_there_or_not_ready_creates_nothing(lull, api, make_ready):
    make_ready()["status"]["readyToUse"] = False
    unready = lull("restore", "snap-larry")
    assert unready.returncode == 1
    assert "it is not ready to restore from" in unready.stderr
    unknown = lull("restore", "snap-lary")
    assert unknown.returncode == 1
    assert 'did you mean "snap-larry"' in unknown.stderr
    assert api.writes() == []


def test_restore_waits_for_its_end(lull, api, stopped, make_ready):
    make_ready()
    process = lull.start("restore", "snap-larry", "--wait")
    watch = api.watches.get(timeout=60)
    name = watch.query["fieldSelector"].removeprefix("metadata.name=")
    watch.send("MODIFIED", api.add(RESTORES, name, status={"complete": True}))
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output.endswith(f"restore/{name} is complete\n")


def test_freeze_and_thaw_print_what_came_back(lull, api):
    api.answers["PUT", FREEZE + "freeze"] = (200, {"filesystems": 3, "agent": "lull-agent\x1b"})
    api.answers["PUT", FREEZE + "unfreeze"] = (200, b"")
    result = lull("freeze", "larry", "--for", "30")
    assert result.stdout == ('vm "larry": frozen for at most 30s; end it with: lull thaw larry\n'
                             "filesystems: 3\nagent: lull-agent?\n")
    assert api.requests[-1][2] == {"unfreezeTimeout": "30s"}
    assert json.loads(lull("freeze", "larry", "--for", "30s", "-o", "json").stdout)["filesystems"] == 3
    assert lull("thaw", "larry").stdout == 'vm "larry": thawed\n'
    assert api.requests[-1] == ("PUT", FREEZE + "unfreeze", None)


def test_freeze_that_did_not_hold_is_status_3(lull, api):
    api.answers["PUT", FREEZE + "unfreeze"] = (200, {"proof": "broken", "proofReason": "lease expired", "windowMs": 8000.5})
    result = lull("thaw", "larry")
    assert result.returncode == 3
    assert "proof: broken\n" in result.stdout
    assert "it is thawed, but the freeze did not hold: lease expired" in result.stderr
    api.answers["PUT", FREEZE + "unfreeze"] = (200, {"proof": "none", "proofReason": "not all", "windowMs": 8000.5})
    assert lull("thaw", "larry").returncode == 3
    api.answers["PUT", FREEZE + "unfreeze"] = (200, {"proof": "held", "proofReason": "", "windowMs": 8000.5})
    assert lull("thaw", "larry").returncode == 0


def test_incremental_says_what_comes_of_it(lull, api):
    api.answers["PUT", FREEZE + "incremental"] = (200, {"enabled": True})
    result = lull("incremental", "larry", "on")
    assert result.stdout.startswith('vm "larry": snapshots of its qcow2 disks will hold what changed')
    assert api.requests[-1] == ("PUT", FREEZE + "incremental", {"enabled": True})
    assert json.loads(lull("incremental", "larry", "on", "-o", "json").stdout) == {"enabled": True}
    assert "full ones" in lull("incremental", "larry", "off").stdout
    assert api.requests[-1] == ("PUT", FREEZE + "incremental", {"enabled": False})


def test_incremental_without_a_switch_says_which_it_is(lull, api, larry):
    assert lull("incremental", "larry").stdout == 'vm "larry": incremental snapshots are off\n'
    larry["status"]["incremental"] = True
    assert lull("incremental", "larry").stdout == 'vm "larry": incremental snapshots are on\n'
    assert json.loads(lull("incremental", "larry", "-o", "json").stdout) == {"enabled": True}
    missing = lull("incremental", "lary")
    assert missing.returncode == 1 and 'did you mean "larry"' in missing.stderr
    assert api.writes() == []


def test_freeze_refused_says_why(lull, api, larry):
    api.answers["PUT", FREEZE + "freeze"] = (409, fakeapi.status(409, "a snapshot holds it"))
    result = lull("freeze", "larry", "--for", "30s")
    assert (result.returncode, result.stderr) == (1, 'lull: freeze: vm "larry": a snapshot holds it\n')
    unknown = lull("thaw", "lary")
    assert unknown.returncode == 1
    assert 'did you mean "larry"' in unknown.stderr


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 1000, b" " * (17 * 1024 * 1024)],
                         ids=["empty", "half", "array", "text", "no utf-8", "deep", "large"])
def test_answer_that_makes_no_sense_is_an_error(lull, api, body):
    api.answers["GET", "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"] = (200, body)
    result = lull("vms")
    assert result.returncode == 1
    assert result.stderr.startswith("lull: vms: GET /apis/kubevirt.io/v1/namespaces/default/virtualmachines")


def test_error_without_words_names_its_number(lull, api):
    api.answers["GET", "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"] = (500, b"<html>")
    assert "500 without saying why" in lull("vms").stderr


def test_coordinator_that_is_not_running_is_said_with_what_to_do(lull, place):
    for path, why in ((f"{place}/none.sock", "No such file or directory"), (f"{place}/dead.sock", "Connection refused")):
        if why.startswith("Connection"):
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(path)
        result = lull("vms", "--socket", path)
        assert result.returncode == 1
        assert f"coordinator, on {path}: it is not running ({why}); start lull-coordinator" in result.stderr
        assert "or a cluster with --context" in result.stderr


def test_socket_that_may_not_be_opened_is_said_with_what_to_do(lull, api):
    os.chmod(api.socket, 0o600)
    result = subprocess.run([lull.program, "--socket", api.socket, "vms"], capture_output=True, text=True, user=65534,
                            timeout=60)
    assert result.returncode == 1
    assert "permission denied; run this as root or as a member of the group" in result.stderr


def test_full_standard_output_is_a_failure(lull, larry):
    with open("/dev/full", "w") as full:
        result = subprocess.run([lull.program, "vms"], stdout=full, stderr=subprocess.PIPE, env=lull.environment,
                                timeout=60)
    assert result.returncode == 1
