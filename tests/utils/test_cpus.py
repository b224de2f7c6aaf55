import os

from utils.cpus import usable_cpus


def test_counts_the_cores_we_may_use():
    assert 1 <= usable_cpus() <= os.cpu_count()
