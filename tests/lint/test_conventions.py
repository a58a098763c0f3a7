# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The checker of conventions finds what it is for, and nothing else."""

import subprocess
import sys

import pytest

sys.dont_write_bytecode = True
SCRIPT = __file__.replace("test_conventions.py", "conventions.py")
LICENCE = "/* SPDX-FileCopyrightText: The Lull authors\n * SPDX-License-Identifier: Apache-2.0\n */\n"


@pytest.fixture
def check(tmp_path):
    def run(rule, **files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_c", ".c").replace("_h", ".h")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, SCRIPT, rule, tmp_path], capture_output=True, text=True)
        return done.returncode, done.stdout

    return run


GOOD_LAYERS = {
    "an agent uses protocol": {"protocol__a_h": "", "agent__b_c": '#include "protocol/a.h"\n'},
    "a coordinator uses libvirt": {"coordinator__a_c": "#include <libvirt/libvirt.h>\n"},
    "tests use all": {"agent__a_h": "", "tests__b_c": '#include "agent/a.h"\n#include <libvirt/libvirt.h>\n'},
    "a comment includes nothing": {"protocol__a_c": '/*\n#include "agent/a.h"\n*/\n'},
}
BAD_LAYERS = {
    "protocol uses agent": {"agent__a_h": "", "protocol__b_c": '#include "agent/a.h"\n'},
    "agent uses coordinator": {"coordinator__a_h": "", "agent__b_c": '#include "coordinator/a.h"\n'},
    "coordinator uses agent": {"agent__a_h": "", "coordinator__b_c": '#include "agent/a.h"\n'},
    "source uses tests": {"tests__a_h": "", "agent__b_c": '#include "tests/a.h"\n'},
    "agent uses libvirt": {"agent__a_c": "#include <libvirt/libvirt.h>\n"},
    "protocol uses gio": {"protocol__a_c": "# include <gio/gio.h>\n"},
    "not from the root": {"agent__a_c": '#include "b.h"\n'},
    "no such header": {"agent__a_c": '#include "agent/b.h"\n'},
}
GOOD_PURE = {
    "only glib": {"coordinator__cut-decide_c": "#include <glib.h>\n#include <string.h>\n"},
    "a shell may": {"coordinator__cut-effect_c": "#include <gio/gio.h>\n"},
}
BAD_PURE = {
    "gio": {"coordinator__cut-decide_c": "#include <gio/gio.h>\n"},
    "unistd": {"agent__machine_c": "#include <unistd.h>\n"},
    "claims": {"coordinator__truth_c": "#include <libvirt/libvirt.h>\n"},
    "in its header": {"agent__plan_h": "#include <sys/mount.h>\n"},
}


@pytest.mark.parametrize("name", GOOD_LAYERS)
def test_good_layers_pass(check, name):
    assert check("layers", **GOOD_LAYERS[name]) == (0, "\n")


@pytest.mark.parametrize("name", BAD_LAYERS)
def test_bad_layers_are_named(check, name):
    status, output = check("layers", **BAD_LAYERS[name])

    assert status == 1 and ":1:" in output.replace(":2:", ":1:")


@pytest.mark.parametrize("name", GOOD_PURE)
def test_pure_files_pass(check, name):
    assert check("pure", **GOOD_PURE[name]) == (0, "\n")


@pytest.mark.parametrize("name", BAD_PURE)
def test_impure_files_are_named(check, name):
    status, output = check("pure", **BAD_PURE[name])

    assert status == 1 and "does no I/O" in output


@pytest.mark.parametrize("line", ["#if 1", "#ifdef A", "  # ifndef B", "#elif 2"])
def test_conditionals_are_named(check, line):
    assert check("conditional", agent__a_c=f"{line}\n#endif\n")[0] == 1


def test_a_pragma_is_no_conditional(check):
    assert check("conditional", agent__a_h="#pragma once\n#define if_any 1\n")[0] == 0


def test_a_file_without_licence_is_named(check):
    status, output = check("licence", agent__a_c="int x;\n", agent__b_c=LICENCE + "int y;\n")

    assert status == 1 and "agent/a.c" in output and "b.c" not in output


@pytest.fixture
def cases(tmp_path):
    """Runs rule `cases` over a page that has @rows in place of those of the same number, and these files."""
    sys.path.insert(0, SCRIPT.rpartition("/")[0])
    import conventions

    def run(*rows, without=0, **files):
        for name, text in {"tests__a_c": "START_TEST(s1_is)\n", "tests__b.py": "def test_it():\n", **files}.items():
            path = tmp_path / name.replace("__", "/").replace("_c", ".c")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        page = {case: f"| {case} | it | as there | `tests/b.py`: `test_it` |" for case in conventions.CASES}
        page["S1"] = "| S1 | it | as there | `tests/a.c`: `s1_is`; `tests/b.py`: `test_it` |"
        page.update({row.split()[1]: row for row in rows})
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "compatibility.md").write_text("\n".join(page.values()) + "\n")
        conventions.CASES_WITHOUT_TEST = without
        return "\n".join(conventions.check_cases(str(tmp_path)))

    return run


def test_a_table_of_cases_with_their_tests_passes(cases):
    assert cases() == ""


@pytest.mark.parametrize("row, fault", {
    "| S7 | it | as there | `tests/b.py`: `test_other` |": "has no test test_other",
    "| S7 | it | as there | `tests/c.py`: `test_it` |": "tests/c.py has no test test_it",
    "| S7 | it | as there | test_it |": "neither",
    "| S7 | it | other | `tests/b.py`: `test_it` |": "neither",
    "| S7 | it | as there |": "not four columns",
    "| S1 | it | as there | `tests/b.py`: `test_it` |": "s1_is is not in row S1",
    "| S62 | it | as there | `tests/b.py`: `test_it` |": "each once and in order",
}.items())
def test_a_row_that_is_wrong_is_named(cases, row, fault):
    assert fault in cases(row)


def test_a_test_with_the_numbers_of_two_cases_is_in_both_rows(cases):
    said = cases("| A6 | it | policy | `tests/d.py`: `test_a6_a7_it` |", **{
        "tests__d.py": "def test_a6_a7_r34_it():\n    pass\n\n\ndef test_a_b():\n    pass\n"})

    assert "test_a6_a7_r34_it is not in row A7" in said and "not in row R34" in said and "test_a_b" not in said


def test_cases_without_a_test_are_counted(cases):
    assert cases("| F1 | it | other: why | not yet |", without=1) == ""


@pytest.mark.parametrize("without", [0, 2])
def test_another_number_of_cases_without_a_test_is_told(cases, without):
    assert f"1 cases have no test; it was {without}" in cases("| F1 | it | as there | not yet |", without=without)
