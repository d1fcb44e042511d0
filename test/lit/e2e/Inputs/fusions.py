"""Every fusion switched off alone, and all of them: the logits stay within tolerance.

  fusions.py FOLDER CASE TARGET
"""
import json
import os
import sys

import e2e

folder, name, target = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
case, truth = e2e.golden(name)
e2e.synthetic.write(case, f"{folder}/model")
with open(f"{folder}/tokens.json", "w", encoding="utf-8") as file:
    json.dump(case["tokens"], file)
names = [line.split()[0] for line in e2e.must("r1c", "fusions")[0].decode().splitlines()]
e2e.expect(len(names) >= 8, f"only {names}")
results, bits = [], {}
for switch in ["+all", "-all"] + ["-" + n for n in names]:
    def compare(switch=switch):
        e2e.must("r1c", "compile", f"{folder}/model", "--target", target, "-o", f"{folder}/model.r1a", f"--fusions={switch}",
                 "--max-context", "256")
        same = []
        for flags in ([], ["--decode-from", "5"]):
            e2e.must("r1run", "logits", f"{folder}/model.r1a", "--tokens", f"{folder}/tokens.json", "--out", f"{folder}/out.npy", *flags)
            problem, figures = e2e.judge(e2e.read_npy(f"{folder}/out.npy"), truth, case["gate_margin"])
            e2e.expect(not problem, f"{flags}: {problem}")
            with open(f"{folder}/out.npy", "rb") as out:
                data = out.read()
            same.append(data == bits.setdefault(str(flags), data))
        print(f"{switch}: prefill {'the same bits' if same[0] else 'rounds differently'}, "
              f"decode {'the same bits' if same[1] else 'rounds differently'}; {figures}")
    e2e.attempt(results, f"--fusions={switch}", compare)
sys.exit(e2e.report(results))
