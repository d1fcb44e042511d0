"""The same inputs and flags give the same bytes, from any place and with any number of jobs.

  same_bytes.py FOLDER
"""
import hashlib
import os
import shutil
import sys

import e2e

root = os.path.abspath(sys.argv[1])
shutil.rmtree(root, ignore_errors=True)
case = e2e.tiny_case(shards=2)
made = {}
for place, where, jobs in (("one", "one", "1"), ("two/deeper", "two", "2")):
    e2e.synthetic.write(case, f"{root}/{place}/model")
    here = os.path.relpath(f"{root}/{place}/model", f"{root}/{where}")
    e2e.must("r1c", "compile", here, "--target", "cpu:x86-64-v3", "-o", f"{jobs}.r1a", "--jobs", jobs,
             cwd=f"{root}/{where}")
    with open(f"{root}/{where}/{jobs}.r1a", "rb") as file:
        data = file.read()
    made[jobs] = hashlib.sha256(data).hexdigest()
    print(jobs, "jobs:", len(data), "bytes", made[jobs])
    e2e.expect(root.encode() not in data, "the artifact names a folder of this machine")
e2e.expect(made["1"] == made["2"], "one job and two, in different places, give different bytes")
