"""edits.py ADDNORM ORACLE [--sample N] [--seed S]: does verify see each single edit?

From three training graphs - the article's classifier, a GPT block and an encoder-decoder, each
with Adam - every edit of the kinds below is made, one at a time. laws.py sorts them beforehand
into refused, same and changed, and the interpreter (oracle.c) looks for a witness on data of its
own: what is the same must have none. Then, without flags,

    addnorm verify a.an b.an

must exit with 3, 0 or 1, and of what is changed its first line must name the place. Prints what
of each kind there was; the last line is "N edits, M exceptions". A sample of them, unless AN_EDITS
or --sample is 0: then all."""
import argparse
import collections
import concurrent.futures
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

import laws
from text import Graph

TESTS = ["eq", "ne", "lt", "le", "gt", "ge"]
INITS = {"zeros": "constant(1)"}
BOOLS = {"matmul": ["transpose_a", "transpose_b"], "lstm": ["reverse"], "lstm_grad": ["reverse"],
         "gru": ["reset_after", "reverse"], "rnn": ["rectified", "reverse"],
         "momentum_step": ["nesterov"], "state": ["frozen"], "sum": ["keep"], "mean": ["keep"]}


def next_f32(text):
    """One step up."""
    bits = struct.unpack("<i", struct.pack("<f", float(text)))[0]
    return "%.9g" % struct.unpack("<f", struct.pack("<i", bits + 1 if bits >= 0 else bits - 1))[0]


def step(name, value):
    """Another value of the attribute, as near as there is one."""
    if name == "test":
        return TESTS[(TESTS.index(value) + 1) % len(TESTS)]
    if name == "form":
        return "exact" if value == "tanh" else "tanh"
    if name == "init":
        numbers = re.search(r"\(([-+\d.e]+)", value)
        if numbers:
            return value.replace(numbers[1], next_f32(numbers[1]), 1)
        return "uniform(-1,1)" if value != "random_key" else "zeros"
    if name in ("data", "order", "axes", "shape", "from"):
        first = re.match(r"\[([-+\d.e]+)", value)
        if not first:
            return None
        one = next_f32(first[1]) if name == "data" else str(int(first[1]) + 1)
        return "[" + one + value[first.end():]
    if re.fullmatch(r"-?\d+", value) and name not in ("eps", "rate", "momentum", "decay", "value"):
        return str(int(value) + 1) if name not in sum(BOOLS.values(), []) else "1-"
    try:
        return next_f32(value)
    except ValueError:
        return None


def with_attributes(n):
    for name, value in n.attrs.items():
        other = step(name, value)
        if other == "1-":  # a flag that is set is taken away
            yield f"{name} off", n.written(attrs={k: v for k, v in n.attrs.items() if k != name})
        elif other is not None:
            yield f"{name} {value} -> {other}", n.written(attrs=n.attrs | {name: other})
    for name in BOOLS.get(n.op, []):
        if name not in n.attrs:
            yield f"{name} on", n.written(attrs=n.attrs | {name: "1"})
    if n.op == "state" and "init" not in n.attrs:
        yield "init zeros -> constant(1)", n.written(attrs=n.attrs | {"init": "constant(1)"})
    if n.op.endswith("_step") and "decay" not in n.attrs:
        yield "decay 0 -> 1e-9", n.written(attrs=n.attrs | {"decay": "1e-09"})


def with_operands(g, n, values):
    """Two operands exchanged; or one replaced by an earlier value of its type."""
    for i in range(len(n.operands)):
        for k in range(i):
            x, y = n.operands[k], n.operands[i]
            if "_" in (x, y) or x == y:
                continue
            if g.type_of(laws.reads(n)[k]) == g.type_of(laws.reads(n)[i]):
                swapped = list(n.operands)
                swapped[k], swapped[i] = y, x
                yield f"operands {k} and {i} exchanged", n.written(operands=swapped)
    for i, value in enumerate(laws.reads(n)):
        if value is None:
            continue
        same = [v for v in values[g.type_of(value)] if v[0] < n.number and v != value]
        for other in {v for v in same[:1] + same[-1:]}:
            operands = list(n.operands)
            operands[i] = f"%{other[0]}" + (f".{other[1]}" if other[1] else "")
            yield f"operand {i} is {operands[i]}", n.written(operands=operands)


