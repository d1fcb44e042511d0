"""each_fusion.py FOLDER: plans the checkpoint with each fusion alone and with all but each; exit code 1 and a line where that fails."""

import subprocess
import sys


def plan(folder, choice):
    return subprocess.run(["r1c", "compile", folder, "--stop-after=plan", "--fusions=" + choice], capture_output=True, text=True)


listed = subprocess.run(["r1c", "fusions"], capture_output=True, text=True, check=True).stdout
names = [line.split()[0] for line in listed.splitlines()]
choices = ["-all,+" + name for name in names] + ["-" + name for name in names]
bad = 0
for choice in choices:
    result = plan(sys.argv[1], choice)
    if result.returncode or "plan.entry @decode" not in result.stdout:
        print(f"--fusions={choice}: exit code {result.returncode}: {result.stderr.strip()}")
        bad = 1
print(f"{len(choices)} choices of fusions tried")
sys.exit(bad)
