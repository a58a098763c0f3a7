#!/usr/bin/python3
# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that no compiler checks.

usage: conventions.py RULE [ROOT]

layers       who may include whom: agent -> protocol <- coordinator, and which libraries each may use
pure         files that decide (*-decide.c, machine.c, plan.c, truth.c) include nothing that does I/O
conditional  no #if in C: portability is files chosen by meson
licence      every source file starts with the two SPDX lines
cases        docs/compatibility.md has each case once, with tests that exist; and every test named by a case's number
"""

import os
import re
import sys

SOURCES = (".c", ".h")
SKIPPED = re.compile(r"^(\.git|build.*|__pycache__|\.pytest_cache)$")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)

# A layer may include itself and these.
LAYERS = {"protocol": set(), "agent": {"protocol"}, "coordinator": {"protocol"}, "tests": None}

# Libraries by the start of their headers' names, and the layers that may use them.
LIBRARIES = {
    "libvirt/": {"coordinator"},
    "libsoup/": {"coordinator"},
    "libnbd.h": {"coordinator"},
    "sqlite3.h": {"coordinator"},
    "curl/": {"coordinator"},
    "yaml.h": {"coordinator"},
    "libmount/": {"agent"},
    "blkid/": {"agent"},
    "seccomp.h": {"agent"},
    "gio/": {"agent", "coordinator"},
}

PURE_FILE = re.compile(r"(^|/)([^/]*-decide|machine|plan|truth)\.[ch]$")
PURE_HEADERS = {
    *("assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "math.h", "stdarg.h", "stdbool.h"),
    *("stddef.h", "stdint.h", "stdlib.h", "string.h", "sys/sysmacros.h", "sys/types.h"),
    *("glib.h", "json-c/json.h"),
}

# Headers with the one macro that needs it; C has no other way.
CONDITIONAL_ALLOWED = set()


def files_below(root, wanted):
    for directory, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not SKIPPED.match(name))
        for name in sorted(files):
            path = os.path.relpath(os.path.join(directory, name), root)
            if wanted(path):
                yield path


def is_c(path):
    return path.endswith(SOURCES)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def includes(root, path):
    """[(line number, is ours, name)]"""
    text = re.sub(r"/\*.*?\*/", lambda comment: "\n" * comment.group().count("\n"), read(root, path), flags=re.S)
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1) == '"', match.group(2)


def check_layers(root):
    for path in files_below(root, is_c):
        layer = path.split(os.sep)[0]
        if layer not in LAYERS:
            continue
        for line, ours, name in includes(root, path):
            target = name.split("/")[0]
            if not ours:
                users = next((users for start, users in LIBRARIES.items() if name.startswith(start)), None)
                if users is not None and layer != "tests" and layer not in users:
                    yield f"{path}:{line}: {layer} uses <{name}>, which is for {' and '.join(sorted(users))}"
            elif "/" not in name:
                yield f'{path}:{line}: "{name}" is not a path from the root'
            elif not os.path.exists(os.path.join(root, name)) and target in LAYERS:
                yield f'{path}:{line}: "{name}" does not exist'
            elif LAYERS[layer] is not None and target != layer and target not in LAYERS[layer]:
                yield f'{path}:{line}: {layer} includes "{name}"; it may only include {layer} and protocol'


def check_pure(root):
    """Their own includes only: a header of ours may name a type of GIO's without bringing I/O along."""
    for path in files_below(root, lambda path: is_c(path) and PURE_FILE.search(path)):
        for line, ours, name in includes(root, path):
            if not ours and name not in PURE_HEADERS and not path.startswith("tests" + os.sep):
                yield f"{path}:{line}: <{name}>: a file that decides does no I/O"


def check_conditional(root):
    for path in files_below(root, is_c):
        if path in CONDITIONAL_ALLOWED:
            continue
        for number, line in enumerate(read(root, path).splitlines(), 1):
            if re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b", line):
                yield f"{path}:{number}: {line.strip()}: let meson choose files instead"


