"""Accuracy of tiny_r1 on held-out questions: greedy decoding on the weights as stored (FP8), float32 arithmetic.

  python evaluate.py [--folder .] [--count 500]
"""
import argparse
import json
import random

import torch

import checkpoint
import task
import vocabulary
from model import Weights

MAX_NEW_TOKENS = 120
LEARNED_BY_HEART = ("add 1+1 digits", "multiply 1x1 digits")  # one-digit tables are training data


@torch.no_grad()
def continue_greedily(model, ids):
    ids = list(ids)
    for _ in range(MAX_NEW_TOKENS):
        hidden, _ = model(torch.tensor([ids]))
        ids.append(int(model.logits(hidden[0, -1]).argmax()))
        if ids[-1] == 1:
            break
    return ids


@torch.no_grad()
def answers_right(model, encoder, samples, decode):
    """Which samples greedy decoding answers correctly.

    Greedy decoding reproduces a known text exactly where each of its tokens is the most likely one, so one pass over
    question and expected text settles most samples; only the others are decoded from where they first differ (and count as wrong where `decode` is false).
    """
    prompts = [encoder.prompt(q) for q, _r, _a in samples]
    texts = [encoder.continuation(r, a) for _q, r, a in samples]
    right = []
    for at in range(0, len(samples), 64):
        rows = list(zip(prompts[at:at + 64], texts[at:at + 64], samples[at:at + 64]))
        longest = max(len(p) + len(t) for p, t, _s in rows)
        ids = torch.tensor([p + t + [2] * (longest - len(p) - len(t)) for p, t, _s in rows])
        hidden, _ = model(ids)
        best = model.logits(hidden).argmax(-1).tolist()
        for (p, t, (_q, _r, answer)), row in zip(rows, best):
            said = row[len(p) - 1:len(p) + len(t) - 1]
            if said != t:
                # What follows the first difference was predicted from the right text: it says nothing.
                same = next(i for i, (x, y) in enumerate(zip(said, t)) if x != y)
                said = continue_greedily(model, p + t[:same] + [said[same]])[len(p):] if decode else []
            right.append(encoder.decode(said).endswith("</think>\n\n" + answer + "<｜end▁of▁sentence｜>"))
    return right


def table(model, encoder, count, decode=True, seed=7):
    """A table of accuracies per kind, `count` held-out questions each, with FP8 weights."""
    before, training = Weights.fake_quant, model.training
    Weights.fake_quant = True  # leaves weights that were stored in FP8 as they are
    model.eval()
    lines = []
    for kind in task.KINDS:
        rng = random.Random(f"{seed} {kind}")
        samples = [task.make(rng, kind, kind not in LEARNED_BY_HEART)[:3] for _ in range(count)]
        right = answers_right(model, encoder, samples, decode)
        lines.append(f"| {kind} | {sum(right)} of {count} | {100 * sum(right) / count:.1f} % |")
    Weights.fake_quant = before
    model.train(training)
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default=".")
    parser.add_argument("--count", type=int, default=500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with open(f"{options.folder}/tokenizer.json", encoding="utf-8") as file:
        encoder = vocabulary.Encoder(json.load(file))
    print(table(checkpoint.load(options.folder), encoder, options.count))


if __name__ == "__main__":
    main()
