#!/usr/bin/python3
# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Counts what a test runner has done, and shows what failed.

usage: tally.py meson BUILD_DIR LOG_BASE STATUS | junit FILE STATUS | tap FILE STATUS

STATUS is the runner's exit status. Prints the output of failed tests and every skip with its reason, then,
as the last line, "PASSED FAILED SKIPPED". A runner that failed without a failed test, or that found no test
at all, counts as one failure. With CI=true a skip is a failure.
"""

import json
import os
import re
import sys
import xml.etree.ElementTree as ET

KEEP = 12000  # bytes of a failed test's output


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def ok(self):
        self.passed += 1

    def fail(self, name, output):
        self.failed += 1
        self.show(f"FAILED {name}", output)

    def show(self, headline, output):
        print(headline)
        if output.strip():
            print("    " + output.strip()[-KEEP:].replace("\n", "\n    "))

    def skip(self, name, reason):
        print(f"SKIPPED {name}: {reason or 'no reason given'}")
        if os.environ.get("CI") == "true":
            self.failed += 1
        else:
            self.skipped += 1

    def finish(self, status, log):
        if self.passed + self.failed + self.skipped == 0 and status == 0:
            self.fail("(no test)", "the suite is empty")
        elif status != 0 and self.failed == 0:
            self.fail(f"(the runner, status {status})", log)
        print(self.passed, self.failed, self.skipped)


def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def parse_xml(path):
    # Test output may hold bytes that XML has no room for.
    text = re.sub(r"&#(x0*[0-8bcef]|x0*1[0-9a-f]|[0-8]|1[1-9]|2[0-9]|3[01]);", "?", read(path), flags=re.I)
    return ET.fromstring(re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "?", text)) if text else ET.Element("testsuites")


def count_cases(tally, suite):
    """Counts the test cases of a JUnit suite. Returns how many failed."""
    before = tally.failed
    for case in suite.iter("testcase"):
        name = "::".join(part for part in (case.get("classname"), case.get("name")) if part)
        problem = case.find("failure")
        problem = problem if problem is not None else case.find("error")
        skip = case.find("skipped")
        if problem is not None:
            texts = [problem.text or problem.get("message") or ""]
            texts += [extra.text or "" for extra in case if extra.tag in ("system-out", "system-err")]
            tally.fail(name, "\n".join(filter(None, texts)))
        elif skip is not None:
            tally.skip(name, skip.get("message") or skip.text)
        else:
            tally.ok()
    return tally.failed - before


def count_meson(tally, build, base):
    """TAP sub-tests count one by one; a program that died or leaked counts as one failure more.

    JUnit has the sub-tests, in a suite "PROJECT.TEST"; JSON has the result of the whole program."""
    log = os.path.join(build, "meson-logs", base)
    suites = {}
    for suite in parse_xml(log + ".junit.xml").iter("testsuite"):
        suites.setdefault(suite.get("name").partition(".")[2], []).append(suite)
    for line in read(log + ".json").splitlines():
        test = json.loads(line)
        name, result = test["name"], test["result"]
        output = "\n".join(filter(None, (test.get("stdout"), test.get("stderr"))))
        subtests = suites.get(name, [])
        failed = sum(count_cases(tally, suite) for suite in subtests)
        if failed:
            tally.show(f"output of {name}", output)
        if result in ("OK", "EXPECTEDFAIL"):
            if not subtests:
                tally.ok()
        elif result == "SKIP":
            if not subtests:
                tally.skip(name, output.strip())
        elif not failed:
            tally.fail(f"{name} ({result})", output)


def count_tap(tally, path):
    """Lines "ok N - NAME" and "not ok N - NAME"; what follows a failure up to the next result is its output."""
    results = re.split(r"^(?=(?:not )?ok )", read(path), flags=re.M)[1:]
    for result in results:
        head, _, output = result.partition("\n")
        ok, name, skip = re.match(r"(not )?ok \d* ?-? ?(.*?)(?:# SKIP (.*))?$", head).groups()
        if skip is not None:
            tally.skip(name, skip)
        elif ok:
            tally.fail(name, output)
        else:
            tally.ok()


def main(kind, *arguments):
    tally = Tally()
    status = int(arguments[-1])
    if kind == "meson":
        build, base = arguments[:2]
        count_meson(tally, build, base)
        log = read(os.path.join(build, "meson-logs", base + ".txt"))
    elif kind == "junit":
        count_cases(tally, parse_xml(arguments[0]))
        log = read(os.path.splitext(arguments[0])[0] + ".log")
    elif kind == "tap":
        count_tap(tally, arguments[0])
        log = read(arguments[0])
    else:
        sys.exit(__doc__)
    tally.finish(status, log)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
