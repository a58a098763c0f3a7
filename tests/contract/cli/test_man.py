# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The manual pages say what the programs' help says."""

import os
import re
import subprocess

import pytest

ROOT = os.path.join(os.path.dirname(__file__), "../../..")
PAGES = {
    "lull": ("build", "docs/man/lull.1", "coordinator/cli/lull"),
    "lull-coordinator": ("source", "docs/man/lull-coordinator.8", "coordinator/lull-coordinator"),
    "lull-agent": ("source", "docs/man/lull-agent.8", "agent/lull-agent"),
}


@pytest.fixture
def read(build):
    def page(name):
        where, path, _ = PAGES[name]
        full = os.path.join(build if where == "build" else ROOT, path)
        text = subprocess.run(["mandoc", "-Tutf8", "-Owidth=200", full], capture_output=True, text=True, check=True).stdout
        return re.sub(".\b", "", text)
    return page


def options_of(text):
    """Long ones, and those of one letter, that an overview lists."""
    return set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", text, re.MULTILINE)) | set(
        re.findall(r"^ +(-\w), --", text, re.MULTILINE))


def help_of(build, name, *arguments):
    program = os.path.join(build, PAGES[name][2])
    return subprocess.run([program, *arguments, "--help"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", ["lull-coordinator", "lull-agent"])
def test_page_and_help_have_the_same_options(read, build, name):
    page = read(name)
    listed = set(re.findall(r"^ {5}(?:-\w(?: \S+)?, )?(--[\w-]+)", page, re.MULTILINE)) | set(
        re.findall(r"^ {5}(-\w)(?: \S+)?, --", page, re.MULTILINE))
    assert listed == options_of(help_of(build, name))


def test_page_of_lull_has_every_command_with_every_option(read, build):
    page = read("lull")
    overview = help_of(build, "lull")
    commands = [line.split()[0] for line in overview.splitlines() if line.startswith("  ")]
    assert re.findall(r"^   lull (\w+)", page, re.MULTILINE) == commands
    shared = page.split("Options of all commands")[1]
    for command in commands:
        section = re.split(r"^   (?=\S)", page.split(f"\n   lull {command}", 1)[1], flags=re.MULTILINE)[0]
        for option in options_of(help_of(build, "lull", command)) - {"--help", "-h"}:
            assert re.search(rf"{option}\b", section) or re.search(rf"{option}\b", shared), f"{command} {option}"


def test_help_and_page_have_the_same_exit_status(read, build):
    overview = help_of(build, "lull")
    page = read("lull").split("EXIT STATUS")[1].split("\n\n")
    for number in re.findall(r"\b(\d) [a-z]", overview.split("Exit status:")[1]):
        assert any(part.strip().startswith(number) for part in page), number


def test_every_program_that_is_installed_has_a_page():
    pages = {entry.split(".")[0] for entry in os.listdir(os.path.join(ROOT, "docs/man"))}
    assert {"lull", "lull-agent", "lull-coordinator", "lull-freezer"} <= pages
