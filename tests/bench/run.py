#!/usr/bin/python3
# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the benches and prints medians, ratios and bounds; every sample goes to OUT_DIR/<bench>.json, and the
table of all whose samples are there to OUT_DIR/figures.md.

usage: LULL_BUILD=DIR run.py OUT_DIR [BENCH...]
"""

import importlib
import json
import os
import sys
import traceback

import table

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../lib"), os.path.join(HERE, "../lib/guest")]


def main(out_dir, *wanted):
    names = wanted or sorted(name[:-3] for name in os.listdir(HERE) if name.endswith(".py"))
    os.makedirs(out_dir, exist_ok=True)
    failed = n = 0
    for name in names:
        module = importlib.import_module(name) if name not in ("run", "bench") else None
        if not hasattr(module, "figures"):
            continue
        figures = []
        try:
            for figure in module.figures(os.environ["LULL_BUILD"]):
                figures.append(figure)
                n += 1
                missed = figure.value > figure.must
                failed += missed
                print(f"   {figure.sentence()}\n{'not ok' if missed else 'ok'} {n} - {figure.name}", flush=True)
        except Exception:
            n += 1
            failed += 1
            print(f"not ok {n} - {name}\n{traceback.format_exc()}", flush=True)
        if figures and hasattr(module, "draw"):
            with open(os.path.join(out_dir, f"{name}.svg"), "w") as file:
                file.write(module.draw(figures))
        with open(os.path.join(out_dir, f"{name}.json"), "w") as file:
            json.dump([figure.to_json() for figure in figures], file, indent=1)
            file.write("\n")
    with open(os.path.join(out_dir, "figures.md"), "w") as file:
        file.write(table.text(out_dir))
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2 or "LULL_BUILD" not in os.environ:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
