"""The bundle for a GPU, made for simcuda and run there from end to end: all is well, and what is not is counted.

  gpu_test.py SOURCE_TREE BUILD
"""
import json
import os
import subprocess
import sys
import tempfile

root, build = sys.argv[1:]


def check(bundle, code):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("R1_")}
    done = subprocess.run(["./check.sh", "--sim"], cwd=bundle, env=environment, capture_output=True, text=True)
    print(done.stdout, done.stderr)
    assert not done.stderr, "the script itself complains"
    assert done.returncode == code, done.returncode
    with open(f"{bundle}/results/results.json") as file:
        results = json.load(file)  # whole, whatever failed
    assert done.stdout.splitlines()[-1] == f"{results['steps']} steps, {results['failed']} failed"
    assert {r["name"] for r in results["results"] if not r["ok"]} == set() if code == 0 else results["failed"] > 0
    return results


with tempfile.TemporaryDirectory() as folder:
    bundle = f"{folder}/bundle"
    subprocess.run([f"{root}/tools/gpu/bundle.sh", "--sim", bundle], env={**os.environ, "R1C_BUILD": build}, check=True)
    os.rename(bundle, f"{folder}/elsewhere")  # nothing in it depends on where it was made
    bundle = f"{folder}/elsewhere"

    results = check(bundle, 0)
    assert results["simulated"] and len(results["primitives"]["checks"]) == 24
    for name in ("decode_b1", "decode_b3_profile"):
        assert results["speed"][name]["decode_tokens_per_second"] > 0
    profile = results["speed"]["decode_b3_profile"]["profile"]
    attention = [row for row in profile if row["kernel"].startswith("mla_decode")]
    assert attention and all(row["cache_bytes"] > 0 and row["flops"] > 0 for row in attention), attention
    assert sum(row["floor_seconds"] for row in profile) > 0
    with open(f"{bundle}/results/results.md") as file:
        page = file.read()
    for part in ("| golden_sum |", "wgmma_e4m3", "| decode_b3 |", "mla_decode"):
        assert part in page, page

    # A wrong word, a damaged artifact, files that are not there: each counts, and the steps after it run.
    with open(f"{bundle}/golden/sum.text", "a") as file:
        file.write("not what it says\n")
    os.remove(f"{bundle}/kernels.sm_90a.so")
    os.remove(f"{bundle}/golden/logits.npy")
    with open(f"{bundle}/speed.r1a", "r+b") as file:
        file.truncate(1 << 20)
    results = check(bundle, 1)
    bad = [r["name"] for r in results["results"] if not r["ok"]]
    assert bad[0] == "primitives_1" and {"golden_sum", "logits_decode", "speed_decode_b1"} < set(bad) and "golden_short" not in bad, bad
    assert results["primitives"] is None
