# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The figures in the last line of tests/run are right."""

import json
import os
import subprocess
import sys

TALLY = os.path.join(os.path.dirname(__file__), "..", "lib", "tally.py")


def tally(*arguments, ci=""):
    done = subprocess.run(
        [sys.executable, TALLY, *map(str, arguments)], capture_output=True, text=True, env={**os.environ, "CI": ci}
    )
    output = done.stdout.splitlines()
    return tuple(int(number) for number in output[-1].split()), "\n".join(output[:-1])


def test_tap_counts_each_result(tmp_path):
    file = tmp_path / "log"
    file.write_text("1..3\nok 1 - one\nnot ok 2 - two\nbecause\nok 3 - three # SKIP no need\n")

    counts, output = tally("tap", file, 1)

    assert counts == (1, 1, 1)
    assert "FAILED two\n    because" in output and "SKIPPED three" in output


def test_a_skip_is_a_failure_in_ci(tmp_path):
    file = tmp_path / "log"
    file.write_text("ok 1 - one # SKIP no need\n")

    assert tally("tap", file, 0, ci="true")[0] == (0, 1, 0)


def test_no_test_at_all_is_a_failure(tmp_path):
    file = tmp_path / "log"
    file.write_text("")

    assert tally("tap", file, 0)[0] == (0, 1, 0)


def test_a_runner_that_dies_is_a_failure(tmp_path):
    file = tmp_path / "log"
    file.write_text("ok 1 - one\nkilled\n")

    assert tally("tap", file, 137)[0] == (1, 1, 0)


def test_junit_counts_each_case(tmp_path):
    file = tmp_path / "log.xml"
    file.write_text(
        '<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure message="m">text</failure></testcase>'
        '<testcase name="c"><skipped message="why"/></testcase><testcase name="d"><error>boom</error></testcase>'
        "</testsuite></testsuites>"
    )

    counts, output = tally("junit", file, 1)

    assert counts == (1, 2, 1)
    assert "text" in output and "boom" in output and "why" in output


def test_a_meson_program_that_leaks_after_its_tests_is_a_failure(tmp_path):
    logs = tmp_path / "meson-logs"
    logs.mkdir()
    (logs / "unit.junit.xml").write_text(
        '<testsuites><testsuite name="lull.lull:unit / a/b"><testcase name="one"/></testsuite></testsuites>'
    )
    tests = [{"name": "lull:unit / a/b", "result": "ERROR", "stderr": "leak"}, {"name": "plain", "result": "OK"}]
    (logs / "unit.json").write_text("\n".join(json.dumps(test) for test in tests))

    counts, output = tally("meson", tmp_path, "unit", 1)

    assert counts == (2, 1, 0)
    assert "leak" in output
