"""A test's path follows from its source's path, and every source has a test or an excuse.

  kernels/common/numeric.h     -> test/unit/kernels/common/numeric_test.cpp
  compiler/plan/Lifetimes.cpp  -> test/unit/compiler/plan/Lifetimes_test.cpp, or, for a pass, test/lit/compiler/plan/lifetimes.mlir
  dialects/R1/*                -> test/lit/dialects/R1/*.mlir

A source that only its neighbours use may be tested through them: then a test in that same folder names it.
"""

import re

from tree import allowed

SOURCES = ("compiler", "dialects", "kernels", "runtime")


def plain(name):
    """FuseResidualNorm, fuse-residual-norm and fuse_residual_norm are one name."""
    return re.sub(r"[-_]", "", name).lower()


def split(path):
    folder, _, name = path.rpartition("/")
    return folder, name.split(".")[0]


def check(tree):
    problems = {}
    sources = {}
    for path in tree.below(*SOURCES, suffix=(".h", ".cpp", ".cuh", ".td")):
        folder, stem = split(path)
        sources.setdefault((folder, plain(stem)), path)
    folders = {folder for folder, _ in sources}

    tested, words = set(), {}  # words: folder -> what its tests say
    for path in tree.below("test/unit", suffix=(".cpp", ".h")):
        folder, stem = split(path[len("test/unit/"):])
        words[folder] = words.get(folder, "") + plain(tree.text(path))
        if not stem.endswith("_test"):
            continue  # a helper that tests share
        key = (folder, plain(stem[: -len("_test")]))
        tested.add(key)
        if folder.startswith(SOURCES) and key not in sources:
            problems[path] = f"{path}: tests no source: there is no {folder}/{stem[:-5]}.h or .cpp; move or rename the test"
    for path in tree.below("test/lit", suffix=(".mlir", ".test")):
        folder, stem = split(path[len("test/lit/"):])
        if not folder.startswith(SOURCES):
            continue
        if folder.startswith("dialects"):
            if folder not in folders:
                problems[path] = f"{path}: there is no {folder}"
            tested.update(key for key in sources if key[0] == folder)
            continue
        words[folder] = words.get(folder, "") + plain(tree.text(path))
        # A pass may have several tests; each begins with its name.
        if not any(key[0] == folder and plain(stem).startswith(key[1]) for key in sources):
            problems[path] = f"{path}: tests no source: no file of {folder} is named like it; move or rename the test"
        tested.update(key for key in sources if key[0] == folder and plain(stem).startswith(key[1]))

    for (folder, name), path in sources.items():
        if path.endswith(".cpp") and (folder, name) not in tested and name not in words.get(folder, ""):
            stem = split(path)[1]
            problems[path] = f"{path}: no test/unit/{folder}/{stem}_test.cpp, and no test in that folder or in test/lit/{folder} names it"
    return allowed(tree, "test_paths", problems)


CLEAN = {
    "kernels/common/numeric.h": "", "test/unit/kernels/common/numeric_test.cpp": '#include "kernels/common/inner.h"',
    "kernels/common/inner.cpp": "", "kernels/common/inner.h": "",
    "compiler/plan/FuseAll.cpp": "", "test/lit/compiler/plan/fuse-all.mlir": "",
    "dialects/R1/R1Ops.cpp": "", "test/lit/dialects/R1/invalid.mlir": "",
}
SEEDS = [
    ("a test in the wrong folder", {"test/unit/kernels/numeric_test.cpp": ""}, "tests no source"),
    ("a test with another name", {"test/lit/compiler/plan/melt-all.mlir": ""}, "tests no source"),
    ("a source without a test", {"runtime/base/os.cpp": ""}, "no test/unit/runtime/base/os_test.cpp"),
    ("a stale excuse", {"test/lint/allow/test_paths.txt": "compiler/plan/FuseAll.cpp  # later\n"}, "no longer needed"),
    ("an excuse without a reason", {"runtime/base/os.cpp": "", "test/lint/allow/test_paths.txt": "runtime/base/os.cpp\n"},
     "gives no reason"),
]
