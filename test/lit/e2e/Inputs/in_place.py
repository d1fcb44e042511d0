"""Artifacts whose weights stay in the checkpoint, in part.

  in_place.py FOLDER EXAMPLE      EXAMPLE is a checkpoint with tensors of 64 KiB and more
"""
import json
import os
import shutil
import sys

import e2e

root, example = sys.argv[1:]
shutil.rmtree(root, ignore_errors=True)
os.makedirs(f"{root}/here")
model, packed, thin = f"{root}/here/model", f"{root}/here/packed.r1a", f"{root}/here/thin.r1a"
shutil.copytree(example, model)
TARGETS = "sim:sm_90a,cpu:x86-64-v3"
results = []


def compile_thin(out, *flags):
    _, err = e2e.must("r1c", "compile", model, "--target", TARGETS, "--weights=in-place", "-o", out, *flags)
    return err.decode()


e2e.must("r1c", "compile", model, "--target", TARGETS, "-o", packed)
note = compile_thin(thin)
with open(f"{root}/tokens.json", "w", encoding="utf-8") as file:
    json.dump([(i * 37 + 11) % 500 for i in range(70)], file)


def logits(artifact, target):
    e2e.must("r1run", "logits", artifact, "--target", target, "--tokens", f"{root}/tokens.json", "--out", f"{root}/out.npy")
    with open(f"{root}/out.npy", "rb") as out:
        return out.read()


def same_numbers():
    for target in TARGETS.split(","):
        e2e.expect(logits(thin, target) == logits(packed, target), f"{target}: logits differ from those of packed weights")


def smaller():
    segments = [json.loads(e2e.must("r1c", "inspect", path, "--json")[0])["segments"] for path in (thin, packed)]
    kept = sum(s["in_place_bytes"] for s in segments[0])
    stored = [sum(s["section"]["bytes"] for s in part) for part in segments]
    e2e.expect(kept > 400_000, f"only {kept} bytes stay in the checkpoint")
    e2e.expect(stored[0] + kept == stored[1], f"{stored[0]} bytes stored and {kept} in place are not {stored[1]}")
    e2e.expect(sum(s["in_place_bytes"] for s in segments[1]) == 0, "packed weights lie elsewhere")
    e2e.expect(f"{kept / 1e6:.1f} of {stored[1] / 1e6:.1f} MB of weights stay in" in note, note)
    text = e2e.must("r1c", "inspect", thin)[0].decode()
    e2e.expect("in place" in text and "in model" in text, text[-500:])


def reproducible():
    compile_thin(f"{root}/here/again.r1a", "--jobs", "1")
    with open(thin, "rb") as one, open(f"{root}/here/again.r1a", "rb") as two:
        e2e.expect(one.read() == two.read(), "the same inputs give other bytes")


def moves_together():
    os.rename(f"{root}/here", f"{root}/there")
    e2e.must("r1run", "check", f"{root}/there/thin.r1a")
    os.rename(f"{root}/there", f"{root}/here")


def refused(name, words, change, check_only=False, target="sim:sm_90a"):
    """`change` damages the checkpoint, which is mended afterwards."""
    def body():
        change()
        try:
            commands = [["r1run", "check", thin]]
            if not check_only:
                commands.append(["r1run", "generate", thin, "--target", target, "--prompt", "1"])
            for command in commands:
                code, _, err = e2e.run(*command)
                e2e.expect(code == 1, f"{command[1]}: exit code {code}: {err.decode(errors='replace')}")
                line = e2e.error_line("r1run", err)
                missing = [w for w in words if w not in line]
                e2e.expect(not missing, f"{missing} not in: {line}")
                print(f"    {line.replace(root, 'FOLDER')}")
        finally:
            shutil.rmtree(model)
            shutil.copytree(example, model)
    e2e.attempt(results, name, body)


shards = sorted(name for name in os.listdir(model) if name.endswith(".safetensors"))
paths = [f"{model}/{name}" for name in shards]


def rewrite(change):
    """All shards: which of them holds the tensors that stay is the compiler's affair."""
    for path in paths:
        with open(path, "rb") as file:
            data = bytearray(file.read())
        header = 8 + int.from_bytes(data[:8], "little")
        with open(path, "wb") as file:
            file.write(change(data, header))


def flip_header(data, header):
    at = data.index(b"model", 8, header)
    data[at] ^= 1
    return data


def flip_all_data(data, header):
    return data[:header] + bytes(b ^ 1 for b in data[header:])


for name, body in (("same numbers", same_numbers), ("smaller", smaller), ("reproducible", reproducible), ("moves together", moves_together)):
    e2e.attempt(results, name, body)
CURE = ["--weights=in-place", "put"]
refused("the folder is gone", ["model-0000", "--weights=pack"] + CURE, lambda: os.rename(model, f"{root}/elsewhere") or os.makedirs(model))
refused("cut", ["is not the file that was compiled"] + CURE, lambda: rewrite(lambda data, _: data[:-100]))
refused("empty", ["is not the file that was compiled"] + CURE, lambda: rewrite(lambda data, _: b""))
refused("longer", ["is not the file that was compiled"] + CURE, lambda: rewrite(lambda data, _: data + b"\0"))
refused("another header", ["is not the file that was compiled"] + CURE, lambda: rewrite(flip_header))
refused("no safetensors file", ["is not the file that was compiled"] + CURE, lambda: rewrite(lambda data, _: b"\xff" * len(data)))
refused("other weights", ["weight segment", "does not match its hash", "model"], lambda: rewrite(flip_all_data), check_only=True)
e2e.attempt(results, "mended", same_numbers)
sys.exit(e2e.report(results))
