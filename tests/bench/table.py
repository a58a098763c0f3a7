#!/usr/bin/python3
# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""usage: table.py OUT_DIR PAGE

Pastes what run.py has left in OUT_DIR into a page of the documentation: its table between the page's two marks,
its drawings beside the page.
"""

import glob
import json
import os
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


def table(out_dir):
    """All benches of which @out_dir has samples, as a table in Markdown; one that failed has a row that says so."""
    rows = [
        "| figure | ours | peer | samples | value | must be at most | goal | | bench |\n",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    ]
    for path in sorted(glob.glob(os.path.join(out_dir, "*.json"))):
        bench = os.path.basename(path)[: -len(".json")]
        with open(path) as file:
            figures = json.load(file)
        rows += [_row(bench, figure) for figure in figures] or [f"| | | | | | | | it failed | `{bench}` |\n"]
    return "".join(rows)


def machine():
    """What the figures depend on, in one line."""
    probe = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib/guest/probe-accel")
    accel = subprocess.run([probe], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    guests = {"kvm": "KVM", "tcg": "QEMU's emulation, without KVM"}[accel]
    return f"Measured with {os.cpu_count()} processors, Linux {os.uname().release.split('-')[0]}; guests run by {guests}.\n"


def text(out_dir):
    """What figures.md says."""
    drawings = sorted(os.path.basename(path) for path in glob.glob(os.path.join(out_dir, "*.svg")))
    pictures = "".join(f"\n![{name[: -len('.svg')]}]({name})\n" for name in drawings)
    return f"{machine()}\n{table(out_dir)}{pictures}"


def main(out_dir, page):
    with open(page) as file:
        before, _, rest = file.read().partition(BEGIN)
    _, mark, after = rest.partition(END)
    assert mark, f"{page} has not the marks {BEGIN} and {END}"
    with open(os.path.join(out_dir, "figures.md")) as file:
        figures = file.read()
    with open(page, "w") as file:
        file.write(f"{before}{BEGIN}\n\n{figures}\n{END}{after}")
    for drawing in glob.glob(os.path.join(out_dir, "*.svg")):
        shutil.copy(drawing, os.path.dirname(page) or ".")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
