# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Where a coordinator tells its figures and its health, as its log at @path says."""

import re
import urllib.error
import urllib.request

import exposition


class Endpoint:
    def __init__(self, path):
        self.path = path

    def _address(self):
        """Of the last life."""
        with open(self.path, errors="replace") as log:
            return re.findall(r"metrics on (http://.+)/metrics", log.read())[-1]

    def ask(self, path):
        """(status, text)"""
        try:
            with urllib.request.urlopen(self._address() + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    def figures(self):
        status, text = self.ask("/metrics")
        assert status == 200
        return exposition.parse(text)

    def is_ready(self):
        return self.ask("/readyz") == (200, "ok\n")
