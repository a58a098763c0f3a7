# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Holding real guests still: our agent, stock qemu-ga with its host dead man, and agents that are none."""

import os
import signal
import time

import libvirt
import pytest

from driver import Driver, uuid
from leftovers import dead_men
from rig import EXT4, Disk, wait_for

AGENT_TIMEOUT = 112  # libvirt's code for it, in versions that have one


@pytest.fixture(scope="module")
def ours(host):
    with host.guest("hold", agent="lull") as guest:
        yield guest


@pytest.fixture(scope="module")
def stock(host):
    with host.guest("stock", agent="stock") as guest:
        yield guest


@pytest.fixture
def driver(host):
    with Driver(host) as driver:
        yield driver


def kill_dead_men(host):
    """As the kernel does when it is out of memory."""
    killed = dead_men(host)
    assert killed
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not dead_men(host), 10, "the host dead man is gone")


def volumes_of(facts):
    return {row["mountpoint"]: (row["result"], row["volumes"]) for row in facts["filesystems"]}


# Our agent


def test_our_agent_holds_until_the_thaw_and_proves_it(ours, driver):
    driver.must("vm", ours.name)
    assert driver.must("hold", uuid())["agent"] == "lull"
    driver.must("prepare", 10000)
    driver.must("witness")
    driver.must("freeze", 8000)
    driver.must("first")
    ours.assert_frozen("ext4")
    ours.assert_frozen("xfs")
    driver.must("second")
    facts = driver("thaw", 5000)

    assert facts["held"] and facts["windowMeasured"], facts
    assert driver("verdict", "vda", "vdb")["witness"] == "quiet"
    assert volumes_of(facts) == {"/mnt/ext4": ("frozen", ["vda"]), "/mnt/xfs": ("frozen", ["vdb"])}
    assert facts["agentName"].startswith("lull-agent 0")
    ours.assert_writes_resume(within=5)


def test_a_guest_that_writes_makes_the_witness_noisy(ours, driver):
    driver.must("vm", ours.name)
    driver.must("witness")
    driver.must("first")
    ours.assert_writes_resume(within=5)
    driver.must("second")

    assert driver("verdict", "vda", "vdb")["witness"] == "noisy"


def test_renewals_outlast_the_lease(ours, driver):
    driver.freeze(ours, lease_ms=1500)
    age = lambda: ours.agent("__dev.lull_quiesce-status")["epoch-age-ms"]
    wait_for(lambda: age() > 4000, 20, "a freeze that is older than two leases", interval=0.5)
    ours.assert_frozen("ext4")
    facts = driver("thaw", 5000)

    assert facts["held"], facts


def test_a_holder_that_never_comes_back_is_renewed_only_so_long(ours, driver):
    driver.must("vm", ours.name)
    driver.must("hold", uuid())
    driver.must("prepare", 10000)
    driver.must("freeze", 1500, 3000)
    ours.assert_writes_resume(within=8)
    facts = driver("thaw", 5000)

    assert not facts["held"] and facts["broken"] == "lease expired" and facts["timedOut"], facts
    assert facts["windowUsec"] > 2000000, facts


def test_a_stopped_holder_loses_the_epoch_to_the_lease(ours, driver):
    driver.freeze(ours, lease_ms=1000)
    driver.kill(signal.SIGSTOP)
    try:
        ours.assert_writes_resume(within=3)
    finally:
        driver.kill(signal.SIGCONT)
    facts = driver("thaw", 5000)

    assert not facts["held"] and facts["broken"] == "lease expired" and facts["timedOut"], facts


def test_a_killed_holder_leaves_the_guest_to_its_lease(ours, host, driver):
    op = driver.freeze(ours, lease_ms=2000)
    driver.kill()
    ours.assert_writes_resume(within=4)

    with Driver(host) as successor:
        successor.must("vm", ours.name)
        assert successor.must("recover", op, "lull", 5000)


def test_recovery_thaws_what_an_earlier_life_froze(ours, host, driver):
    op = driver.freeze(ours, lease_ms=30000)
    driver.kill()
    ours.assert_frozen("ext4")

    with Driver(host) as successor:
        successor.must("vm", ours.name)
        assert successor.must("recover", op, "lull", 5000)
        ours.assert_writes_resume(within=2)


