"""The configuration of the real R1 for a GPU, without weights: few kernels, bounded time and memory, no spills, the same bytes twice.

  cuda_real_config.py FOLDER SHARED TARGET
"""
import json
import os
import resource
import shutil
import sys
import time

import e2e

folder, shared, target = sys.argv[1:]
shutil.rmtree(folder, ignore_errors=True)
os.makedirs(folder)
source = f"{shared}/data/models/deepseek-ai/DeepSeek-R1"
# Of wall-clock time on two cores with nothing else to do; the rest is for a machine that is busy. Processor time is what is asked.
SECONDS = 120
bytes_of = []
for number, jobs in enumerate("21"):
    artifact, begin = f"{folder}/{number}.r1a", time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    e2e.must("r1c", "compile", source, "--weights=none", "--target", target, "-o", artifact, "--jobs", jobs,
             "--kernel-cache", f"{folder}/cache{number}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{jobs} jobs: {time.monotonic() - begin:.1f} s, {used:.1f} s of CPU, peak memory {after.ru_maxrss / 1024:.0f} MiB, "
          f"{os.path.getsize(artifact)} bytes")
    e2e.expect(used < SECONDS, f"more than {SECONDS} s of CPU")
    e2e.expect(after.ru_maxrss < 2 << 20, "more than 2 GiB of memory")
    with open(artifact, "rb") as file:
        bytes_of.append(file.read())
e2e.expect(bytes_of[0] == bytes_of[1], "two jobs and one, each with an empty cache, give different bytes")


def inspected(artifact):
    """The one target of an artifact, whose kernels all fit a block without a spill."""
    [made] = json.loads(e2e.must("r1c", "inspect", "--json", artifact)[0])["targets"]
    for kernel in made["kernels"]:
        e2e.expect(kernel["spill_bytes"] == 0 and kernel["stack_bytes"] == 0, f"{kernel} spills")
        e2e.expect(kernel["registers"] * kernel["threads"] <= 65536 and kernel["shared_bytes"] <= 227 << 10, f"{kernel} fits no block")
        e2e.expect(kernel["code_offset"] + kernel["code_bytes"] <= made["image"]["bytes"], f"{kernel} lies outside the image")
    return made


made = inspected(artifact)
kernels = made["kernels"]
print(f"{len(kernels)} kernels, {made['image']['bytes']} bytes of code, at most {max(k['registers'] for k in kernels)} registers, "
      f"{max(k['shared_bytes'] for k in kernels)} bytes of shared memory")
e2e.expect(made["device"] == "Cuda" and f"sm_{made['processor'][3:]}" == target, f"{made['device']} {made['processor']}")
e2e.expect(len(kernels) <= 64 and len({k["symbol"] for k in kernels}) == len(kernels), f"{len(kernels)} kernels")
table = e2e.must("r1c", "inspect", artifact)[0].decode()
e2e.expect(all(f"{k['registers']} registers, {k['shared_bytes']} B shared" in table for k in kernels), "the table lacks a kernel's numbers")
kinds = [(e["kind"], e["max_tokens"]) for e in made["entries"]]
e2e.expect(("Decode", 16) in kinds and any(kind == "Prefill" for kind, _ in kinds), f"entries: {kinds}")
e2e.must("r1run", "check", artifact)

# Chunks in which experts meet so many rows that they have other kernels.
large = f"{folder}/large.r1a"
e2e.must("r1c", "compile", source, "--weights=none", "--target", target, "--prefill-chunk", "4096", "-o", large, "--kernel-cache", f"{folder}/cache0")
experts = [k["symbol"] for k in inspected(large)["kernels"] if k["symbol"].startswith("grouped_gemm") and "_m128_" in k["symbol"]]
print(f"at 4096 tokens: {experts}")
e2e.expect(len(experts) == 2 and all("hopper" in name for name in experts) == (target == "sm_90a"), f"experts' kernels: {experts}")
