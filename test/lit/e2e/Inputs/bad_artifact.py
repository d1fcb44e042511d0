"""Artifacts, files and command lines that r1run must refuse: one line with cause and cure, and no partial file.

  bad_artifact.py FOLDER EXAMPLE      EXAMPLE is a checkpoint with tokenizer
"""
import json
import os
import resource
import shutil
import signal
import sys

import e2e

root, example = sys.argv[1:]
shutil.rmtree(root, ignore_errors=True)
os.makedirs(root)
plain, text = f"{root}/plain.r1a", f"{root}/text.r1a"
e2e.synthetic.write(e2e.tiny_case(), f"{root}/model")
e2e.must("r1c", "compile", f"{root}/model", "--target", "cpu:x86-64-v3", "-o", plain)
e2e.must("r1c", "compile", example, "--target", "cpu:x86-64-v3", "-o", text, "--max-context", "64", "--weights=none")
with open(plain, "rb") as file:
    GOOD = file.read()
with open(f"{root}/tokens.json", "w", encoding="utf-8") as file:
    json.dump([1, 2, 3], file)
results = []


def refused(name, command, words, code=1, stdin=None, before=None):
    def body():
        listed = sorted(os.listdir(root))
        got, _, err = e2e.run(*command, stdin=stdin, before=before)
        e2e.expect(got == code, f"exit code {got}, expected {code}: {err.decode(errors='replace')}")
        line = e2e.error_line("r1run", err)
        missing = [w for w in words if w not in line]
        e2e.expect(not missing, f"{missing} not in: {line}")
        e2e.expect(sorted(os.listdir(root)) == listed, f"left behind: {set(os.listdir(root)) - set(listed)}")
        print(f"    {line.replace(root, 'FOLDER')}")
    e2e.attempt(results, name, body)


def damaged(name, content, words, everywhere=True):
    path = f"{root}/bad.r1a"
    with open(path, "wb") as out:
        out.write(content)
    refused(f"check: {name}", ["r1run", "check", path], words)
    if everywhere:
        refused(f"logits: {name}", logits(path), words)


def logits(artifact, tokens=f"{root}/tokens.json", out=f"{root}/out.npy", *flags):
    return ["r1run", "logits", artifact, "--tokens", tokens, "--out", out, *flags]


def flipped(at):
    return GOOD[:at] + bytes([GOOD[at] ^ 0x55]) + GOOD[at + 1:]


def with_word(at, value):
    return GOOD[:at] + value.to_bytes(4, "little") + GOOD[at + 4:]


