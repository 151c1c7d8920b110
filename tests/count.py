"""count.py LOG...: sums up meson's JSON test logs.

Prints the output of tests that failed and, as its last line, how many checks passed and
failed. A program of Check counts as it says; any other test counts as one."""
import json
import re
import sys

passed = failed = 0
for path in sys.argv[1:]:
    for line in open(path, encoding="utf-8"):
        test = json.loads(line)
        output = test.get("stdout", "")
        good = test["result"] in ("OK", "EXPECTEDFAIL", "SKIP")
        counts = re.findall(r"Checks: (\d+), Failures: (\d+), Errors: (\d+)", output)
        checks = sum(int(c) for c, _, _ in counts)
        bad = sum(int(f) + int(e) for _, f, e in counts)
        if not good:
            print(f"{test['name']}: {test['result']}")
            print(output[-4000:], test.get("stderr", "")[-4000:], sep="")
        if counts and (good or bad):
            passed += checks - bad
            failed += bad
        elif good:
            passed += test["result"] != "SKIP"
        else:  # it crashed, timed out, or is no program of Check
            failed += 1
if passed + failed == 0:
    sys.exit("no test ran")
print(passed, failed)
