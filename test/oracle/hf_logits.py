"""transformers' float32 logits for a checkpoint folder, to hold against `r1run logits`.

  python hf_logits.py FOLDER --tokens FILE.json --out FILE.npy [--compare OTHER.npy]

Needs torch, transformers, safetensors, numpy.  --compare prints the difference to logits made elsewhere, from the worst
position on, and exits with 1 if the greedy token differs anywhere.
"""
import argparse
import json
import sys

import numpy as np

import reference


def compare(ours, other):
    """Prints how far `other` is from ours; whether the greedy tokens agree."""
    if other.shape != ours.shape:
        print(f"shapes differ: transformers {ours.shape}, other {other.shape}")
        return False
    other = other.astype(np.float32)
    worst = np.abs(other - ours).max(1)
    worst[np.isnan(other).any(1)] = np.inf
    scale = np.abs(ours).max()
    cosine = (ours * other).sum(1) / (np.linalg.norm(ours, axis=1) * np.linalg.norm(other, axis=1))
    at = int(worst.argmax())
    same = ours.argmax(1) == other.argmax(1)
    print(f"largest difference {worst[at]:.3e} at position {at}, {worst[at] / scale:.3e} of the largest logit; "
          f"smallest cosine {np.nanmin(cosine):.7f}; greedy tokens equal at {same.sum()} of {len(same)} positions")
    return bool(same.all())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--tokens", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--compare")
    options = parser.parse_args()
    with open(options.tokens, encoding="utf-8") as file:
        tokens = json.load(file)
    ours = reference.logits(reference.load(options.folder), tokens).numpy()
    np.save(options.out, ours)
    if options.compare and not compare(ours, np.load(options.compare)):
        sys.exit(1)


if __name__ == "__main__":
    main()
