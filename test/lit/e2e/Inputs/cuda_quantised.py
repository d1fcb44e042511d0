"""Prefill with quantised activations on simulated GPUs, held against interpretation of the same roundings.

  cuda_quantised.py FOLDER CASE TARGET...

Quantising amplifies what goes before it: where two computations differ by 2e-3 (bf16, exact sums or not), some percent of the elements fall on
the other side of an e4m3 tie and move by 6 to 12 %, so after one layer the two are as far apart as half of what quantising costs, after three
they are independent samples of it. Hence two tests. One layer, dense or of experts, agrees with interpretation about as bf16 does. And
the whole model is as far from the logits without quantising as interpretation with it is: a kernel that were wrong would add to that.
"""
import json
import os
import sys

import e2e

# What e4m3 with a scale for 128 columns costs: an element is off by 2^-4 at most, 2.6 % in the quadratic mean. Measured, in shares of the
# logits' norm: 2 to 3 % for a dense layer, 6 % for three, 21 % where gates choose other experts for it.
COST = 0.25
# How far apart two independent samples of that cost may be; measured 0.84 (30 positions) to 1.02. Less would be kernels that quantise nothing.
SAME_COST = (0.75, 1.15)

# One layer against its interpretation: measured 1.1 to 1.6 % where it is dense, 2.2 % with experts.
e2e.WHOLE = 0.035

folder, name, *targets = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
case, _ = e2e.golden(name)
tokens = f"{folder}/tokens.json"
with open(tokens, "w", encoding="utf-8") as file:
    json.dump(case["tokens"], file)
SWITCH = "--fusions=+quantize-activations"


def build(model, **config):
    """The case with another configuration, compiled for all targets."""
    path = f"{folder}/{model}"
    os.makedirs(path, exist_ok=True)
    e2e.synthetic.write({**case, "config": {**case["config"], **config}}, f"{path}/model")
    e2e.must("r1c", "compile", f"{path}/model", "--target", ",".join(targets), "-o", f"{path}/model.r1a", "--jobs", "1", SWITCH)
    e2e.must("r1run", "check", f"{path}/model.r1a")
    return path


def interpreted(path, target, *flags):
    e2e.must("r1c", "interpret", f"{path}/model", "--tokens", tokens, "--out", f"{path}/truth.npy", "--after", "optimize", "--target",
             target, *flags)
    return e2e.read_npy(f"{path}/truth.npy")


def computed(path, target, flags, ways):
    """The same bits whatever the order of threads and copies."""
    outputs, out = set(), f"{path}/out.npy"
    for more, env in ways:
        e2e.must("r1run", "logits", f"{path}/model.r1a", "--tokens", tokens, "--out", out, "--target", target, *more, *flags, env=env)
        with open(out, "rb") as made:
            outputs.add(made.read())
    e2e.expect(len(outputs) == 1, f"bits depend on one of {ways}")
    return e2e.read_npy(out)


def distance(a, b):
    off = e2e.norm([x - y for r, s in zip(a, b) for x, y in zip(r, s)])
    return off / e2e.norm([y for s in b for y in s])


results = []
for kind, dense in (("dense", 1), ("experts", 0)):
    one = build(kind, num_hidden_layers=1, first_k_dense_replace=dense, num_nextn_predict_layers=0)
    for target in targets:
        def layer():
            problem, figures = e2e.judge(computed(one, target, [], e2e.ways_to_run(target)[-1:]), interpreted(one, target, SWITCH))
            print(f"{name} {target} {kind}: {figures}")
            e2e.expect(not problem, problem)
        e2e.attempt(results, f"{name} {target} one layer, {kind}", layer)

path = build("whole")
for target in targets:
    exact, other = interpreted(path, target), interpreted(path, "cpu:x86-64-v3", SWITCH)
    e2e.attempt(results, "a CPU quantises nothing", lambda: e2e.expect(other == exact, "its logits change"))
    # All at once; chunks that end inside a tile; a prompt, then decode, whose x stays bf16.
    for flags, way in (([], []), (["--chunk", "7"], []), (["--decode-from", "30"], ["--decode-from", "30"])):
        def whole():
            rows = slice(None, 30 if way else None)
            cost = distance(interpreted(path, target, *way, SWITCH)[rows], exact[rows])
            ours = distance(computed(path, target, flags, e2e.ways_to_run(target))[rows], exact[rows])
            print(f"{name} {target} {' '.join(flags) or 'at once'}: quantising costs {cost:.4f}, interpreted; {ours:.4f} here")
            e2e.expect(1e-3 < cost < COST, f"quantising costs {cost:.4f} of the logits' norm, at most {COST} expected")
            e2e.expect(SAME_COST[0] < ours / cost < SAME_COST[1], f"{ours:.4f} off, {cost:.4f} by interpretation")
        e2e.attempt(results, f"{name} {target} {' '.join(flags)}", whole)
sys.exit(e2e.report(results))