def test_a_thaw_by_somebody_else_breaks_the_epoch(ours, driver):
    driver.freeze(ours)
    assert ours.agent("guest-fsfreeze-thaw") == 2
    facts = driver("thaw", 5000)

    assert not facts["held"] and facts["broken"] == "foreign thaw", facts
    assert not facts["timedOut"]


def test_an_agent_killed_while_frozen_breaks_the_epoch(ours, driver):
    driver.freeze(ours)
    ours.kill("lull-agent")
    ours.assert_writes_resume(within=3)
    facts = driver("thaw", 8000)

    assert not facts["held"] and facts["broken"] == "agent lost", facts
    ours.wait_agent()


def test_a_guest_that_reboots_while_frozen_breaks_the_epoch(ours, driver):
    driver.freeze(ours)
    ours.control.close()
    ours.domain.reset()
    ours.wait_shell()
    ours.wait_agent()
    facts = driver("thaw", 5000)

    assert not facts["held"] and facts["broken"] == "guest rebooted", facts
    ours.assert_writes_resume(within=5)


def test_a_second_hold_waits_for_the_first_and_then_says_who_is_in_the_way(ours, host, driver):
    driver.freeze(ours)
    with Driver(host) as other:
        other.must("vm", ours.name)
        other.must("hold", uuid())
        facts = other("prepare", 500)
        assert not facts["ok"] and "held by another operation" in facts["problem"], facts
        assert not other("thaw", 2000)["held"]

    assert driver("thaw", 5000)["held"]


def test_a_thaw_without_a_freeze_undoes_the_prepare(ours, driver):
    driver.must("vm", ours.name)
    driver.must("hold", uuid())
    driver.must("prepare", 10000)
    facts = driver("thaw", 5000)

    assert not facts["held"] and not facts["attempted"], facts
    assert ours.agent("__dev.lull_quiesce-status")["phase"] == "idle"


def test_only_disks_that_are_included_stand_still(host):
    with host.guest("partly", disks=(EXT4, Disk("vdb", "xfs", "/mnt/xfs", readonly=True))) as guest:
        with Driver(host) as driver:
            driver.freeze(guest)
            guest.assert_frozen("ext4")
            facts = driver("thaw", 5000)

    assert facts["held"] and volumes_of(facts)["/mnt/ext4"] == ("frozen", ["vda"]), facts
    assert volumes_of(facts)["/mnt/xfs"][0] == "skipped", facts


def test_a_libvirtd_that_stands_still_does_not_keep_the_guest_frozen(ours, driver, host):
    driver.freeze(ours, lease_ms=2000)
    with host.stopped_libvirtd():
        ours.assert_writes_resume(within=4)
    facts = driver("thaw", 5000)

    assert not facts["held"] and facts["broken"] == "lease expired" and facts["timedOut"], facts


# Stock qemu-ga


def test_stock_is_held_between_two_statuses(stock, driver, host):
    driver.must("vm", stock.name)
    assert driver.must("hold", uuid())["agent"] == "stock"
    driver.must("prepare", 10000)
    assert dead_men(host)
    driver.must("freeze", 8000)
    stock.assert_frozen("ext4")
    facts = driver("thaw", 5000)

    assert facts["held"] and not facts["windowMeasured"], facts
    assert facts["agentName"].startswith("qemu-ga ")
    assert {row["result"] for row in facts["filesystems"]} == {"frozen"}
    stock.assert_writes_resume(within=5)
    wait_for(lambda: not dead_men(host), 5, "the host dead man is gone")


def test_a_foreign_thaw_of_stock_is_noticed(stock, driver):
    driver.freeze(stock)
    stock.agent("guest-fsfreeze-thaw")
    facts = driver("thaw", 5000)

    assert not facts["held"] and facts["broken"] == "foreign thaw", facts


