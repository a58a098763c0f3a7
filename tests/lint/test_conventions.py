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
