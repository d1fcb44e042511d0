"""Each constraint label of a dialect (`mla_attention_c2`) stands in its documentation, its verifier and a negative test."""

import re

LABEL = re.compile(r"\b[a-z][a-z0-9_]*_c[0-9]+\b")


def labels(tree, paths):
    found = {}
    for path in paths:
        for label in LABEL.findall(tree.text(path)):
            found.setdefault(label, path)
    return found


def check(tree):
    documented = labels(tree, tree.below("dialects", suffix=(".td",)))
    verified = labels(tree, tree.below("dialects", suffix=(".cpp", ".h")))
    tested = labels(tree, [p for p in tree.below("test/lit/dialects", suffix=(".mlir",)) if "invalid" in p])
    problems = []
    for label, path in sorted(documented.items()):
        if label not in verified:
            problems.append(f"{path}: {label} is documented, but no .cpp or .h under dialects/ names it")
        if label not in tested:
            problems.append(f"{path}: {label} has no negative test: no 'invalid' file under test/lit/dialects names it")
    for label, path in sorted({**tested, **verified}.items()):
        if label not in documented:
            problems.append(f"{path}: {label} is in no .td file under dialects/")
    return problems


CLEAN = {"dialects/R1/R1Ops.td": "rope_c1: even width", "dialects/R1/R1Ops.cpp": "// rope_c1",
         "test/lit/dialects/R1/invalid.mlir": "// rope_c1"}
SEEDS = [
    ("no negative test", {"test/lit/dialects/R1/invalid.mlir": "", "test/lit/dialects/R1/ops.mlir": "// rope_c1"}, "has no negative test"),
    ("no verifier", {"dialects/R1/R1Ops.cpp": ""}, "is documented, but"),
    ("no documentation", {"dialects/R1/R1Ops.cpp": "// rope_c1 rope_c2"}, "rope_c2 is in no .td"),
]
