# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The keys of a cluster."""

import os
import subprocess


class Authority:
    """A certificate authority in a directory of its own. ca.crt and ca.key are its own."""

    def __init__(self, directory):
        self.directory = directory
        os.mkdir(directory, 0o700)
        self.issue("ca", "/CN=lull-tests", signed=False)

    def path(self, name):
        return os.path.join(self.directory, name)

    def issue(self, name, subject, *options, signed=True):
        """Makes NAME.crt and NAME.key. A subject's O is the user's group, its CN the user's name."""
        signer = ["-CA", self.path("ca.crt"), "-CAkey", self.path("ca.key")] if signed else []
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "3650", "-subj", subject, "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.crt"),
             *signer, *options], check=True, capture_output=True)
