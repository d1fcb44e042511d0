"""Folders, command lines and machines that r1c must refuse: one line with cause and cure, and nothing left behind.

  bad_folder.py FOLDER
"""
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time

import e2e

root = sys.argv[1]
shutil.rmtree(root, ignore_errors=True)
os.makedirs(root)
good = f"{root}/good"
e2e.synthetic.write(e2e.tiny_case(shards=2), good)
QUANTIZED = {"quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]}}
e2e.synthetic.write(e2e.tiny_case(weights="fp8", config={**e2e.tiny_case()["config"], **QUANTIZED}), f"{root}/fp8")
SHARDS = sorted(name for name in os.listdir(good) if name.endswith(".safetensors"))
results = []


def edit_header(path, change):
    """change(header) on a shard's header; the data stays."""
    with open(path, "rb") as file:
        content = file.read()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + size])
    change(header)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + content[8 + size:])


def edit_json(path, change):
    with open(path, encoding="utf-8") as file:
        value = json.load(file)
    change(value)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)


def compiled(folder, *flags, before=None, base="out"):
    """Exit code and stderr of a compile into a fresh folder, which must stay empty."""
    place = f"{root}/{base}"
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    flags = flags or ("--target", "cpu:x86-64-v3")
    code, out, err = e2e.run("r1c", "compile", folder, "-o", f"{place}/model.r1a", *flags, before=before)
    e2e.expect(not out, f"something on standard output: {out[:80]}")
    e2e.expect(not os.listdir(place), f"left behind: {os.listdir(place)}")
    return code, err


def refused(name, change, words, base=None, code=1, flags=(), before=None):
    """A copy of a good folder, changed, must be refused by a line with all the words."""
    def body():
        folder = f"{root}/bad"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(base or good, folder)
        change(folder)
        got, err = compiled(folder, *flags, before=before)
        e2e.expect(got == code, f"exit code {got}, expected {code}: {err.decode(errors='replace')}")
        line = e2e.error_line("r1c", err)
        missing = [w for w in words if w not in line]
        e2e.expect(not missing, f"{missing} not in: {line}")
        print(f"    {line.replace(folder, 'FOLDER')}")
    e2e.attempt(results, name, body)


def cut(folder):
    path = f"{folder}/{SHARDS[1]}"
    os.truncate(path, os.path.getsize(path) - 100)


def header_of(shard, change):
    return lambda folder: edit_header(f"{folder}/{shard}", change)


def config(change):
    return lambda folder: edit_json(f"{folder}/config.json", change)


def first(header, ending):
    return next(name for name in header if name.endswith(ending))


def reshape(header):
    tensor = header[first(header, "embed_tokens.weight")]
    tensor["shape"] = [tensor["shape"][0] * 2, tensor["shape"][1] // 2]


def overlap(header):
    names = [name for name in header if name != "__metadata__"]
    begin, end = header[names[1]]["data_offsets"]
    header[names[1]]["data_offsets"] = [begin - 8, end - 8]


def nan_scale(folder):
    path = f"{folder}/model.safetensors"
    with open(path, "rb") as file:
        content = bytearray(file.read())
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + size])
    at = 8 + size + header[first(header, "o_proj.weight_scale_inv")]["data_offsets"][0]
    content[at:at + 4] = struct.pack("<f", float("nan"))
    with open(path, "wb") as file:
        file.write(content)


def rename(header):
    name = first(header, "kv_a_layernorm.weight")
    header[name + "s"] = header.pop(name)


def drop(folder):
    edit_header(f"{folder}/{SHARDS[0]}", rename)
    edit_json(f"{folder}/model.safetensors.index.json", lambda index: rename(index["weight_map"]))


