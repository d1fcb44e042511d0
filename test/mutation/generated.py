#!/usr/bin/env python3
"""The same for what r1c itself writes: each row of generated.toml changes a kernel's source on its way to the host's compiler, and the
example model's logits on the emulator must then differ from those of the CPU.

  generated.py R1C R1RUN MODEL [PATTERN...]

This file is also the compiler that r1c is told to use: see compile().
"""
import array
import ast
import concurrent.futures
import fnmatch
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib

HERE = pathlib.Path(__file__).resolve()
TARGET = "sim:sm_90a"
# Tokens: several tiles of rows, five pages, and two splits for the decoded ones. Such questions as the model was trained on: on others its
# choice of experts hangs on little.
PROMPT, DECODED = 280, 20
TEXT = " ".join(f"What is {17 + i} plus {i * 3 % 90}?" for i in range(60))
# The CPU says all of it by decode: for many rows it rounds scaled e4m3 weights to bf16, which the GPU does not. A position is off if a
# logit is, by so much of the largest; an expert chosen otherwise on the last bit may put a few there.
TOLERANCE, MAY_BE_OFF = 0.01, 0.03
KINDS = ("barrier", "wait", "guard", "index", "mask", "rounding")


def compile(arguments):
    """As the C++ compiler: kernels that the fault does not name come from an earlier run, others are changed first."""
    real, kept, row = os.environ["R1C_MUTATION_CXX"], pathlib.Path(os.environ["R1C_MUTATION_KEPT"]), os.environ["R1C_MUTATION_FAULT"]
    if arguments == ["--version"]:
        return subprocess.run([real, "--version"]).returncode
    source, image = pathlib.Path(arguments[-1]), pathlib.Path(arguments[arguments.index("-o") + 1])
    fault = json.loads(row)
    if not fault or not fnmatch.fnmatchcase(source.stem, fault["kernel"]):
        known = kept / image.name
        if not known.is_file():
            code = subprocess.run([real, *arguments]).returncode
            if code == 0:
                shutil.copy(image, known)
            return code
        shutil.copy(known, image)
        return 0
    text = source.read_text()
    if text.count(fault["find"]) != 1:
        print(f"error: {source.stem}: the text to replace occurs {text.count(fault['find'])} times, and must once")
        return 1
    source.write_text(text.replace(fault["find"], fault["replace"]))
    pathlib.Path(os.environ["R1C_MUTATION_CHANGED"]).touch()
    return subprocess.run([real, *arguments]).returncode


class Failed(Exception):
    pass


def call(*command, input=None, **environment):
    done = subprocess.run(command, input=input, capture_output=True, env={**os.environ, **environment}, timeout=300)
    if done.returncode:
        raise Failed(done.stderr.decode(errors="replace").strip().splitlines()[-1] if done.stderr else f"exit code {done.returncode}")
    return done.stdout


def read_logits(path):
    with open(path, "rb") as file:
        file.seek(8)
        size = int.from_bytes(file.read(2), "little")
        header = ast.literal_eval(file.read(size).decode())
        if header["descr"] != "<f4":
            raise SystemExit(f"error: {path} holds {header['descr']}, not floats")
        return array.array("f", file.read())


