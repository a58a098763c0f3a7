# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Cells of a table of which a run plays a quarter, by their names, so that it is the same one everywhere."""

import os
import zlib


def is_often(cell):
    return zlib.crc32(str(cell).encode()) % 4 == 0


def choose(cells, variable):
    """All of them where @variable is set, as tests/run --all does it."""
    return [cell for cell in cells if os.environ.get(variable) or is_often(cell)]