def test_a_thaw_and_another_freeze_of_stock_are_not_noticed_by_status_alone(stock, driver):
    """Status says frozen; what gives it away is the agent that went and came."""
    driver.freeze(stock)
    stock.agent("guest-fsfreeze-thaw")
    stock.switch_agent("stock")
    stock.agent("guest-fsfreeze-freeze")
    facts = driver("thaw", 5000)

    assert not facts["held"] and "agent came or went" in facts["broken"], facts
    stock.assert_writes_resume(within=5)


def test_a_stock_guest_that_reboots_while_frozen_is_not_believed(stock, driver):
    driver.freeze(stock, lease_ms=60000)
    stock.control.close()
    stock.domain.reset()
    stock.wait_shell()
    stock.wait_agent()
    facts = driver("thaw", 5000)

    assert not facts["held"] and facts["broken"], facts
    stock.assert_writes_resume(within=5)


def test_the_dead_man_thaws_when_its_parent_is_killed(stock, driver, host):
    driver.freeze(stock, lease_ms=60000)
    stock.assert_frozen("ext4")
    driver.kill()

    stock.assert_writes_resume(within=5)
    wait_for(lambda: not dead_men(host), 10, "the host dead man is gone")


def test_the_dead_man_outlives_an_agent_that_is_silent(stock, driver, host):
    """The holder is killed while the agent is stopped: thaw is asked for until status says thawed."""
    driver.freeze(stock, lease_ms=60000)
    stock.kill("qemu-ga", "STOP")
    try:
        driver.kill()
        stock.assert_frozen("ext4", seconds=6)  # longer than one call of the dead man waits
        assert dead_men(host)
    finally:
        stock.kill("qemu-ga", "CONT")

    stock.assert_writes_resume(within=20)
    wait_for(lambda: not dead_men(host), 20, "the host dead man is gone")


def test_the_dead_man_thaws_at_the_deadline(stock, driver, host):
    driver.freeze(stock, lease_ms=2000)
    driver.kill(signal.SIGSTOP)
    try:
        stock.assert_writes_resume(within=6)
    finally:
        driver.kill(signal.SIGCONT)
    facts = driver("thaw", 5000)

    assert not facts["held"] and facts["broken"] == "foreign thaw", facts
    wait_for(lambda: not dead_men(host), 10, "the host dead man is gone")


def test_the_dead_man_of_one_hold_leaves_the_next_alone(stock, driver, host):
    """He goes on thawing for a while once his deadline is over."""
    driver.freeze(stock, lease_ms=2000)
    driver.kill(signal.SIGSTOP)
    try:
        stock.assert_writes_resume(within=6)
    finally:
        driver.kill(signal.SIGCONT)
    assert not driver("thaw", 5000)["held"]
    driver.freeze(stock)
    facts = driver("thaw", 5000)

    assert facts["held"], facts


def test_a_holder_thaws_also_without_its_dead_man(stock, driver, host):
    driver.freeze(stock)
    kill_dead_men(host)
    stock.assert_frozen("ext4")
    facts = driver("thaw", 5000)

    assert facts["held"], facts
    stock.assert_writes_resume(within=5)


def test_a_dead_man_that_is_killed_is_stood_in_for_by_who_comes_next(stock, driver, host):
    op = driver.freeze(stock)
    kill_dead_men(host)
    driver.kill()
    stock.assert_frozen("ext4")

    with Driver(host) as successor:
        successor.must("vm", stock.name)
        successor.must("recover", op, "stock", 5000)
        stock.assert_writes_resume(within=5)


def test_the_dead_man_thaws_when_a_libvirtd_that_stood_still_goes_on(stock, driver, host):
    """Nobody else can reach a stock agent: its guest stays frozen as long as libvirtd stands still."""
    driver.freeze(stock, lease_ms=1000)
    with host.stopped_libvirtd():
        stock.assert_frozen("ext4", seconds=3)
    stock.assert_writes_resume(within=10)
    facts = driver("thaw", 5000)

    assert not facts["held"], facts
    wait_for(lambda: not dead_men(host), 10, "the host dead man is gone")


