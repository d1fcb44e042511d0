#!/usr/bin/env python3
"""lint.py NAME --root CHECKOUT [--build FOLDER]: runs one lint; exit code 1 and one line per finding, 77 where it cannot run.
lint.py self-test: seeds a violation of every rule and asks that it is found, so that no lint is blind."""

import argparse
import importlib
import sys

from tree import Tree

LINTS = ("layers", "test_paths", "sizes", "readmes", "constraints", "tracked", "formatting", "symbols")
SKIPPED = 77


def reason_to_skip(lint):
    return lint.skip() if hasattr(lint, "skip") else None


def self_test():
    bad = 0
    for name in LINTS:
        lint = importlib.import_module(name)
        if reason := reason_to_skip(lint):
            print(f"{name}: not tested: {reason}")
            continue
        if lint.CLEAN and (found := lint.check(Tree(lint.CLEAN))):
            print(f"{name}: finds fault with a clean tree: {found}")
            bad += 1
        for what, files, message in lint.SEEDS:
            found = lint.check(Tree({**lint.CLEAN, **files}))
            if not any(message in line for line in found):
                print(f"{name}: did not find: {what} ({found})")
                bad += 1
        if hasattr(lint, "self_test"):
            lint.self_test()
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=LINTS + ("self-test",))
    parser.add_argument("--root", default=".")
    parser.add_argument("--build")
    arguments = parser.parse_args()
    if arguments.name == "self-test":
        return 1 if self_test() else 0
    lint = importlib.import_module(arguments.name)
    if reason := reason_to_skip(lint):
        print(f"skipped: {reason}")
        return SKIPPED
    found = lint.check(Tree(root=arguments.root, build=arguments.build))
    for line in found:
        print(line)
    return 1 if found else 0


sys.exit(main())
