#!/usr/bin/env python3
"""Removes a barrier, loosens a wait, shifts an index: one fault at a time, and asks that the kernels' own tests notice.

  run.py --build BUILD [--all] [PATTERN...]   faults by name, GROUP/NAME, with * and ?; without one those marked `fast`, or, where
                                              BUILD has a sanitizer, those that need it; or --all
  run.py --check                              holds the table against the tree, builds nothing

BUILD is a build folder whose libraries of the kernels are built. Exit code 1 if a fault was missed, a control failed, or the table is stale.
"""

import argparse
import concurrent.futures
import fnmatch
import os
import pathlib
import sys
import tempfile

import program
import table

ROOT = pathlib.Path(__file__).resolve().parents[2]


def chosen(faults, arguments, sanitize):
    if arguments.patterns:
        return [f for f in faults if any(fnmatch.fnmatchcase(f.title, p) for p in arguments.patterns)]
    if sanitize and not arguments.all:
        return [f for f in faults if f.needs and f.needs in sanitize]
    return faults if arguments.all else [f for f in faults if f.fast]


def controls(faults):
    """(title, test, defines, all patterns that faults name): without a fault these tests must pass."""
    programs = {}
    for fault in faults:
        programs.setdefault((fault.test, fault.defines), set()).update(fault.tests)
    return [(" ".join((test.removeprefix("test/unit/"), *defines)), test, defines, tuple(sorted(patterns)))
            for (test, defines), patterns in programs.items()]


class Matrix:
    def __init__(self, builder, work):
        self.builder, self.work = builder, pathlib.Path(work)
        self.bad = []

    def _try(self, title, test, defines, patterns, limit, fault=None):
        folder = self.work / title.replace("/", "-")
        folder.mkdir()
        try:
            built, compile_time = program.timed(lambda: self.builder.compile(folder, test, defines, patterns, fault))
            (how, complaint), run_time = program.timed(lambda: self.builder.run(built, patterns, limit))
        except (program.Broken, table.Stale) as error:
            return "BROKEN", str(error)
        finally:
            for path in folder.glob("program"):
                path.unlink()
        return how, f"{compile_time:.1f}+{run_time:.1f} s  {complaint}".rstrip()

    def control(self, title, test, defines, patterns):
        how, text = self._try(f"control {title}", test, defines, patterns, 600)
        if how:
            self.bad.append(f"control {title}")
        print(f"{'pass' if not how else 'FAIL':8}{'control':10}{title:52} {how} {text}".rstrip(), flush=True)

    def fault(self, fault):
        """True if it was caught."""
        how, text = self._try(fault.title, fault.test, fault.defines, fault.tests, fault.limit, fault)
        verdict = "BROKEN" if how == "BROKEN" else "caught" if how else "MISSED"
        if verdict != "caught":
            self.bad.append(fault.title)
        print(f"{verdict:8}{fault.kind:10}{fault.title:52} {how} {text}", flush=True)
        return verdict == "caught"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patterns", nargs="*")
    parser.add_argument("--build")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--optimize", default="0", help="the level of -O (default 0: most programs run less long than they compile)")
    arguments = parser.parse_args()
    faults = table.load(ROOT)
    if arguments.check:
        table.self_test()
        print(f"{len(faults)} faults, each text found once")
        return 0
    if not arguments.build:
        parser.error("--build is needed")
    with tempfile.TemporaryDirectory(prefix="r1c-mutation-") as work:
        builder = program.Builder(ROOT, arguments.build, work, arguments.optimize)
        rows = chosen(faults, arguments, builder.sanitize)
        skipped = [f for f in rows if f.needs and f.needs not in builder.sanitize]
        for fault in skipped:
            print(f"{'skipped':8}{fault.kind:10}{fault.title:52} needs the {fault.needs} sanitizer")
        rows = [f for f in rows if f not in skipped]
        if not rows:
            print("no fault to try")
            return 0 if skipped else 1
        matrix = Matrix(builder, work)
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            checks = [pool.submit(matrix.control, *control) for control in controls(rows)]
            results = [pool.submit(matrix.fault, fault) for fault in rows]
            caught = sum(result.result() for result in results)
            for check in checks:
                check.result()
    for title in matrix.bad:
        print("not as it should be: " + title)
    print(f"{caught} caught, {len(rows) - caught} missed" + (f", {len(skipped)} skipped" if skipped else ""))
    return 1 if matrix.bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (table.Stale, program.Broken) as error:
        sys.exit(f"error: {error}")