class Sent:
    """A freeze that is in the guest, and not answered."""

    def __init__(self, guest, driver):
        self._guest = guest
        self._driver = driver
        self.op = uuid()
        driver.must("vm", guest.name)
        driver.must("hold", self.op)
        driver.must("prepare", 10000)

    def send(self, lease_ms):
        self._driver.send("freeze", lease_ms)
        wait_for(self._is_there, 20, "the freeze is in the guest")

    def _is_there(self):
        return self._guest.sh_status("test -e /run/agent/freezing")[0] == 0

    def wait_until_given_up(self):
        """Until libvirt waits for its answer no longer, and others are not answered either."""
        with pytest.raises(libvirt.libvirtError) as raised:
            self._guest.agent("guest-ping", timeout=1)
        assert raised.value.get_error_code() in (libvirt.VIR_ERR_AGENT_UNRESPONSIVE, AGENT_TIMEOUT), raised.value

    def go_on(self):
        self._guest.sh("rm -f /run/agent/freezing")


@pytest.fixture
def sent(stock, driver):
    stock.switch_agent("waiting")
    sent = Sent(stock, driver)
    yield sent
    sent.go_on()
    stock.switch_agent("stock")


def assert_thawed_for_good(guest, host):
    wait_for(lambda: not dead_men(host), 30, "the host dead man is gone")
    assert guest.agent("guest-fsfreeze-status") == "thawed"
    guest.assert_writes_resume(within=5)


def test_a_freeze_that_outlasts_its_sender_is_thawed_by_the_dead_man(stock, driver, host, sent):
    sent.send(lease_ms=60000)
    driver.kill()
    sent.go_on()

    assert_thawed_for_good(stock, host)


def test_a_freeze_that_outlasts_libvirts_patience_too_is_thawed_by_the_dead_man(stock, driver, host, sent):
    sent.send(lease_ms=2000)
    driver.kill()
    sent.wait_until_given_up()
    sent.go_on()

    assert_thawed_for_good(stock, host)


def test_a_freeze_that_outlasts_sender_and_dead_man_is_thawed_by_who_comes_next(stock, driver, host, sent):
    sent.send(lease_ms=60000)
    kill_dead_men(host)
    driver.kill()
    with Driver(host) as successor:
        successor.must("vm", stock.name)
        successor.send("recover", sent.op, "stock", 20000)
        sent.go_on()
        answer = successor.answer()

    assert answer["ok"], answer
    assert_thawed_for_good(stock, host)


def test_a_freeze_that_outlasts_them_all_is_owed_a_thaw(stock, driver, host, sent):
    """Nobody says that the guest is thawed while its agent says nothing."""
    sent.send(lease_ms=2000)
    kill_dead_men(host)
    driver.kill()
    with Driver(host) as successor:
        successor.must("vm", stock.name)
        answer = successor("recover", sent.op, "stock", 1000)
        assert not answer["ok"], answer
        sent.go_on()
        successor.must("recover", sent.op, "stock", 20000)

    assert_thawed_for_good(stock, host)


def test_a_deadline_that_no_dead_man_takes_freezes_nothing(stock, driver):
    driver.must("vm", stock.name)
    driver.must("hold", uuid())
    driver.must("prepare", 10000)
    facts = driver("freeze", 4000000)

    assert not facts["ok"] and "refused" in facts["problem"], facts
    assert stock.agent("guest-fsfreeze-status") == "thawed"


def test_a_dead_man_that_was_never_armed_does_nothing(stock, driver, host):
    driver.must("vm", stock.name)
    driver.must("hold", uuid())
    driver.must("prepare", 10000)
    stock.agent("guest-fsfreeze-freeze")
    try:
        driver.kill()
        wait_for(lambda: not dead_men(host), 10, "the host dead man is gone")
        assert stock.agent("guest-fsfreeze-status") == "frozen"
    finally:
        stock.agent("guest-fsfreeze-thaw")


def test_recovery_thaws_a_stock_guest(stock, driver, host):
    stock.agent("guest-fsfreeze-freeze")
    driver.must("vm", stock.name)

    driver.must("recover", uuid(), "stock", 5000)
    stock.assert_writes_resume(within=5)