refused("truncated shard", cut, [SHARDS[1]])
refused("empty shard", lambda f: os.truncate(f"{f}/{SHARDS[1]}", 0), [SHARDS[1]])
refused("missing shard", lambda f: os.remove(f"{f}/{SHARDS[1]}"), [SHARDS[1]])
refused("wrong shape", header_of(SHARDS[0], reshape), ["embed_tokens.weight", "96"])
refused("missing tensor", drop, ["kv_a_layernorm"])
refused("overlapping offsets", header_of(SHARDS[0], overlap), [SHARDS[0]])
refused("header is not JSON", lambda f: open(f"{f}/{SHARDS[0]}", "r+b").write(struct.pack("<Q", 8) + b"notjson!"), [SHARDS[0]])
refused("NaN among scales", nan_scale, ["weight_scale_inv"], base=f"{root}/fp8")
refused("unknown model_type", config(lambda c: c.update(model_type="llama")), ["llama", "deepseek_v3"])
refused("no model_type", config(lambda c: c.pop("model_type")), ["model_type"])
refused("config lacks a size", config(lambda c: c.pop("hidden_size")), ["hidden_size"])
refused("config with a negative size", config(lambda c: c.update(hidden_size=-96)), ["hidden_size"])
refused("config with an absurd size", config(lambda c: c.update(num_hidden_layers=10 ** 12)), ["num_hidden_layers"])
refused("config with text for a size", config(lambda c: c.update(vocab_size="many")), ["vocab_size"])
refused("config disagrees with tensors", config(lambda c: c.update(hidden_size=128)), ["128"])
refused("config is not JSON", lambda f: open(f"{f}/config.json", "w").write("{"), ["config.json"])
refused("no config", lambda f: os.remove(f"{f}/config.json"), ["config.json"])
refused("no weights", lambda f: [os.remove(f"{f}/{s}") for s in SHARDS + ["model.safetensors.index.json"]], ["safetensors"])
refused("broken tokenizer", lambda f: open(f"{f}/tokenizer.json", "w").write("{}"), ["tokenizer.json"])
refused("index without weight_map", lambda f: open(f"{f}/model.safetensors.index.json", "w").write("{}"), ["weight_map"])
refused("empty folder", lambda f: [os.remove(f"{f}/{s}") for s in os.listdir(f)], ["config.json"])
refused("no folder", shutil.rmtree, ["bad"])
if os.geteuid() != 0:
    refused("unreadable shard", lambda f: os.chmod(f"{f}/{SHARDS[0]}", 0), [SHARDS[0]])
refused("a folder for a shard", lambda f: (os.remove(f"{f}/{SHARDS[0]}"), os.mkdir(f"{f}/{SHARDS[0]}")), [SHARDS[0]])
for target in ("cpu:pentium9", "gpu", "cpu:", "sm_90x"):
    refused(f"target {target}", lambda f: None, [target], flags=("--target", target), code=1)
refused("unknown fusion", lambda f: None, ["no-such"], flags=("--target", "cpu:x86-64-v3", "--fusions=-no-such"), code=2)


def bad_flags(name, flags, words):
    def body():
        code, err = compiled(good, *flags)
        e2e.expect(code == 2, f"exit code {code}, expected 2: {err.decode()}")
        line = e2e.error_line("r1c", err)
        e2e.expect(all(w in line for w in words), f"{words} not in: {line}")
        print(f"    {line}")
    e2e.attempt(results, name, body)


bad_flags("unknown flag", ("--target", "cpu:native", "--frobnicate"), ["--frobnicate"])
bad_flags("bad number", ("--target", "cpu:native", "--max-batch", "0"), ["--max-batch"])
bad_flags("bad choice", ("--target", "cpu:native", "--weights", "some"), ["--weights"])
bad_flags("no target", ("--jobs", "1"), ["--target"])
bad_flags("bad phase", ("--target", "cpu:native", "--stop-after", "lunch"), ["lunch"])


def limited():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))  # enough for code, too little for the artifact


refused("disk full", lambda f: None, ["model.r1a"], before=limited)


def output_nowhere():
    code, _, err = e2e.run("r1c", "compile", good, "--target", "cpu:x86-64-v3", "-o", f"{root}/nowhere/model.r1a")
    e2e.expect(code == 1, f"exit code {code}")
    e2e.expect("nowhere" in e2e.error_line("r1c", err), err.decode())


e2e.attempt(results, "output folder does not exist", output_nowhere)


def interrupted(number, name, delay):
    """A signal at some moment of a compile: the exit code says so, and no file is left. An older artifact stays."""
    def body():
        place = f"{root}/signal"
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        with open(f"{place}/model.r1a", "wb") as file:
            file.write(b"older")
        process = subprocess.Popen(["r1c", "compile", good, "--target", "cpu:x86-64-v3", "-o", f"{place}/model.r1a"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(delay)
        process.send_signal(number)
        err = process.communicate(timeout=120)[1]
        if process.returncode != -number:  # a busy machine: the signal came before the program had begun
            e2e.expect(process.returncode in (1, 128 + number), f"exit code {process.returncode}: {err.decode()}")
            e2e.expect("nothing was written" in e2e.error_line("r1c", err), err.decode())
        e2e.expect(os.listdir(place) == ["model.r1a"], f"left behind: {os.listdir(place)}")
        with open(f"{place}/model.r1a", "rb") as file:
            e2e.expect(file.read() == b"older", "the older artifact is gone")
    e2e.attempt(results, f"{name} after {delay} s", body)


for pause in (0.3, 1.0):
    interrupted(signal.SIGINT, "Ctrl-C", pause)
    interrupted(signal.SIGTERM, "SIGTERM", pause)
shutil.rmtree(root)
sys.exit(e2e.report(results))
