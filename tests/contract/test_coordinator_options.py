# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What a coordinator is told on its command line has to mean something where it works."""

import os
import subprocess

import pytest

OF_HOST = ["--uri", "--runtime-dir", "--socket", "--group", "--job-lease"]
OF_CLUSTER = ["--kubeconfig", "--context", "--api-group", "--pods-dir", "--stock-freeze"]


def refusal(build, *arguments, **environment):
    """What is said by a coordinator that does not start."""
    done = subprocess.run([os.path.join(build, "coordinator/lull-coordinator"), *arguments], capture_output=True,
                          text=True, timeout=60, env={**os.environ, **environment})
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    return done.stderr


@pytest.mark.parametrize("option", OF_HOST)
def test_what_is_for_a_plain_host_is_refused_in_a_cluster(build, option):
    for said in (refusal(build, "--node", "a", option, "1"), refusal(build, option, "1", LULL_NODE="a")):
        assert said.startswith(f"lull-coordinator: {option} is for a plain host, and --node, or LULL_NODE,")


@pytest.mark.parametrize("option", OF_CLUSTER)
def test_what_is_for_a_cluster_is_refused_on_a_plain_host(build, option):
    assert refusal(build, option, "x").startswith(f"lull-coordinator: {option} is for a cluster: say which node")
