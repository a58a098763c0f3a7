# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A run's figures come into the page as they were measured, and touch nothing else of it."""

import json
import os
import sys

BENCH = os.path.join(os.path.dirname(__file__), "..", "bench")
sys.path.insert(0, BENCH)

import table  # noqa: E402
from bench import Figure  # noqa: E402


def row(out_dir, *figures):
    (out_dir / "some.json").write_text(json.dumps([figure.to_json() for figure in figures]))
    return table.table(str(out_dir)).splitlines()[2:]


def test_a_ratio_has_no_unit_and_its_bounds_have_none(tmp_path):
    assert row(tmp_path, Figure("stall", "ms", [30, 26, 31], 0.5, 0.3, [60, 90, 121])) == [
        "| stall | 30 ms | 90 ms | 3 | **0.33** | 0.5 | 0.3 | must met | `some` |"
    ]


def test_a_time_alone_is_bound_by_times(tmp_path):
    assert row(tmp_path, Figure("overrun", "ms", [0.4, 51.25, 512], 50, 5)) == [
        "| overrun | 51 ms | - | 3 | **51 ms** | 50 ms | 5 ms | MUST MISSED | `some` |"
    ]


def test_a_bench_that_failed_is_told(tmp_path):
    assert row(tmp_path) == ["| | | | | | | | it failed | `some` |"]


def written(tmp_path, former, figures):
    page = tmp_path / "page" / "figures.md"
    page.parent.mkdir()
    page.write_text(f"Before\n\n{table.BEGIN}\n\n{former}\n{table.END}\n\nAfter\n")
    (tmp_path / "figures.md").write_text(figures)
    table.main(str(tmp_path), str(page))
    return page.read_text()


def test_a_page_has_the_last_run_between_its_marks(tmp_path):
    (tmp_path / "some.svg").write_text("<svg/>\n")
    former, figures = (f"{word}\n\n{table.HEAD}| {word} | `some` |\n\n![some](some.svg)\n" for word in ("old", "new"))

    assert written(tmp_path, former, figures) == f"Before\n\n{table.BEGIN}\n\n{figures}\n{table.END}\n\nAfter\n"
    assert (tmp_path / "page" / "some.svg").read_text() == "<svg/>\n"


def test_a_page_keeps_what_it_has_of_benches_that_were_not_run(tmp_path):
    former = f"old\n\n{table.HEAD}| 1 | `first` |\n| 2 | `some` |\n| 3 | `third` |\n\n![first](first.svg)\n"
    figures = f"new\n\n{table.HEAD}| 4 | `some` |\n| 5 | `some` |\n"

    assert (
        f"new\n\n{table.HEAD}| 1 | `first` |\n| 4 | `some` |\n| 5 | `some` |\n| 3 | `third` |\n\n![first](first.svg)\n"
        in written(tmp_path, former, figures)
    )