index_at = int.from_bytes(GOOD[16:24], "little")
index_bytes = int.from_bytes(GOOD[24:32], "little")
image_at = GOOD.index(b"\x7fELF")
segment_at = max(at for at in range(0, len(GOOD), 4096) if any(GOOD[at:at + 4096]))
damaged("empty", b"", ["bad.r1a"])
damaged("not an artifact", b"GGUF" + bytes(1000), ["bad.r1a"])
damaged("magic", flipped(3), ["bad.r1a"])
damaged("newer version", with_word(12, int.from_bytes(GOOD[8:12], "little") + 1), ["version"])
damaged("index offset beyond the end", flipped(22), ["bad.r1a"])
damaged("index damaged", flipped(index_at + index_bytes // 2), ["bad.r1a"])
damaged("index hash damaged", flipped(40), ["bad.r1a"])
damaged("code damaged", flipped(image_at + 5000), ["bad.r1a"])
damaged("weights damaged", flipped(segment_at + 100), ["bad.r1a"])
for share in (0.0001, 0.5, 0.999):
    damaged(f"cut to {share}", GOOD[:int(len(GOOD) * share)], ["bad.r1a"])
os.remove(f"{root}/bad.r1a")


def every_flip_is_seen():
    """A damaged byte anywhere that means something is found by check; nothing crashes."""
    path = f"{root}/flip.r1a"
    blind = []
    for step in range(40):
        at = (index_at + step * 7919 % index_bytes) if step % 2 else image_at + step * 104729 % 100000
        with open(path, "wb") as out:
            out.write(flipped(at))
        code, _, err = e2e.run("r1run", "check", path)
        if code != 1 or not e2e.error_line("r1run", err):
            blind.append((at, code))
    os.remove(path)
    e2e.expect(not blind, f"not refused with exit code 1: {blind}")


e2e.attempt(results, "forty flipped bytes", every_flip_is_seen)
refused("no such artifact", ["r1run", "check", f"{root}/none.r1a"], ["none.r1a"])
refused("a folder for an artifact", ["r1run", "info", root], [root])
refused("a target that is not there", logits(plain, *[f"{root}/tokens.json", f"{root}/out.npy"], "--target", "cpu:native"),
        ["cpu:native", "cpu:x86-64-v3"])
refused("no weights", logits(text), ["weights"])
refused("no tokenizer", ["r1run", "generate", plain, "--prompt", "hello"], ["tokenizer"])
refused("chat without tokenizer", ["r1run", "chat", plain], ["tokenizer"], stdin=b"hello\n")
refused("tokenize without tokenizer", ["r1run", "tokenize", plain], ["tokenizer"], stdin=b'{"text": "x"}\n')

for name, content, words in [("not JSON", "[1, 2", ["bad.json"]), ("not a list", '{"a": 1}', ["bad.json"]), ("no ids", "[]", ["bad.json"]),
                             ("id beyond the vocabulary", "[1, 96]", ["96", "95"]), ("negative id", "[-1]", ["-1"]),
                             ("id with a fraction", "[1.5]", ["1.5"]), ("id as text", '["1"]', ["bad.json"]),
                             ("huge id", "[99999999999999999999]", ["bad.json"]), ("nested", "[" * 100000, ["bad.json"]),
                             ("too many for the context", json.dumps([1] * 4097), ["4096"])]:
    with open(f"{root}/bad.json", "w", encoding="utf-8") as file:
        file.write(content)
    refused(f"tokens: {name}", logits(plain, f"{root}/bad.json"), words)
refused("tokens: no such file", logits(plain, f"{root}/none.json"), ["none.json"])
refused("decode-from beyond the list", logits(plain, f"{root}/tokens.json", f"{root}/out.npy", "--decode-from", "4"), ["4", "3"])
refused("output folder does not exist", logits(plain, f"{root}/tokens.json", f"{root}/nowhere/out.npy"), ["nowhere"])
refused("/dev/full", logits(plain, f"{root}/tokens.json", "/dev/full"), ["/dev/full"])


def limited():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400000, 400000))  # more than code, which goes through memory files, less than the logits


with open(f"{root}/many.json", "w", encoding="utf-8") as file:
    json.dump([1] * 2000, file)
refused("disk full", logits(plain, f"{root}/many.json"), ["out.npy"], before=limited)

for command, lines in {
    "tokenize": [b"text", b"[1]", b'{"txt": "a"}', b'{"text": 1}', b'{"text": "a"', b'{"text": "\xff\xfe"}', b"[" * 100000],
    "detokenize": [b'{"ids": 1}', b'{"ids": [-1]}', b'{"ids": [512]}', b'{"ids": ["a"]}', b'{"ids": [1e99]}', b"{}"],
    "render": [b'{"messages": 1}', b'{"messages": [{"role": "user"}]}', b"{}"],
}.items():
    for line in lines:
        refused(f"{command} {line[:40]!r}", ["r1run", command, text], ["line 2"],
                stdin={"tokenize": b'{"text": "a"}\n', "detokenize": b'{"ids": [1]}\n',
                       "render": b'{"messages": [{"role": "user", "content": "a"}]}\n'}[command] + line + b"\n")

for flags in (["frobnicate"], ["generate", plain], ["logits", plain], ["generate", plain, "--prompt", "a", "--threads", "0"],
              ["generate", plain, "--prompt", "a", "--top-p", "2"], ["generate", plain, "--prompt", "a", "--max-tokens", "many"],
              ["check"], []):
    refused(f"flags {' '.join(flags)}", ["r1run", *flags], ["r1run --help"], code=2)

if "amx_tile" not in e2e.cpu_flags():
    foreign = f"{root}/amx.r1a"
    e2e.must("r1c", "compile", f"{root}/model", "--target", "cpu:sapphirerapids", "-o", foreign, "--weights=none")
    refused("a CPU without the instructions", logits(foreign), ["amx", "--target"])
    e2e.attempt(results, "info of a foreign artifact", lambda: e2e.must("r1run", "info", foreign))
    e2e.attempt(results, "check of a foreign artifact", lambda: e2e.must("r1run", "check", foreign))
shutil.rmtree(root)
sys.exit(e2e.report(results))