def deletions(g, n):
    """Whoever reads result 0 reads an operand of its type; the node itself stays, dead."""
    for o, value in zip(n.operands, laws.reads(n)):
        if value is None or g.type_of(value) != n.types[0]:
            continue
        old = re.compile(rf"%{n.number}(?![\d.:])")
        lines = [old.sub(o, line) if at != n.at else line for at, line in enumerate(g.lines, 1)]
        readers = [at for at, line in enumerate(g.lines, 1) if old.search(line) and at != n.at]
        yield f"%{n.number} deleted, {o} instead", lines, [n.at] + readers


def edits(g):
    """(kind, what, lines, numbers of the lines that the first line may name)."""
    values = collections.defaultdict(list)
    for n in g.nodes.values():
        for k, kind in enumerate(n.types):
            values[kind].append((n.number, k))

    def one(at, line):
        return g.lines[: at - 1] + [line] + g.lines[at:]

    for n in g.nodes.values():
        for what, line in with_attributes(n):
            yield "leaf" if n.op == "state" else "attribute", what, one(n.at, line), [n.at]
        for what, line in with_operands(g, n, values):
            yield "operand", what, one(n.at, line), [n.at]
        for what, lines, at in deletions(g, n):
            yield "deleted", what, lines, at
        if n.op in ("input", "state"):
            yield "renamed", f"leaf {n.name}", one(n.at, n.written(name=n.name + "_")), [n.at]
    for (at, t, s, v), (at2, _, s2, v2) in zip(g.updates, g.updates[1:] + g.updates[:1]):
        if at != at2 and g.nodes[s].types == g.nodes[s2].types:
            x, y = g.lines[at - 1].split(" <- "), g.lines[at2 - 1].split(" <- ")
            lines = one(at, f"{x[0]} <- {y[1]}")
            lines[at2 - 1] = f"{y[0]} <- {x[1]}"
            yield "update", f"{x[1]} and {y[1]} crossed", lines, [at, at2]
    for (at, t, s, v), (_, _, s2, v2) in zip(g.updates, g.updates[3:]):
        if g.nodes[s].types == g.nodes[s2].types and v != v2:
            value = f"%{v2[0]}" + (f".{v2[1]}" if v2[1] else "")
            yield "update", f"by {value}", one(at, f'update "{t}" %{s} <- {value}'), [at]
    for at, name, v in g.outputs:
        yield "output", f"{name} renamed", one(at, g.lines[at - 1].replace(name, name + "_")), [at]
        for other in values[g.type_of(v)][-3:]:
            value = f"%{other[0]}" + (f".{other[1]}" if other[1] else "")
            if other != v:
                yield "output", f"{name} is {value}", one(at, f'output "{name}" {value}'), [at]
    yield from dims(g)


def dims(g):
    names = re.match(r"dims (.*)", g.lines[1])
    names = [d.strip() for d in names[1].split(",")] if names else []
    if len(names) == 1:
        names.append("7")
    swap = {names[0]: names[1], names[1]: names[0]}
    word = re.compile(rf"(?<=[\[,=]){names[0]}(?=[\],*}}])|(?<=[\[,=]){names[1]}(?=[\],*}}])")
    for at, line in enumerate(g.lines, 1):
        other = word.sub(lambda m: swap[m[0]], line)
        if other != line and line.startswith("%"):
            yield "dims", "exchanged in one line", g.lines[: at - 1] + [other] + g.lines[at:], [at]
            if " {" in line:
                head, brace, rest = line.partition(" {")
                in_braces = head + brace + word.sub(lambda m: swap[m[0]], rest)
                if in_braces not in (line, other):
                    yield ("dims", "exchanged in attributes",
                           g.lines[: at - 1] + [in_braces] + g.lines[at:], [at])
    yield ("dims", "exchanged everywhere", g.lines[:2] + [word.sub(lambda m: swap[m[0]], line)
                                                          for line in g.lines[2:]], [1])


