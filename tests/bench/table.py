#!/usr/bin/python3
# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""usage: table.py OUT_DIR PAGE

Pastes what run.py has left in OUT_DIR into a page of the documentation: its table between the page's two marks,
its drawings beside the page. Of benches that were not run then, the page keeps what it has.
"""

import glob
import json
import os
import re
import shutil
import statistics
import subprocess
import sys

BEGIN, END = "<!-- figures: made by tests/bench/table.py -->", "<!-- end of figures -->"


def _times(samples, unit):
    median = statistics.median(samples)
    return f"{median:.0f} {unit}" if abs(median) >= 100 else f"{median:.2g} {unit}"


def _row(bench, figure):
    unit, peer = figure["unit"], figure["peer"]
    # A bound without a peer is one for our own median, in its unit.
    bound_unit = "" if peer else f" {unit}"
    value = f"{figure['value']:.2f}" if peer else _times(figure["ours"], unit)
    cells = [
        figure["name"],
        _times(figure["ours"], unit),
        _times(peer, unit) if peer else "-",
        str(len(figure["ours"])),
        f"**{value}**",
        f"{figure['must']:g}{bound_unit}",
        f"{figure['goal']:g}{bound_unit}",
        figure["verdict"],
        f"`{bench}`",
    ]
    return f"| {' | '.join(cells)} |\n"


HEAD = (
    "| figure | ours | peer | samples | value | must be at most | goal | | bench |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)


def table(out_dir):
    """All benches of which @out_dir has samples, as a table in Markdown; one that failed has a row that says so."""
    rows = HEAD
    for path in sorted(glob.glob(os.path.join(out_dir, "*.json"))):
        bench = os.path.basename(path)[: -len(".json")]
        with open(path) as file:
            figures = json.load(file)
        rows += "".join(_row(bench, figure) for figure in figures) or f"| | | | | | | | it failed | `{bench}` |\n"
    return rows


def machine():
    """What the figures depend on, in one line."""
    probe = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib/guest/probe-accel")
    accel = subprocess.run([probe], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    guests = {"kvm": "KVM", "tcg": "QEMU's emulation, without KVM"}[accel]
    return f"Measured with {os.cpu_count()} processors, Linux {os.uname().release.split('-')[0]}; guests run by {guests}.\n"


def _pictures(names):
    return "".join(f"\n![{name[: -len('.svg')]}]({name})\n" for name in sorted(names))


def text(out_dir):
    """What figures.md says."""
    drawings = [os.path.basename(path) for path in glob.glob(os.path.join(out_dir, "*.svg"))]
    return f"{machine()}\n{table(out_dir)}{_pictures(drawings)}"


def _rows(figures):
    """By the bench that is named in their last cell."""
    rows = {}
    for line in figures.splitlines(keepends=True):
        if line.endswith("` |\n"):
            rows.setdefault(line.split("`")[-2], []).append(line)
    return rows


def _renewed(former, figures):
    """@figures, and of benches that they have nothing of what @former has."""
    rows = _rows(former) | _rows(figures)
    drawings = set(re.findall(r"^!\[.*\]\((.*)\)$", former + figures, re.MULTILINE))
    table_rows = "".join(line for bench in sorted(rows) for line in rows[bench])
    return f"{figures.partition(HEAD)[0]}{HEAD}{table_rows}{_pictures(drawings)}"


def main(out_dir, page):
    with open(page) as file:
        before, _, rest = file.read().partition(BEGIN)
    former, mark, after = rest.partition(END)
    assert mark, f"{page} has not the marks {BEGIN} and {END}"
    with open(os.path.join(out_dir, "figures.md")) as file:
        figures = file.read()
    with open(page, "w") as file:
        file.write(f"{before}{BEGIN}\n\n{_renewed(former, figures)}\n{END}{after}")
    for drawing in glob.glob(os.path.join(out_dir, "*.svg")):
        shutil.copy(drawing, os.path.dirname(page) or ".")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
