"""Prefill with quantised activations on simulated GPUs, held against interpretation of the same roundings.

  cuda_quantised.py FOLDER CASE TARGET...
"""
import json
import os
import sys

import e2e

# What e4m3 with a scale for 128 columns costs: 3 bits of mantissa are off by 2^-4 at most, 2.6 % in the quadratic mean, of each
# input of each layer. Measured: 4 to 6 % of the logits' norm at three layers of some hundred columns.
QUANTISED = 0.12

folder, name, *targets = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
case, _ = e2e.golden(name)
e2e.synthetic.write(case, f"{folder}/model")
tokens, artifact = f"{folder}/tokens.json", f"{folder}/model.r1a"
with open(tokens, "w", encoding="utf-8") as file:
    json.dump(case["tokens"], file)
SWITCH = "--fusions=+quantize-activations"
e2e.must("r1c", "compile", f"{folder}/model", "--target", ",".join(targets), "-o", artifact, "--jobs", "1", SWITCH)
e2e.must("r1run", "check", artifact)


def interpreted(target, flags, *more):
    out = f"{folder}/truth.npy"
    e2e.must("r1c", "interpret", f"{folder}/model", "--tokens", tokens, "--out", out, "--after", "optimize", "--target", target,
             *flags, *more)
    return e2e.read_npy(out)


def distance(a, b):
    off = e2e.norm([x - y for r, s in zip(a, b) for x, y in zip(r, s)])
    return off / e2e.norm([y for s in b for y in s])


results = []
for target in targets:
    def costs(target=target):
        share = distance(interpreted(target, [], SWITCH), interpreted(target, []))
        print(f"{name} {target}: quantising moves the logits by {share:.3f} of their norm")
        e2e.expect(1e-3 < share < QUANTISED, f"quantising moves the logits by {share:.4f} of their norm, at most {QUANTISED} expected")
        other = distance(interpreted("cpu:x86-64-v3", [], SWITCH), interpreted(target, []))
        e2e.expect(other == 0, f"a CPU's logits move by {other}, which quantises nothing")
    e2e.attempt(results, f"{name} {target} interpreted", costs)
    # All at once; chunks that end inside a tile; a prompt, then decode, whose x stays bf16.
    for flags, way in (([], []), (["--chunk", "7"], []), (["--decode-from", "30"], ["--decode-from", "30"])):
        def compare(target=target, flags=flags, way=way):
            outputs, out = set(), f"{folder}/out.npy"
            for more, env in e2e.ways_to_run(target):
                e2e.must("r1run", "logits", artifact, "--tokens", tokens, "--out", out, "--target", target, *more, *flags, env=env)
                with open(out, "rb") as made:
                    outputs.add(made.read())
            e2e.expect(len(outputs) == 1, f"bits depend on one of {e2e.ways_to_run(target)}")
            problem, figures = e2e.judge(e2e.read_npy(out), interpreted(target, way, SWITCH), case["gate_margin"])
            print(f"{name} {target} {' '.join(flags) or 'at once'}: {figures}")
            e2e.expect(not problem, problem)
        e2e.attempt(results, f"{name} {target} {' '.join(flags)}", compare)
sys.exit(e2e.report(results))
