"""A test's path follows from what it tests: the same folder below test/unit or test/lit, and a name that means something there.

  kernels/common/numeric.h     -> test/unit/kernels/common/numeric_test.cpp
  compiler/plan/Lifetimes.cpp  -> test/unit/compiler/plan/Lifetimes_test.cpp, or, for a pass, test/lit/compiler/plan/lifetimes.mlir
  kernels/mla/ (all of it)     -> test/unit/kernels/mla/mla_test.cpp
  dialects/R1/, tools/r1c/     -> test/lit/dialects/R1/*.mlir, test/lit/tools/r1c/*.test, by kind of test

A name means a source of the folder (whole words of one begin the other: select-kernels-rows, rope and rope_cpu.h), the folder
itself, or an identifier in the folder's sources (stop-after and stopAfter). What a test proves, its first line says.
"""

import re

from tree import allowed

SOURCES = ("compiler", "dialects", "kernels", "runtime", "tools")
BY_KIND = ("dialects", "tools")  # a test is named after what it does, not after a source
WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z0-9]+")


def words(name):
    """FuseResidualNorm, fuse-residual-norm and fuse_residual_norm are the same words."""
    return [word.lower() for word in WORD.findall(name)]


def begins(one, other):
    """One list of words is the beginning of the other."""
    short = min(len(one), len(other))
    return short > 0 and one[:short] == other[:short]


def contains(whole, part):
    return any(whole[i:i + len(part)] == part for i in range(len(whole) - len(part) + 1))


def split(path):
    folder, _, name = path.rpartition("/")
    return folder, name.split(".")[0]


def tests(tree):
    """(path, folder of the source, name of what is tested)"""
    for path in tree.below("test/unit", suffix=(".cpp", ".py")):
        folder, stem = split(path[len("test/unit/"):])
        if stem.endswith("_test"):  # the rest are helpers that tests share
            yield path, folder, stem[: -len("_test")]
    for path in tree.below("test/lit", suffix=(".mlir", ".test")):
        folder, stem = split(path[len("test/lit/"):])
        if "Inputs" not in folder.split("/") and folder.split("/")[0] != "e2e":  # end to end: the finished tools, no one source
            yield path, folder, stem


def check(tree):
    problems = {}
    sources = {}
    for path in tree.below(*SOURCES, suffix=(".h", ".cpp", ".cuh", ".cu", ".td", ".py")):
        folder, stem = split(path)
        sources.setdefault(folder, []).append((words(stem), path))
    for path, folder, name in tests(tree):
        if folder not in sources:
            problems[path] = f"{path}: there is no {folder} with sources; move the test to the path of what it tests"
            continue
        if folder.startswith(BY_KIND) and path.startswith("test/lit/"):
            continue
        named = words(name)
        if named == words(folder.rpartition("/")[2]) or any(begins(named, stem) for stem, _ in sources[folder]):
            continue
        identifiers = {i for _, source in sources[folder] for i in re.findall(r"[A-Za-z_]\w+", tree.text(source))}
        if not any(contains(words(identifier), named) for identifier in identifiers):
            problems[path] = f"{path}: names nothing: neither a source of {folder} nor anything in them is called '{name}'; rename the test"
    return allowed(tree, "test_paths", problems)


CLEAN = {
    "kernels/common/numeric.h": "", "test/unit/kernels/common/numeric_test.cpp": "", "test/unit/kernels/common/helper.h": "",
    "kernels/mla/decode_cpu.h": "", "test/unit/kernels/mla/decode_test.cpp": "", "test/unit/kernels/mla/mla_test.cpp": "",
    "compiler/plan/FuseAll.cpp": "bool stopAfter;", "test/lit/compiler/plan/fuse-all-heads.mlir": "",
    "test/lit/compiler/plan/stop-after.test": "",
    "dialects/R1/R1Ops.cpp": "", "test/lit/dialects/R1/invalid.mlir": "",
}
SEEDS = [
    ("a test in the wrong folder", {"test/unit/kernels/numeric_test.cpp": ""}, "there is no kernels with sources"),
    ("a lit test of a dialect that is not there", {"test/lit/dialects/R2/invalid.mlir": ""}, "there is no dialects/R2"),
    ("a test whose source is gone", {"test/unit/kernels/common/integer_test.cpp": ""}, "names nothing"),
    ("a test with another name", {"test/lit/compiler/plan/melt-all.mlir": ""}, "names nothing"),
    ("half a word", {"test/unit/kernels/common/num_test.cpp": ""}, "names nothing"),
    ("a stale excuse", {"test/lint/allow/test_paths.txt": "test/unit/kernels/common/numeric_test.cpp  # later\n"}, "no longer needed"),
    ("an excuse without a reason",
     {"test/lit/compiler/plan/melt.mlir": "", "test/lint/allow/test_paths.txt": "test/lit/compiler/plan/melt.mlir\n"}, "gives no reason"),
]