def test_a_freeze_by_somebody_else_is_left_alone(stock, driver, host):
    stock.agent("guest-fsfreeze-freeze")
    try:
        driver.must("vm", stock.name)
        driver.must("hold", uuid())
        facts = driver("prepare", 10000)
        assert not facts["ok"] and "frozen by somebody else" in facts["problem"], facts
        driver("thaw", 5000)
        driver.must("free")
        assert stock.agent("guest-fsfreeze-status") == "frozen"
    finally:
        stock.agent("guest-fsfreeze-thaw")


def test_a_freeze_that_came_just_before_ours_is_left_alone(stock, driver, host):
    driver.must("vm", stock.name)
    driver.must("hold", uuid())
    driver.must("prepare", 10000)
    stock.agent("guest-fsfreeze-freeze")
    try:
        facts = driver("freeze", 8000)
        assert not facts["ok"] and "frozen by somebody else" in facts["problem"], facts
        driver("thaw", 5000)
        driver.must("free")
        wait_for(lambda: not dead_men(host), 10, "the host dead man is gone")
        assert stock.agent("guest-fsfreeze-status") == "frozen"
    finally:
        stock.agent("guest-fsfreeze-thaw")


def test_a_hook_that_fails_is_a_refusal(stock, driver):
    stock.switch_agent("refusing")
    try:
        driver.must("vm", stock.name)
        driver.must("hold", uuid())
        driver.must("prepare", 10000)
        facts = driver("freeze", 8000)
        assert not facts["ok"] and not facts["frozen"] and not facts["timedOut"], facts
        assert "hook" in facts["problem"], facts
        assert not driver("thaw", 5000)["held"]
    finally:
        stock.switch_agent("stock")


def test_a_freeze_that_hangs_is_undone(stock, driver):
    """The agent is stopped as the freeze arrives, and goes on with it long after we have given up."""
    driver.must("vm", stock.name)
    driver.must("hold", uuid())
    driver.must("prepare", 10000)
    stock.kill("qemu-ga", "STOP")
    try:
        facts = driver("freeze", 2000)
        assert not facts["ok"] and facts["timedOut"], facts
    finally:
        stock.kill("qemu-ga", "CONT")
    driver("thaw", 10000)

    wait_for(lambda: stock.agent("guest-fsfreeze-status") == "thawed", 10, "the guest is thawed")
    stock.assert_writes_resume(within=5)


def test_no_agent_is_a_fact(stock, driver):
    stock.switch_agent("none")
    try:
        driver.must("vm", stock.name)
        facts = driver.must("hold", uuid())
        assert facts["agent"] == "none" and "no agent answers" in facts["agentProblem"], facts
        assert not driver("prepare", 1000)["ok"]
        assert not driver("thaw", 1000)["attempted"]
    finally:
        stock.switch_agent("stock")


def test_a_silent_agent_is_none(stock, driver):
    stock.switch_agent("silent")
    try:
        driver.must("vm", stock.name)
        facts = driver.must("hold", uuid())
        assert facts["agent"] == "none", facts
    finally:
        stock.switch_agent("stock")


def test_a_paused_guest_has_no_agent_to_ask(stock, driver):
    stock.domain.suspend()
    try:
        driver.must("vm", stock.name)
        facts = driver.must("hold", uuid())
        assert facts["agent"] == "none" and "paused" in facts["agentProblem"], facts
    finally:
        stock.domain.resume()


# Ends of guests


def test_a_guest_that_is_switched_off_while_frozen_is_gone(host, driver):
    with host.guest("shortlived", agent="lull", writer=False) as guest:
        driver.freeze(guest)
        guest.destroy()
        started = time.monotonic()
        facts = driver("thaw", 8000)

    assert not facts["held"] and facts["broken"] == "guest stopped", facts
    assert time.monotonic() - started < 6


def test_an_unknown_machine_is_not_found(driver):
    answer = driver("vm", "nobody")

    assert not answer["ok"] and answer["code"] == "not-found", answer


def test_an_op_must_be_a_uuid(ours, driver):
    driver.must("vm", ours.name)

    assert driver("hold", "../x")["code"] == "invalid"
