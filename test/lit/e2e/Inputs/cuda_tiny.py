"""The example model on a simulated GPU says what it says on the CPU, in whatever order the GPU's threads go on.

  cuda_tiny.py FOLDER EXAMPLE TARGET
"""
import json
import os
import sys

import e2e

folder, example, target = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
artifact, tokens = f"{folder}/tiny.r1a", f"{folder}/tokens.json"
e2e.must("r1c", "compile", example, "--target", f"cpu:native,{target}", "-o", artifact)
e2e.must("r1run", "check", artifact)
results = []


def said(where, prompt, env=None, temperature="0"):
    return e2e.must("r1run", "generate", artifact, "--target", where, "--temperature", temperature, "--seed", "7", "--prompt", prompt,
                    env=env)[0].decode()


def greedy(prompt):
    expected = said("cpu:native", prompt)
    e2e.expect("</think>" in expected, f"the CPU shows no reasoning: {expected!r}")
    for _, env in e2e.ways_to_run(target):
        text = said(target, prompt, env)
        e2e.expect(text == expected, f"{env}: {text!r}, the CPU says {expected!r}")


def drawn(prompt, temperature):
    """A seed says the same everywhere: the choice is exact, and the logits are nearly so."""
    expected = said("cpu:native", prompt, temperature=temperature)
    for _, env in e2e.ways_to_run(target):
        text = said(target, prompt, env, temperature)
        e2e.expect(text == expected, f"{env}: {text!r}, the CPU says {expected!r}")


def logits(name, flags):
    """The whole answer as a prompt, against the interpreter; all ways to run give the same bits."""
    out, truth = f"{folder}/{name}.npy", f"{folder}/truth.npy"
    outputs = set()
    for _, env in e2e.ways_to_run(target):
        e2e.must("r1run", "logits", artifact, "--target", target, "--tokens", tokens, "--out", out, *flags, env=env)
        with open(out, "rb") as file:
            outputs.add(file.read())
    e2e.expect(len(outputs) == 1, f"bits depend on one of {e2e.ways_to_run(target)}")
    problem, figures = e2e.judge(e2e.read_npy(out), e2e.read_npy(truth))
    print(f"{name}: {figures}")
    e2e.expect(not problem, problem)


def inspected():
    """Host code tells threads and shared memory of its kernels, and nothing of registers."""
    cpu, gpu = json.loads(e2e.must("r1c", "inspect", "--json", artifact)[0])["targets"]
    e2e.expect(gpu["device"] == "Sim" and gpu["name"] == target, f"{gpu['device']} {gpu['name']}")
    for kernel in gpu["kernels"]:
        e2e.expect(kernel["threads"] % 32 == 0 and kernel["threads"] > 0 and kernel["shared_bytes"] >= 0, f"{kernel}")
        e2e.expect(kernel["registers"] is None and kernel["spill_bytes"] is None, f"{kernel} has registers")
    warp_groups = [kernel["symbol"] for kernel in gpu["kernels"] if kernel["symbol"].startswith("grouped_gemm_hopper")]
    e2e.expect(bool(warp_groups) == target.endswith("sm_90a"), f"experts' kernels of warp groups: {warp_groups}")
    e2e.expect(all("scratch_bytes" in k and "registers" not in k for k in cpu["kernels"]), "a CPU's kernels have registers")
    e2e.expect(" threads, " in e2e.must("r1c", "inspect", artifact)[0].decode(), "the table does not tell threads")


e2e.attempt(results, "inspect", inspected)
prompts = ["What is 27 plus 58?", "What is 3 plus 4?", "What is 99 plus 1?"]
for prompt in prompts:
    e2e.attempt(results, prompt, lambda: greedy(prompt))
for temperature in ("0.6", "1"):
    e2e.attempt(results, f"temperature {temperature}", lambda: drawn(prompts[0], temperature))
line = json.dumps({"text": prompts[0] + " " + said("cpu:native", prompts[0])}) + "\n"
ids = json.loads(e2e.must("r1run", "tokenize", artifact, stdin=line.encode())[0])["ids"]
with open(tokens, "w", encoding="utf-8") as file:
    json.dump(ids, file)
e2e.must("r1c", "interpret", example, "--tokens", tokens, "--out", f"{folder}/truth.npy")
# Chunks that end inside a tile; decode runs one token a step.
for name, flags in (("prefill", []), ("chunks", ["--chunk", "7"]), ("decode", ["--decode-from", "5"])):
    e2e.attempt(results, f"{name} of {len(ids)} tokens", lambda: logits(name, flags))
sys.exit(e2e.report(results))