class Model:
    def __init__(self, r1c, r1run, model, work):
        self.r1c, self.r1run, self.model, self.work = r1c, r1run, model, pathlib.Path(work)
        self.kept = self.work / "kept"
        self.kept.mkdir()
        self.wrapper = self.work / "c++"  # r1c runs one program: this file, with the Python that runs it now
        self.wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" -B "{HERE}" "$@"\n')
        self.wrapper.chmod(0o755)
        asked = os.environ.get("R1C_HOST_CXX")
        self.compiler = next(filter(None, map(shutil.which, [asked] if asked else ["clang++-22", "clang++", "g++", "c++"])))

    def compiled(self, name, targets, fault=None):
        """The artifact. The fault must have changed a kernel."""
        artifact, changed = self.work / f"{name}.r1a", self.work / f"{name}.changed"
        call(self.r1c, "compile", self.model, "--target", targets, "--kernel-cache", "", "-o", artifact, R1C_HOST_CXX=str(self.wrapper),
             R1C_MUTATION_CXX=self.compiler, R1C_MUTATION_KEPT=str(self.kept), R1C_MUTATION_CHANGED=str(changed),
             R1C_MUTATION_FAULT=json.dumps(fault))
        if fault and not changed.exists():
            raise Failed(f"there is no kernel {fault['kernel']}")
        return artifact

    def tokenize(self, artifact):
        ids = json.loads(call(self.r1run, "tokenize", artifact, input=json.dumps({"text": TEXT}).encode()))["ids"]
        self.tokens = self.work / "tokens.json"
        self.tokens.write_text(json.dumps(ids[:PROMPT + DECODED]))

    def logits(self, artifact, target, decode_from=PROMPT):
        path = artifact.with_suffix(".npy")
        call(self.r1run, "logits", artifact, "--target", target, "--tokens", self.tokens, "--decode-from", str(decode_from), "--out", path)
        return read_logits(path)


def off(got, want):
    """What is wrong with logits `got`, or ""."""
    vocabulary, largest = len(want) // (PROMPT + DECODED), max(map(abs, want))
    wrong = []
    for position in range(PROMPT + DECODED):
        part = slice(position * vocabulary, (position + 1) * vocabulary)
        wrong.append(not all(abs(g - w) <= TOLERANCE * largest for g, w in zip(got[part], want[part])))  # NaN is wrong
    prompt, decoded = sum(wrong[:PROMPT]) / PROMPT, sum(wrong[PROMPT:]) / DECODED
    return f"off at {prompt:.0%} of the prompt, {decoded:.0%} of what is decoded" if max(prompt, decoded) > MAY_BE_OFF else ""


def read_table(patterns):
    rows = tomllib.loads((HERE.parent / "generated.toml").read_text())["fault"]
    for row in rows:
        if set(row) != {"name", "kind", "kernel", "find", "replace"} or row["kind"] not in KINDS:
            raise SystemExit(f"error: generated.toml: {row.get('name', '?')}: wrong fields or kind")
    return [row for row in rows if not patterns or any(fnmatch.fnmatchcase(row["name"], p) for p in patterns)]


def try_fault(one, row, want):
    """True if it was caught."""
    start = time.monotonic()
    try:
        artifact = one.compiled(row["name"], TARGET, row)
    except Failed as error:
        print(f"{'BROKEN':8}{row['kind']:10}{row['name']:36} {error}", flush=True)
        return False
    try:
        how = off(one.logits(artifact, TARGET), want)
    except (Failed, subprocess.TimeoutExpired) as error:
        how = str(error)
    artifact.unlink()
    print(f"{'caught' if how else 'MISSED':8}{row['kind']:10}{row['name']:36} {time.monotonic() - start:.1f} s  {how[:120]}", flush=True)
    return bool(how)


def main(r1c, r1run, model, *patterns):
    rows = read_table(patterns)
    with tempfile.TemporaryDirectory(prefix="r1c-mutation-") as work:
        one = Model(r1c, r1run, model, work)
        artifact = one.compiled("control", f"cpu:native,{TARGET}")
        one.tokenize(artifact)
        want = one.logits(artifact, "cpu:native", decode_from=1)
        wrong = off(one.logits(artifact, TARGET), want)
        print(f"{'FAIL' if wrong else 'pass':8}control   {wrong}".rstrip(), flush=True)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            caught = sum(pool.map(lambda row: try_fault(one, row, want), rows))
        print(f"{caught} caught, {len(rows) - caught} missed")
        return 1 if wrong or caught < len(rows) else 0


if __name__ == "__main__":
    if "R1C_MUTATION_FAULT" in os.environ:
        sys.exit(compile(sys.argv[1:]))
    if len(sys.argv) < 4:
        sys.exit("usage: generated.py R1C R1RUN MODEL [PATTERN...]")
    sys.exit(main(*sys.argv[1:]))