class Worker:
    """A folder with a.an, and an oracle that knows it."""

    def __init__(self, addnorm, oracle, a):
        self.folder = tempfile.TemporaryDirectory()
        self.addnorm, self.a = addnorm, Graph(a)
        self.write("a.an", a)
        self.oracle = subprocess.Popen([oracle, os.path.join(self.folder.name, "a.an")], text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def write(self, name, lines):
        with open(os.path.join(self.folder.name, name), "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")

    def ask(self, lines):
        self.write("b.an", lines)
        self.oracle.stdin.write(os.path.join(self.folder.name, "b.an") + "\n")
        self.oracle.stdin.flush()
        return self.oracle.stdout.readline().strip()

    def verify(self):
        p = subprocess.run([self.addnorm, "verify", "a.an", "b.an"], cwd=self.folder.name,
                           capture_output=True, text=True, timeout=300)
        return p.returncode, (p.stdout or p.stderr).split("\n")[0]

    def names_place(self, said, lines, at):
        """By its line in either file or, of a root, which has none, by name."""
        for i in at:
            if re.search(rf"[ab]\.an:{i}\b", said):
                return True
            root = lines[i - 1]
            if root.startswith("output") and root.split('"')[1] in said:
                return True
            if root.startswith("update"):
                state = self.a.nodes[int(re.search(r"%(\d+) <-", root)[1])]
                if f'"{state.name}"' in said or re.search(rf"\.an:{state.at}\b", said):
                    return True
        return False

    def judge(self, edit):
        kind, what, lines, at = edit
        witness = self.ask(lines)
        exit_code, said = self.verify()
        if witness == "no graph":
            return kind, "no graph", exit_code == 3, said
        sorted_as = laws.sort(self.a, Graph(lines))
        good = exit_code == {"refused": 3, "same": 0, "changed": 1}[sorted_as]
        if sorted_as == "changed":
            good = good and self.names_place(said, lines, at)
            sorted_as += " with a witness" if said.startswith("different") else ""
        if sorted_as == "same" and witness.startswith("witness"):
            good, said = False, f"the laws say same, but {witness}; {said}"
        return kind, sorted_as, good, said


def run(args, name):
    text = subprocess.run([args.oracle, "graph", name], capture_output=True, text=True, check=True)
    a = text.stdout.rstrip("\n").split("\n")
    chosen = list(edits(Graph(a)))
    random.Random(args.seed).shuffle(chosen)
    chosen = chosen[: args.sample or len(chosen)]
    workers = [Worker(args.addnorm, args.oracle, a) for _ in range(2)]
    counts, exceptions = collections.Counter(), 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        halves = [pool.submit(lambda w, part: [(e, w.judge(e)) for e in part], w, chosen[i::2])
                  for i, w in enumerate(workers)]
        for e, (kind, sorted_as, good, said) in (x for half in halves for x in half.result()):
            counts[kind, sorted_as] += 1
            if not good:
                exceptions += 1
                print(f"{name}: {kind}: line {e[3][0]}: {e[1]}: {sorted_as}, but: {said}")
    for (kind, sorted_as), count in sorted(counts.items()):
        print(f"{name:11} {kind:10} {sorted_as:24} {count:5}")
    return len(chosen), exceptions


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("addnorm", type=os.path.abspath)
    parser.add_argument("oracle", type=os.path.abspath)
    parser.add_argument("--sample", type=int, default=int(os.environ.get("AN_EDITS", "25")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("AN_SEED", "1")))
    parser.add_argument("--graph", default="")
    args = parser.parse_args()
    names = [args.graph] if args.graph else ["classifier", "gpt", "translator", "rms"]
    totals = [run(args, name) for name in names]
    made, exceptions = (sum(t) for t in zip(*totals))
    print(f"{made} edits, {exceptions} exceptions")
    sys.exit(exceptions > 0)


main()
