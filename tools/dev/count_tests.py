#!/usr/bin/env python3
"""count_tests.py REPORT.xml...: adds up what ctest wrote (--output-junit), case by case where a test says how many it held.
The last line is `N passed, N failed, N skipped`; exit code 1 if any failed or none ran."""

import re
import sys
import xml.etree.ElementTree as xml
from collections import Counter


def number(pattern, text):
    found = re.findall(pattern, text, re.M)
    return sum(int(n) for n in found)


def count(case):
    """(passed, failed, skipped reasons) of one ctest entry."""
    text = case.findtext("system-out") or ""
    status = case.get("status")
    if status in ("notrun", "disabled") or case.find("skipped") is not None:
        reason = re.search(r"^skipped: (.*)", text, re.M)
        return 0, 0, [reason.group(1) if reason else "did not run"]
    failed = status != "run"
    if "[==========]" in text:  # GoogleTest
        passed, bad = number(r"^\[  PASSED  \] (\d+) test", text), number(r"^\[  FAILED  \] (\d+) test", text)
        reasons = re.findall(r": Skipped\n(.*)", text)
    elif "Total Discovered Tests" in text:  # lit
        passed, bad = number(r"^ *(?:Passed|Expectedly Failed) *: *(\d+)", text), number(r"^ *(?:Failed|Unresolved|Timed Out|Unexpectedly Passed) *: *(\d+)", text)
        reasons = ["a lit test REQUIRES what this machine lacks"] * number(r"^ *(?:Unsupported|Skipped) *: *(\d+)", text)
    else:
        passed, bad, reasons = int(not failed), 0, []
    return passed, max(bad, 1) if failed else bad, reasons


def main(paths):
    passed = failed = 0
    reasons, broken = Counter(), []
    for path in paths:
        for case in xml.parse(path).getroot().iter("testcase"):
            good, bad, skipped = count(case)
            passed, failed = passed + good, failed + bad
            reasons.update(skipped)
            if bad:
                broken.append(case.get("name"))
    for reason, times in reasons.most_common():
        print(f"skipped {times}: {reason}")
    for name in broken:
        print(f"failed: {name}")
    print(f"{passed} passed, {failed} failed, {sum(reasons.values())} skipped")
    return 1 if failed or not passed else 0


sys.exit(main(sys.argv[1:]))
