"""Trains tiny_r1 and writes it as a Hugging Face folder laid out as DeepSeek-R1's.

  python train.py --minutes 75 --out .      (about two million parameters; one CPU core is enough)

Seeded.  The length of the run is given in minutes or steps; `--steps` makes it repeatable to the token.
Schedule: warm-up, constant rate, then a linear decay to zero.  The last part trains with the weights rounded to FP8.
"""
import argparse
import random
import time
from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn.functional as F

import checkpoint
import evaluate
import task
import vocabulary
from model import Config, TinyR1, Weights

VOCABULARY_SEED = 20261123  # not --seed: a continued run must read the same tokens
WARMUP_STEPS = 100
DECAY_FROM, QUANT_FROM = 0.6, 0.8
MATRIX_RATE, OTHER_RATE = 0.02, 2e-3
MTP_LOSS, MTP_FROM = 0.2, 0.4
PARTS = 4
CHATS = 0.12  # the share of batches whose samples follow up to five earlier turns


@torch.no_grad()
def orthogonalize(g):
    """The nearest semi-orthogonal matrices of a stack [n, rows, columns] (Newton-Schulz; Jordan et al., Muon)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g / (g.norm(dim=(1, 2), keepdim=True) + 1e-7)
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.transpose(1, 2)
    for _ in range(5):
        s = x @ x.transpose(1, 2)
        x = a * x + (b * s + c * s @ s) @ x
    return x.transpose(1, 2) if tall else x


class Muon:
    """Momentum with orthogonalised updates for the weight matrices; equal shapes are handled as one stack."""

    def __init__(self, parameters, momentum=0.95):
        self.momentum, self.stacks = momentum, {}
        for p in parameters:
            self.stacks.setdefault(p.shape[-2:], []).append(p)
        self.velocity = {p: torch.zeros_like(p) for p in parameters}

    def step(self, rate, pool):
        list(pool.map(lambda stack: self.step_stack(rate, *stack), self.stacks.items()))

    @torch.no_grad()
    def step_stack(self, rate, shape, parameters):
        (rows, columns), updates = shape, []
        parameters = [p for p in parameters if p.grad is not None]
        if not parameters:
            return
        for p in parameters:
            v = self.velocity[p].lerp_(p.grad, 1 - self.momentum)
            updates.append(p.grad.lerp(v, self.momentum).view(-1, rows, columns))
        update = orthogonalize(torch.cat(updates)) * max(1.0, rows / columns) ** 0.5
        for p, u in zip(parameters, update.split([len(u) for u in updates])):
            p.mul_(1 - rate * 0.01).add_(u.view_as(p), alpha=-rate)


def batch(rng, encoder, size):
    """PARTS pairs (ids [rows, longest], targets with -100 outside the continuations), the longest samples first."""
    rows, parts = [], []
    turns = rng.randint(1, 5) if rng.random() < CHATS else 0
    for _ in range(size):
        history = [task.sample(rng)[::2] for _ in range(rng.randint(0, turns))]
        question, reasoning, answer = task.sample(rng)
        rows.append((encoder.prompt(question, history), encoder.continuation(reasoning, answer)))
    rows.sort(key=lambda row: -len(row[0]) - len(row[1]))
    for at in range(0, size, size // PARTS):
        part = rows[at:at + size // PARTS]
        longest = len(part[0][0]) + len(part[0][1])
        ids = torch.full((len(part), longest), 2)
        targets = torch.full((len(part), longest), -100)
        for i, (p, c) in enumerate(part):
            ids[i, :len(p) + len(c)] = torch.tensor(p + c)
            targets[i, len(p) - 1:len(p) + len(c) - 1] = torch.tensor(c)
        parts.append((ids, targets))
    return parts


def loss_at(model, hidden, targets):
    """Mean cross entropy over the positions that have a target."""
    at = (targets != -100).flatten().nonzero().squeeze(1)
    return F.cross_entropy(model.logits(hidden.flatten(0, 1)[at]), targets.flatten()[at])


def gradients(model, parameters, part, with_mtp):
    """(loss, MTP loss, gradients) of one part of a batch; parts run side by side and are added in order."""
    ids, targets = part
    hidden, ahead = model(ids, with_mtp)
    loss = loss_at(model, hidden, targets)
    mtp_loss = loss_at(model, ahead, targets[:, 1:]) if with_mtp else torch.zeros(())
    total = loss + MTP_LOSS * mtp_loss
    return loss.item(), mtp_loss.item(), torch.autograd.grad(total, parameters, allow_unused=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--minutes", type=float, default=75)
    parser.add_argument("--steps", type=int, help="instead of --minutes")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--state", default="tiny_r1_state.pt", help="where the float32 state is saved at the end")
    parser.add_argument("--start", help="a state saved by an earlier run; the rate then falls from the first step on")
    parser.add_argument("--rate", type=float, default=1.0, help="a factor on every learning rate")
    parser.add_argument("--export-every", type=float, default=10, help="minutes between exports and measurements")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(options.threads)
    rng = random.Random(options.seed)
    config = Config()
    definition = vocabulary.tokenizer_json(config.vocab_size - len(vocabulary.ADDED), VOCABULARY_SEED)
    encoder = vocabulary.Encoder(definition)
    model = TinyR1(config)
    matrices = [p for n, p in model.named_parameters()
                if p.dim() >= 2 and not n.endswith(("gate.weight", "embed_tokens", "lm_head"))]
    taken = {id(p) for p in matrices}
    parameters = list(model.parameters())
    others = [p for p in parameters if id(p) not in taken]
    muon, adam = Muon(matrices), torch.optim.AdamW(others, OTHER_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    warmup, decay_from, mtp_from = WARMUP_STEPS, DECAY_FROM, MTP_FROM
    if options.start:
        model.load_state_dict(torch.load(options.start))
        warmup, decay_from, mtp_from = WARMUP_STEPS // 4, 0.0, 0.0
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)

    start = last_export = time.time()
    step, tokens, mean = 0, 0, None
    while True:
        done = step / options.steps if options.steps else (time.time() - start) / (60 * options.minutes)
        if done >= 1:
            break
        rate = options.rate * min(1.0, (step + 1) / warmup, (1 - done) / (1 - decay_from))
        Weights.fake_quant = done >= QUANT_FROM
        with_mtp = done >= mtp_from
        parts = batch(rng, encoder, options.batch)
        padded = sum(ids.numel() for ids, _targets in parts)
        results = list(pool.map(lambda part: gradients(model, parameters, part, with_mtp), parts))
        loss, mtp_loss = (sum(column) / PARTS for column in list(zip(*results))[:2])
        for p, *grads in zip(parameters, *(r[2] for r in results)):
            p.grad = None if grads[0] is None else torch.stack(grads).mean(0)
        for group in adam.param_groups:
            group["lr"] = OTHER_RATE * rate
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        adam.step()
        muon.step(MATRIX_RATE * rate, pool)
        for router in model.routers():
            router.rebalance(0.002 * rate)
        step, tokens = step + 1, tokens + padded
        mean = loss if mean is None else 0.98 * mean + 0.02 * loss
        if step % 50 == 0:
            print(f"{time.time() - start:6.0f} s  step {step:5d}  {tokens / 1e6:5.2f} M tokens  loss {mean:.4f}"
                  f"  mtp {mtp_loss:.3f}  rate {rate:.2f}", flush=True)
        if time.time() - last_export > 60 * options.export_every:
            last_export = time.time()
            checkpoint.export(model, definition, options.out)
            print(evaluate.table(model, encoder, 64, decode=False), flush=True)
    checkpoint.export(model, definition, options.out)
    torch.save(model.state_dict(), options.state)
    print(evaluate.table(model, encoder, 100, decode=False), flush=True)


if __name__ == "__main__":
    main()