def needs_licence(root, path):
    name = os.path.basename(path)
    if is_c(path) or path.endswith((".py", ".sh", ".ini", ".yml", ".yaml")) or name.startswith("meson"):
        return True
    # By the first line for scripts, which have no extension here.
    try:
        with open(os.path.join(root, path), "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


def check_licence(root):
    for path in files_below(root, lambda path: needs_licence(root, path)):
        head = "\n".join(read(root, path).splitlines()[:5])
        for line in ("SPDX-FileCopyrightText: The Lull authors", "SPDX-License-Identifier: Apache-2.0"):
            if line not in head:
                yield f"{path}: no line {line}"


CASES_PAGE = "docs/compatibility.md"
CASES = [f"{letter}{n}" for letter, last in (("S", 61), ("A", 16), ("F", 11), ("R", 40), ("V", 16), ("M", 3)) for n in range(1, last + 1)]
# Cases that no test shows yet. Whoever adds one lowers it; it never rises.
CASES_WITHOUT_TEST = 0
CASE_ROW = re.compile(r"^\| ([SAFRVM]\d+) \| (.*) \|$", re.M)
CASE_KIND = re.compile(r"(as there|policy|other: .+)$")
CASE_TESTS = re.compile(r"`([\w./-]+\.(?:c|py))`: ((?:`\w+`(?:, )?)+)$")
TEST_NAME = {".c": re.compile(r"^START_TEST\((\w+)\)", re.M), ".py": re.compile(r"^def (test_\w+)\(", re.M)}
NUMBERS = re.compile(r"(?:test_)?((?:[safrvm]\d+_)+)")


def tests_in(root, path):
    return TEST_NAME[os.path.splitext(path)[1]].findall(read(root, path))


def tests_named(cell):
    """{(file, test)}, or None where the cell is no list of them"""
    parts = [CASE_TESTS.match(part) for part in cell.split("; ")]
    if not all(parts):
        return None
    return {(part.group(1), name) for part in parts for name in re.findall(r"\w+", part.group(2))}


def case_faults(root, case, kind, cell):
    if not CASE_KIND.match(kind):
        yield f'{CASES_PAGE}: {case}: "{kind}" is neither "as there" nor "policy" nor "other: why"'
    named = tests_named(cell)
    if cell != "not yet" and named is None:
        yield f'{CASES_PAGE}: {case}: "{cell}" is neither "not yet" nor a list of `file`: `test`, `test`; ...'
    for path, test in sorted(named or ()):
        if not os.path.exists(os.path.join(root, path)) or test not in tests_in(root, path):
            yield f"{CASES_PAGE}: {case}: {path} has no test {test}"


def check_cases(root):
    rows = CASE_ROW.findall(read(root, CASES_PAGE))
    cases = {}
    if [case for case, _ in rows] != CASES:
        yield f"{CASES_PAGE}: the cases are not {CASES[0]} to {CASES[-1]}, each once and in order"
    for case, rest in rows:
        cells = rest.split(" | ")
        if len(cells) != 3:
            yield f"{CASES_PAGE}: {case}: not four columns"
            continue
        cases[case] = tests_named(cells[2]) or set()
        yield from case_faults(root, case, *cells[1:])
    without = sum(not tests for tests in cases.values())
    if without != CASES_WITHOUT_TEST:
        yield f"{CASES_PAGE}: {without} cases have no test; it was {CASES_WITHOUT_TEST}, and may only fall"
    for path in files_below(root, lambda path: path.startswith("tests" + os.sep) and path.endswith(tuple(TEST_NAME))):
        for test in tests_in(root, path):
            numbers = NUMBERS.match(test)
            for case in numbers.group(1).upper().strip("_").split("_") if numbers else ():
                if (path, test) not in cases.get(case, ()):
                    yield f"{path}: {test} is not in row {case} of {CASES_PAGE}"


RULES = {
    "layers": check_layers,
    "pure": check_pure,
    "conditional": check_conditional,
    "licence": check_licence,
    "cases": check_cases,
}

if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in RULES:
        sys.exit(__doc__)
    faults = list(RULES[sys.argv[1]](sys.argv[2] if len(sys.argv) == 3 else "."))
    print("\n".join(faults))
    sys.exit(1 if faults else 0)
