"""How busy the cores were, from files whose numbers are ours."""

import pytest
from benchmarks.demo import Shares, job_seconds


def test_share_of_all_cores():
    # 60 s of jobs in 40 s on two cores
    assert Shares(wall=40, jobs=60, training=48).busy(2) == pytest.approx(0.75)


def test_seconds_of_a_job_are_those_of_snakemake(tmp_path):
    file = tmp_path / "run.tsv"
    file.write_text("s\th:m:s\tmax_rss\tcpu_time\n12.5\t0:00:12\t300\t11\n")
    assert job_seconds(file) == 12.5
