"""Builds one test source against a tree with at most one file of its own, and runs it."""

import os
import pathlib
import re
import subprocess
import time

import table

# What every test source includes, none of it ours.
COMMON = "".join(f"#include <{name}>\n" for name in (
    "gtest/gtest.h", "algorithm", "cmath", "cstdlib", "cstring", "limits", "memory", "new", "numeric", "random", "sstream", "string", "vector"))


class Broken(Exception):
    """Neither caught nor missed: the fault does not compile, or its file is not what the test includes."""


class Builder:
    def __init__(self, root, build, work, optimize):
        self.root, self.build, self.work = pathlib.Path(root).resolve(), pathlib.Path(build).resolve(), pathlib.Path(work)
        cache = dict(re.findall(r"^(\w+):\w+=(.*)$", (self.build / "CMakeCache.txt").read_text(), re.M))
        self.compiler, self.sanitize = cache["CMAKE_CXX_COMPILER"], cache.get("R1C_SANITIZE", "")
        self.flags = ["-std=c++20", f"-O{optimize}", "-w", "-fno-strict-aliasing", "-ffp-contract=off", "-DR1_SIMT", "-pthread"]
        if self.sanitize:
            self.flags += [f"-fsanitize={self.sanitize}", "-fno-sanitize-recover=undefined", "-g1"]
        self.prelude = self.work / "prelude.h"
        self.prelude.write_text(COMMON)
        self._run([self.compiler, *self.flags, "-x", "c++-header", str(self.prelude), "-o", str(self.prelude) + ".gch"])

    @staticmethod
    def _run(command):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines() or ["no message"]
            raise Broken("does not compile: " + lines[0].strip())

    def libraries(self, test):
        family = pathlib.PurePath(test).parts[3]
        named = {"simt": "libR1SIMT.a", family: f"libr1c-kernels-{family}.a", "registry": "libr1c-kernels-registry.a"}
        paths = [self.build / "kernels" / folder / name for folder, name in named.items()]
        built = [path for path in paths if (self.root / "kernels" / path.parent.name / "CMakeLists.txt").is_file()]  # primitives are headers
        for path in built:
            if not path.is_file():
                raise Broken(f"{path} is not built")
        return list(map(str, built))

    def compile(self, folder, test, defines, patterns, fault=None):
        """The program with the tests of `patterns` in `folder`, which must be empty."""
        folder = pathlib.Path(folder)
        own = folder / "tree"
        files = {test: table.keep_tests((self.root / test).read_text(), patterns)}
        if fault:
            files[fault.file] = table.mutate((self.root / fault.file).read_text(), fault)
        for path, text in files.items():
            (own / path).parent.mkdir(parents=True, exist_ok=True)
            (own / path).write_text(text)
        program, used = folder / "program", folder / "used.d"
        # Sources name headers by their path in the repository, so the tree with the fault goes first.
        self._run([self.compiler, *self.flags, *(f"-D{d}" for d in defines), "-include", str(self.prelude), f"-I{own}",
                   f"-I{self.root}", "-MD", "-MF", str(used), str(own / test), *self.libraries(test), "-lgtest", "-lgtest_main",
                   "-o", str(program)])
        if fault and str(own / fault.file) not in used.read_text():
            raise Broken(f"{test} does not include {fault.file}")
        return program

    def run(self, program, patterns, limit):
        """("", "") if all tests pass, else (how it ended, its first complaint)."""
        environment = {**os.environ, "TSAN_OPTIONS": "halt_on_error=1", "GTEST_THROW_ON_FAILURE": "1"}
        try:
            # A failure is thrown so that the rest, thousands of elements perhaps, is not computed and printed too.
            done = subprocess.run([program, "--gtest_filter=" + ":".join(patterns)], capture_output=True, timeout=limit,
                                  cwd=self.root, env=environment)
        except subprocess.TimeoutExpired:
            return "time", f"not done after {limit} s"
        out, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if done.returncode == 0:
            if not re.search(r"\[  PASSED  \] [1-9]", out):
                raise Broken("no test ran")
            return "", ""
        if "WARNING: ThreadSanitizer" in errors or "ERROR: AddressSanitizer" in errors:
            return "sanitizer", next(line for line in errors.splitlines() if "Sanitizer" in line).strip("= ")
        if done.returncode < 0 and "GoogleTestFailureException" not in errors:
            return f"signal {-done.returncode}", ""
        return "failed", first_complaint(out)


def first_complaint(out):
    """The line that says most: what the emulator reports, else what follows the first 'Failure'."""
    lines = [line.strip() for line in out.splitlines()]
    for line in lines:
        if re.search(r"block \d+.*thread \d+", line):
            return line[:150]
    for at, line in enumerate(lines):
        if "Failure" in line and at + 1 < len(lines):
            return " ".join(lines[at + 1:at + 3])[:150]
    return lines[-1][:150] if lines else ""


def timed(action):
    start = time.monotonic()
    return action(), time.monotonic() - start
