"""r1run stays small and needs nothing: its stripped size and the libraries it asks for. Usage: lean.py R1RUN STRIP READELF"""

import os
import re
import subprocess
import sys
import tempfile

LIMIT = 2_000_000
ALLOWED = {"libc.so.6", "libstdc++.so.6", "libm.so.6"}

program, strip, readelf = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    stripped = os.path.join(folder, "r1run")
    subprocess.run([strip, "-o", stripped, program], check=True)
    size = os.path.getsize(stripped)
    listing = subprocess.run([readelf, "-d", stripped], check=True, capture_output=True, text=True).stdout
needed = set(re.findall(r"\(NEEDED\).*\[(.*?)\]", listing))
problems = []
if size > LIMIT:
    problems.append(f"r1run has {size} bytes stripped; at most {LIMIT}")
if not needed or needed - ALLOWED:
    problems.append(f"r1run needs {sorted(needed)}; allowed are {sorted(ALLOWED)}")
print("\n".join(problems) or f"{size} bytes, needs {', '.join(sorted(needed))}")
sys.exit(bool(problems))
