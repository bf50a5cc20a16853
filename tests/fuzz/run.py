#!/usr/bin/env python3
"""run.py BUILD SECONDS [TARGET...]: lets fuzz targets (all that BUILD has) run for so long each, and says how many inputs they got.

BUILD is a build of the preset `fuzz`. What is found is kept in BUILD/fuzz/found/TARGET; an input that ends a target is written into the
corpus, where it is a test from then on. Exit code 1: one was found."""

import pathlib
import re
import subprocess
import sys

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def run(build, target, seconds):
    """Whether TARGET came to its end."""
    found = build / "fuzz" / "found" / target
    corpus = CORPUS / target
    for directory in (found, corpus):
        directory.mkdir(parents=True, exist_ok=True)
    seeds = [place for place in (corpus, build / "fuzz" / target) if place.is_dir()]
    command = [build / "tests" / f"fuzz_{target}", f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
               f"-artifact_prefix={corpus}/", found, *seeds]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    inputs = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    print(f"{target}: {inputs[1] if inputs else '?'} inputs, {'nothing found' if done.returncode == 0 else 'ENDED'}", flush=True)
    if done.returncode != 0:
        print(done.stderr[-3000:], flush=True)
    return done.returncode == 0


def main():
    build, seconds, *targets = sys.argv[1:]
    build = pathlib.Path(build).resolve()
    targets = targets or sorted(path.name.removeprefix("fuzz_") for path in (build / "tests").glob("fuzz_*"))
    return 0 if all([run(build, target, int(seconds)) for target in targets]) else 1


sys.exit(main())
