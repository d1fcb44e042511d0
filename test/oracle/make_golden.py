"""Writes test/oracle/golden/<case>.{json,npy}: config, seed and tokens; transformers' float32 logits [tokens, vocab].

  python make_golden.py [--mistakes]      run in test/oracle; needs torch, transformers, safetensors, numpy

--mistakes also makes every mistake of mistakes.py in every case and writes the table golden/mistakes.md: how far the
logits move, relative to the largest logit.  A mistake counts as pinned by a golden that it moves by more than 1e-2.
"""
import argparse
import json
import os
import tempfile

import numpy as np
import torch

import cases
import mistakes
import reference
import synthetic

HERE = os.path.dirname(os.path.abspath(__file__))
PINNED = 1e-2


def tokens_of(case):
    """Ids by the same hash as the weights; every case has its own."""
    u = synthetic.uniform(case["seed"], "tokens", cases.TOKENS)
    return [int((float(v) + 1) / 2 * case["config"]["vocab_size"]) for v in u]


def gate_margin(model, tokens):
    """The smallest gap, over layers and positions, between the last expert (or group) taken and the first one left."""
    gaps = []

    def watch(gate, inputs, _output):
        x = inputs[0].reshape(-1, inputs[0].shape[-1])
        z = torch.nn.functional.linear(x, gate.weight)
        bias = getattr(gate, "e_score_correction_bias", None)
        choice = z.softmax(-1) if bias is None else z.sigmoid() + bias
        if (gate.num_group or 1) > 1 and getattr(gate, "topk_method", "") != "greedy":
            grouped = choice.view(len(x), gate.num_group, -1)
            rank = grouped.amax(-1) if bias is None else grouped.topk(2, -1)[0].sum(-1)
            best = rank.sort(-1, descending=True)[0]
            gaps.append((best[:, gate.topk_group - 1] - best[:, gate.topk_group]).min().item())
            open_ = torch.zeros_like(rank, dtype=torch.bool).scatter_(1, rank.topk(gate.topk_group, -1)[1], True)
            choice = choice.masked_fill(~open_.repeat_interleave(grouped.shape[-1], 1), -1e9)
        best = choice.sort(-1, descending=True)[0]
        gaps.append((best[:, gate.top_k - 1] - best[:, gate.top_k]).min().item())

    hooks = [gate.register_forward_hook(watch) for gate in mistakes.routers(model)]
    reference.logits(model, tokens)
    for hook in hooks:
        hook.remove()
    return min(gaps)


def dump(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mistakes", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    moved = {}
    os.makedirs(f"{HERE}/golden", exist_ok=True)
    for name, case in cases.CASES.items():
        tokens = tokens_of(case)
        with tempfile.TemporaryDirectory() as folder:
            crc = synthetic.write(case, folder)
            tensors = reference.read_tensors(folder)
            model = reference.load(folder)
            golden = reference.logits(model, tokens)
            margin = gate_margin(model, tokens)
            np.save(f"{HERE}/golden/{name}.npy", golden.numpy())
            dump(f"{HERE}/golden/{name}.json", {**case, "tokens": tokens, "crc32": crc, "gate_margin": margin})
            scale = golden.abs().max()
            print(f"{name}: largest logit {scale:.3f}, gate margin {margin:.2e}", flush=True)
            if options.mistakes:
                for mistake, wrong in mistakes.applied(case, tensors, folder):
                    change = ((reference.logits(wrong, tokens) - golden).abs().max() / scale).item()
                    moved.setdefault(mistake, {})[name] = change
    if options.mistakes:
        with open(f"{HERE}/golden/mistakes.md", "w", encoding="utf-8") as file:
            file.write("Written by make_golden.py: how far a mistake moves the logits, over the largest logit, where above 1e-2.\n\n")
            file.write("| mistake | goldens that show it |\n|---|---|\n")
            for mistake, by in moved.items():
                shown = [f"{n} {v:.2g}" for n, v in by.items() if not v <= PINNED]
                file.write(f"| {mistake} | {', '.join(shown) or 'none'} |\n")


if __name__ == "__main__":
    main()
