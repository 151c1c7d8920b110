"""count.py [--limits] BUILD LOG...: sums up meson's JSON test logs.

Prints the output of tests that failed and, as its last line, how many checks passed, failed and
were skipped. A program of Check counts as it says; any other test counts as one.

A test says what it cannot try in lines "SKIP: what: why"; one that ends with status 77 is skipped
as a whole. These lines are appended to build-tests/skips, and to build-tests/times what each test
took: seconds, seconds of CPU time, build and name. --limits fails tests that take too long."""
import json
import re
import sys

# What a test may take, in seconds. It took too long only if the clock and the CPU time of all its
# processes (tests/timed.sh) both say so: on a busy machine the clock also counts the waiting for a
# CPU, and CPU time counts twice what two threads do at once.
LIMIT = 20
MUTANTS_LIMIT = 40  # of each part of the mutants, however many there are
CPU_TIME = re.compile(r"(?:\d+m[\d.]+s \d+m[\d.]+s\n)?(\d+)m([\d.]+)s (\d+)m([\d.]+)s\s*\Z")

judged = sys.argv[1] == "--limits"
build, *logs = sys.argv[1 + judged:]
passed = failed = 0
times, skips = [], []
for path in logs:
    for line in open(path, encoding="utf-8"):
        test = json.loads(line)
        name = test["name"].split(" / ")[-1]
        output, errors = test.get("stdout", ""), test.get("stderr", "")
        took = CPU_TIME.search(errors)
        parts = [float(t) for t in took.groups()] if took else [0, 0, 0, 0]
        seconds, cpu = test["duration"], 60 * (parts[0] + parts[2]) + parts[1] + parts[3]
        times.append(f"{seconds:.1f} {cpu:.1f} {build} {name}")

        said = dict.fromkeys(re.findall(r"^SKIP: (.+)", output, re.M))  # each once, in order
        if test["result"] == "SKIP" and not said:
            said = ["all of it: without saying why"]
        skips += [f"SKIP: {build} {name}: {what}" for what in said]

        good = test["result"] in ("OK", "EXPECTEDFAIL", "SKIP")
        counts = re.findall(r"Checks: (\d+), Failures: (\d+), Errors: (\d+)", output)
        checks = sum(int(c) for c, _, _ in counts)
        bad = sum(int(f) + int(e) for _, f, e in counts)
        if not good:
            print(f"{name}: {test['result']}")
            print(output[-4000:], errors[: took.start() if took else None][-4000:], sep="")
        if counts and (good or bad):
            passed += checks - bad
            failed += bad
        elif good:
            passed += test["result"] != "SKIP"
        else:  # it crashed, timed out, or is no program of Check
            failed += 1
        limit = MUTANTS_LIMIT if name.startswith("mutants_") else LIMIT
        if judged and min(seconds, cpu) > limit:
            print(f"{name}: {seconds:.1f} s, {cpu:.1f} s of CPU time; it may take {limit} s")
            failed += 1
if not times:
    sys.exit("no test ran")
for file, lines in ("times", times), ("skips", skips):
    with open(f"build-tests/{file}", "a", encoding="utf-8") as f:
        f.writelines(line + "\n" for line in lines)
print(passed, failed, len(skips))
