"""Golden checkpoints through r1c and r1run, held against transformers' logits.

  golden.py FOLDER CASE TARGET...      all targets go into one artifact; those this machine lacks are left out
"""
import json
import os
import sys

import e2e

folder, name, *targets = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
case, truth = e2e.golden(name)
crc = e2e.synthetic.write(case, f"{folder}/model")
e2e.expect(crc == case["crc32"], f"{name}: the checkpoint differs from the one the golden logits are of")
with open(f"{folder}/tokens.json", "w", encoding="utf-8") as file:
    json.dump(case["tokens"], file)
targets = e2e.runnable(targets)
artifact = f"{folder}/model.r1a"
e2e.must("r1c", "compile", f"{folder}/model", "--target", ",".join(targets), "-o", artifact, "--jobs", "1")
e2e.must("r1run", "check", artifact)

results = []
for target in targets:
    for flags in ([], ["--chunk", "7"], ["--decode-from", "5"]):
        def compare(target=target, flags=flags):
            outputs = []
            for way, (more, env) in enumerate(e2e.ways_to_run(target)):
                out = f"{folder}/{way}.npy"
                e2e.must("r1run", "logits", artifact, "--tokens", f"{folder}/tokens.json", "--out", out, "--target", target,
                         *more, *flags, env=env)
                with open(out, "rb") as made:
                    outputs.append(made.read())
            e2e.expect(len(set(outputs)) == 1, f"bits depend on one of {e2e.ways_to_run(target)}")
            problem, figures = e2e.judge(e2e.read_npy(out), truth, case["gate_margin"])
            print(f"{name} {target} {' '.join(flags) or 'at once'}: {figures}")
            e2e.expect(not problem, problem)
        e2e.attempt(results, f"{name} {target} {' '.join(flags)}", compare)
sys.exit(e2e.report(results))
