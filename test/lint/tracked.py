"""What must not be committed: big files, paths of one machine, unfinished work."""

import re

BIG = 2 << 20
EXAMPLES = ("examples/tiny_r1/", 8 << 20)  # a folder that may be bigger, in all
TEXT = (".cpp", ".h", ".cuh", ".cu", ".td", ".py", ".sh", ".md", ".txt", ".cmake", ".json", ".fbs", ".mlir", ".test", ".in", ".yml")
MACHINE = re.compile(r"(?<![\w.}$/])/(?:work|farm|root|home|Users)/[\w.]")
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")


def check(tree):
    problems = []
    total = sum(tree.size(p) for p in tree.files if p.startswith(EXAMPLES[0]))
    if total > EXAMPLES[1]:
        problems.append(f"{EXAMPLES[0]}: {total} bytes; at most {EXAMPLES[1]}")
    for path in tree.files:
        if not path.startswith(EXAMPLES[0]) and tree.size(path) > BIG:
            problems.append(f"{path}: {tree.size(path)} bytes; at most {BIG}")
        if not path.endswith(TEXT) or tree.size(path) > BIG:
            continue
        code = not path.endswith((".json", ".txt"))
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if MACHINE.search(line):
                problems.append(f"{path}:{number}: names a path of one machine")
            if code and UNFINISHED.search(line):
                problems.append(f"{path}:{number}: unfinished work; finish it, or write down what is missing in the README")
    return problems


CLEAN = {"runtime/base/a.cpp": "// see test/data and ${ROOT}/home/x\n", "examples/tiny_r1/model.safetensors": "x" * (BIG + 1)}
SEEDS = [
    ("a big file", {"test/data/x.bin": "x" * (BIG + 1)}, "at most"),
    ("a big example", {"examples/tiny_r1/model.safetensors": "x" * (EXAMPLES[1] + 1)}, "examples/tiny_r1/"),
    ("a machine's path", {"tools/a.sh": "cd /ro" "ot/x\n"}, "one machine"),
    ("unfinished work", {"runtime/base/b.cpp": "// TO" "DO: later\n"}, "unfinished"),
]
