# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Prometheus' text format, version 0.0.4, as strictly as it is written down; and the coordinator's line of an attempt."""

import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r"[a-zA-Z_][a-zA-Z0-9_]*"
SAMPLE = re.compile(rf'({NAME})(?:\{{((?:{LABEL}="(?:[^"\\\n]|\\[\\"n])*",?)*)\}})? (\S+)')
PAIR = re.compile(rf'({LABEL})="((?:[^"\\]|\\[\\"n])*)"(,?)')
ESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


class Family:
    """Samples of one name: {(suffix, labels): value}"""

    def __init__(self, name, kind):
        self.name, self.type, self.samples = name, kind, {}

    def value(self, suffix="", **labels):
        return self.samples[suffix, tuple(sorted(labels.items()))]

    def values(self):
        return self.samples.values()

    def labels(self):
        return [dict(labels) for _, labels in self.samples]


def unescape(text):
    return re.sub(r'\\[\\"n]', lambda match: ESCAPED[match[0]], text)


def parse_labels(text):
    labels, end = {}, 0
    while end < len(text):
        match = PAIR.match(text, end)
        assert match and bool(match[3]) == (match.end() < len(text)), f"labels: {text}"
        assert match[1] not in labels, f"a label twice: {text}"
        labels[match[1]] = unescape(match[2])
        end = match.end()
    return labels


def parse_value(text):
    assert re.fullmatch(r"[-+]?(\d+(\.\d+)?(e[-+]?\d+)?|Inf)|NaN", text), f"value: {text}"
    return float(text)


def check_histogram(family):
    """For each set of labels: buckets that rise, the last without a bound, a sum, and a count that agrees."""
    series = {}
    for (suffix, labels), value in family.samples.items():
        rest = tuple(pair for pair in labels if pair[0] != "le")
        one = series.setdefault(rest, {"buckets": []})
        if suffix == "_bucket":
            one["buckets"].append((parse_value(dict(labels)["le"]), value))
        else:
            assert "le" not in dict(labels)
            one[suffix] = value
    for labels, one in series.items():
        bounds, counts = zip(*one["buckets"])
        assert list(bounds) == sorted(set(bounds)) and bounds[-1] == math.inf, (family.name, labels, bounds)
        assert list(counts) == sorted(counts) and counts[-1] == one["_count"], (family.name, labels, one)
        assert "_sum" in one


def check(family):
    assert family.samples, f"{family.name}: a head without samples"
    assert family.name.endswith("_total") == (family.type == "counter"), f"{family.name} is a {family.type}"
    if family.type == "histogram":
        check_histogram(family)
    if family.type in ("counter", "histogram"):
        assert all(value >= 0 for value in family.values()), family.name


def parse(text):
    """{name: Family}; what is not to the letter fails."""
    assert text.endswith("\n") and "\r" not in text
    families, family, described = {}, None, None
    for line in text[:-1].split("\n"):
        if match := re.fullmatch(rf"# HELP ({NAME}) ((?:[^\\]|\\[\\n])+)", line):
            assert match[1] not in families, f"{match[1]} comes twice"
            described = match[1]
        elif match := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", line):
            assert match[1] == described, f"{match[1]} has no help before its type"
            family = families[match[1]] = Family(match[1], match[2])
        else:
            match = SAMPLE.fullmatch(line)
            assert match and family, f"no sample: {line}"
            assert match[1].startswith(family.name), f"{line} is not of {family.name}"
            suffix = match[1][len(family.name):]
            assert suffix in SUFFIXES[family.type], line
            key = suffix, tuple(sorted(parse_labels(match[2] or "").items()))
            assert key not in family.samples, f"twice: {line}"
            family.samples[key] = parse_value(match[3])
    for family in families.values():
        check(family)
    return families


def parse_attempt(line):
    """{key: value} of what follows "attempt:"."""
    pairs, end = {}, 0
    for match in re.finditer(r' ([a-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^ "]*))', line):
        assert match.start() == end, f"not key=value: {line[end:]}"
        assert match[1] not in pairs, f"{match[1]} comes twice: {line}"
        pairs[match[1]] = match[3] if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])
        end = match.end()
    assert end == len(line), f"not key=value: {line[end:]}"
    return pairs


def attempts(log):
    """Of each attempt that is told in @log what its line says."""
    return [parse_attempt(line.split("attempt:", 1)[1]) for line in log.splitlines() if " attempt: vm=" in line]
