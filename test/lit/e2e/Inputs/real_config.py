"""The configuration of the real R1, without weights: compiles in bounded memory.

  real_config.py FOLDER SHARED
"""
import os
import resource
import sys
import time

import e2e

folder, shared = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
artifact = f"{folder}/r1.r1a"
begin = time.monotonic()
e2e.must("r1c", "compile", f"{shared}/data/models/deepseek-ai/DeepSeek-R1", "--weights=none", "--target", "cpu:x86-64-v4", "-o", artifact)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"compiled in {time.monotonic() - begin:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of CPU, "
      f"peak memory {used.ru_maxrss / 1024:.0f} MiB, {os.path.getsize(artifact)} bytes")
e2e.expect(used.ru_maxrss < 1 << 20, "more than 1 GiB of memory")
listing = e2e.must("r1c", "inspect", artifact)[0].decode()
e2e.expect("61 layers" in listing and "67" in listing, f"not R1: {listing[:300]}")
e2e.must("r1run", "check", artifact)
