"""rewrites.py ADDNORM ORACLE [--count N] [--seed S]: does verify prove what keeps every bit?

Takes the training graphs of edits.py and rewrites them by laws that keep every bit: each of them
alone, then up to forty in a row, drawn at random. Then, without flags,

    addnorm verify a.an b.an

must exit with 0 and say "proved". The last line is "N rewrites, M not proved"."""
import argparse
import collections
import concurrent.futures
import os
import random
import subprocess
import sys
import tempfile

import text


class Rewriter:
    """A graph as a list of nodes that refer to each other, so that numbers can be given last."""

    def __init__(self, lines, rng):
        g = text.Graph(lines)
        self.rng, self.head = rng, [l for l in lines if not l.startswith(("%", "output", "update", "pending"))]
        self.nodes = list(g.nodes.values())
        for n in self.nodes:
            values = iter(n.reads())
            n.inputs = [None if o == "_" else (g.nodes[v[0]], v[1])
                        for o, v in ((o, o != "_" and next(values)) for o in n.operands)]
            n.tail = n.tail.split(" ordinal ")[0].split(" from ")[0]
        self.roots = [["output", name, None, (g.nodes[v[0]], v[1])] for _, name, v in g.outputs]
        self.roots += [["update", t, g.nodes[s], (g.nodes[v[0]], v[1])]
                       for _, t, s, v in g.updates]
        self.pending = [(g.nodes[s], (g.nodes[v[0]], v[1]), (g.nodes[w[0]], w[1]))
                        for s, v, w in g.pending]
        self.gap = 1

    # ---- writing ------------------------------------------------------------

    def lines(self):
        number = {}
        for n in self.nodes:
            number[id(n)] = (max(number.values()) if number else 0) + self.rng.randint(1, self.gap)

        def of(value):
            return f"%{number[id(value[0])]}" + (f".{value[1]}" if value[1] else "")

        out = list(self.head)
        for n in self.nodes:
            n.number = number[id(n)]
            out.append(n.written(operands=["_" if v is None else of(v) for v in n.inputs]))
        for kind, name, state, value in self.roots:
            out.append(f'output "{name}" {of(value)}' if kind == "output" else
                       f'update "{name}" {of((state, 0))} <- {of(value)}')
        out += [f"pending {of((s, 0))} <- {of(v)} when {of(w)}" for s, v, w in self.pending]
        return out

    # ---- pieces -------------------------------------------------------------

    def make(self, op, inputs, types, attrs=None, before=None, after=None):
        n = text.Node(f"%1: {', '.join(types)} = {op}", 0)
        n.inputs, n.attrs, n.tail = inputs, attrs or {}, ""
        n.operands = ["?"] * len(inputs)
        at = self.nodes.index(before) if before else self.nodes.index(after) + 1
        self.nodes.insert(at, n)
        return n

    def edges(self, good=lambda n, i, kind: True):
        """(reader, operand) of float values that satisfy `good`."""
        return [(n, i) for n in self.nodes for i, v in enumerate(n.inputs)
                if v and v[0].types[v[1]].startswith("f32") and good(n, i, v[0].types[v[1]])]

    def between(self, chain, good=lambda n, i, kind: True):
        """Puts a chain of nodes on an edge; `chain` makes it from the value and its type."""
        n, i = self.rng.choice(self.edges(good))
        value = n.inputs[i]
        n.inputs[i] = chain(value, value[0].types[value[1]], n)

    def find(self, good):
        found = [n for n in self.nodes if good(n)]
        return self.rng.choice(found) if found else None


def dims_of(kind):
    return text.split(kind[kind.index("[") + 1:-1])


def wide(n, i, kind):
    return kind.count("[") == 1 and len(dims_of(kind)) >= 1


# ---- the rewrites, one function each ----------------------------------------


def order(r):
    """The nodes in another order that still defines before it uses."""
    left, done, out = list(r.nodes), set(), []
    while left:
        ready = [n for n in left if all(v is None or id(v[0]) in done for v in n.inputs)]
        n = r.rng.choice(ready[:8])
        left.remove(n)
        done.add(id(n))
        out.append(n)
    r.nodes = out


def numbering(r):
    r.gap = r.rng.randint(2, 9)


def scopes(r):
    """Names of inner values; streams and names of states are not theirs."""
    for n in r.nodes:
        if n.op not in ("input", "state"):
            n.tail = "" if r.rng.random() < 0.5 else f' in "elsewhere/{r.rng.randint(0, 9)}"'


def commute(r):
    n = r.find(lambda n: n.op in ("add", "mul", "residual_add"))
    n.inputs.reverse()


def copy(r):
    """A second node for a value: what cse takes away."""
    n = r.find(lambda n: n.op not in ("input", "state"))
    twin = r.make(n.op, list(n.inputs), n.types, dict(n.attrs), after=n)
    for m in r.nodes:
        m.inputs = [(twin, v[1]) if v and v[0] is n and r.rng.random() < 0.5 and m is not twin
                    else v for v in m.inputs]


def merge(r):
    """What cse does: of two equal nodes all read one."""
    seen = {}
    for n in r.nodes:
        key = (n.op, tuple(sorted(n.attrs.items())), tuple((id(v[0]), v[1]) if v else None
                                                           for v in n.inputs), tuple(n.types))
        first = seen.setdefault(key, n) if n.op not in ("input", "state") else n
        if first is not n:
            for m in r.nodes:
                m.inputs = [(first, v[1]) if v and v[0] is n else v for v in m.inputs]
            for root in r.roots:
                if root[3][0] is n:
                    root[3] = (first, root[3][1])


def dead(r):
    n, i = r.rng.choice(r.edges())
    value = n.inputs[i]
    kind = value[0].types[value[1]]
    last = r.make(r.rng.choice(["tanh", "exp", "sin"]), [value], [kind], before=n)
    r.make("add", [(last, 0), value], [kind], before=n)


def undead(r):
    """Drops what nothing reads, as dce does."""
    used = {id(v[0]) for n in r.nodes for v in n.inputs if v} | {id(x[3][0]) for x in r.roots}
    r.nodes = [n for n in r.nodes if id(n) in used or n.op in ("input", "state")]


def one(r, before):
    return r.make("constant", [], ["f32[]"], {"data": "[1]"}, before=before)


def times_one(r):
    r.between(lambda v, kind, n: (r.make("mul", [v, (one(r, n), 0)], [kind], before=n), 0), wide)


def over_one(r):
    r.between(lambda v, kind, n: (r.make("div", [v, (one(r, n), 0)], [kind], before=n), 0), wide)


def chain(r, *ops):
    """Ops one after the other: (op, attributes, type) with what a kind of operand needs."""

    def build(v, kind, n):
        for op in ops:
            name, attrs, result = op(kind) if callable(op) else (op, {}, kind)
            v = (r.make(name, [v], [result], attrs, before=n), 0)
        return v

    r.between(build, wide)


def negated_twice(r):
    chain(r, "neg", "neg")


def stopped(r):
    chain(r, "stop_gradient")


def same_form(r):
    op = r.rng.choice(["reshape", "broadcast"])
    chain(r, lambda kind: (op, {}, kind))


def reshaped_twice(r):
    def build(v, kind, n):
        longer = r.make("reshape", [v], [kind.replace("[", "[1,")], before=n)
        return r.make("reshape", [(longer, 0)], [kind], before=n), 0

    r.between(build, wide)


def unmoved(r):
    chain(r, lambda kind: ("transpose", {"axes": str(list(range(len(dims_of(kind)))))
                                         .replace(" ", "")}, kind))


def transposed_twice(r):
    def turn(kind):
        dims = dims_of(kind)
        axes = list(range(len(dims)))[::-1]
        return "[" + ",".join(dims[a] for a in axes) + "]", str(axes).replace(" ", "")

    def build(v, kind, n):
        turned, axes = turn(kind)
        first = r.make("transpose", [v], ["f32" + turned], {"axes": axes}, before=n)
        return r.make("transpose", [(first, 0)], [kind], {"axes": axes}, before=n), 0

    r.between(build, wide)


def whole_slice(r):
    chain(r, lambda kind: ("slice", {"stop": dims_of(kind)[0], "step": "1"}, kind))


def empty_pad(r):
    chain(r, lambda kind: ("pad", {}, kind))


def lone_concat(r):
    chain(r, "concat")


def folded(r):
    """A literal as the difference of it and 0."""
    n = r.find(lambda n: n.op == "constant" and n.types == ["f32[]"] and "data" in n.attrs)
    zero = r.make("constant", [], ["f32[]"], {"data": "[0]"}, before=n)
    value = r.make("constant", [], ["f32[]"], dict(n.attrs), before=n)
    n.op, n.attrs, n.operands = "sub", {}, ["?", "?"]
    n.inputs = [(value, 0), (zero, 0)]


def respelled(r):
    """Axes from the back."""
    n = r.find(lambda n: n.op in ("sum", "mean", "softmax", "concat", "layer_norm") and n.inputs)
    if "axis" in n.attrs:
        rank = len(dims_of(n.inputs[0][0].types[n.inputs[0][1]]))
        axis = int(n.attrs["axis"])
        n.attrs["axis"] = str(axis - rank if axis >= 0 else axis + rank)
    elif "axes" in n.attrs:
        rank = len(dims_of(n.inputs[0][0].types[n.inputs[0][1]]))
        axes = [int(a) - rank if int(a) >= 0 else int(a) for a in text.split(n.attrs["axes"][1:-1])]
        n.attrs["axes"] = str(axes[::-1]).replace(" ", "")


def plain_add(r):
    """residual_add is an addition, and the other way round where types are one."""
    n = r.find(lambda n: n.op in ("add", "residual_add") and n.types[0].startswith("f32") and
               all(v[0].types[v[1]] == n.types[0] for v in n.inputs))
    n.op = "add" if n.op == "residual_add" else "residual_add"


def accumulated(r):
    """accumulate as additions from the left."""
    n = r.find(lambda n: n.op == "accumulate" and len(n.inputs) > 1)
    if n is None:
        return
    total = n.inputs[0]
    for v in n.inputs[1:-1]:
        total = (r.make("add", [total, v], n.types, before=n), 0)
    n.op, n.attrs, n.inputs, n.operands = "add", {}, [total, n.inputs[-1]], ["?", "?"]


def fused(r):
    """A norm and the sum that it reads as one op."""
    n = r.find(lambda n: n.op in ("layer_norm", "rms_norm") and n.inputs[0][0].op in ("add", "residual_add") and
               all(v[0].types[v[1]] == n.inputs[0][0].types[0] for v in n.inputs[0][0].inputs))
    if n is None:
        return
    sum_of = n.inputs[0]
    kind = n.types[0]
    whole = r.make({"layer_norm": "add_norm", "rms_norm": "add_rms_norm"}[n.op],
                   list(sum_of[0].inputs) + n.inputs[1:], [kind, kind] + n.types[1:],
                   dict(n.attrs), before=n)
    for m in r.nodes:
        m.inputs = [(whole, v[1] + (v[1] > 0)) if v and v[0] is n else v for v in m.inputs]
    for root in r.roots:
        if root[3][0] is n:
            root[3] = (whole, root[3][1] + (root[3][1] > 0))


REWRITES = [order, numbering, scopes, commute, copy, merge, dead, undead, times_one, over_one,
            negated_twice, stopped, same_form, reshaped_twice, unmoved, transposed_twice,
            whole_slice, empty_pad, lone_concat, folded, respelled, plain_add, accumulated, fused]


# ---- trying ------------------------------------------------------------------


def attempt(addnorm, a, seed, count, first):
    """Rewrites `a` count times, first by `first`; None if proved, else what was said."""
    r = Rewriter(a, random.Random(seed))
    done = []
    for k in range(count):
        rewrite = first if k == 0 else r.rng.choice(REWRITES)
        rewrite(r)
        done.append(rewrite.__name__)
    with tempfile.TemporaryDirectory() as folder:
        for name, lines in ("a.an", a), ("b.an", r.lines()):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write("\n".join(lines) + "\n")
        p = subprocess.run([addnorm, "verify", "a.an", "b.an"], cwd=folder, text=True,
                           capture_output=True, timeout=300)
    said = (p.stdout or p.stderr).split("\n")[0]
    if p.returncode == 0 and said.startswith("proved: "):
        return None
    return f"seed {seed}: {' '.join(done)}: exit {p.returncode}: {said}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("addnorm", type=os.path.abspath)
    parser.add_argument("oracle", type=os.path.abspath)
    parser.add_argument("--count", type=int, default=int(os.environ.get("AN_REWRITES", "40")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("AN_SEED", "1")))
    args = parser.parse_args()
    graphs = []
    for name in "classifier", "gpt", "translator", "rms":
        p = subprocess.run([args.oracle, "graph", name], capture_output=True, text=True, check=True)
        graphs.append(p.stdout.rstrip("\n").split("\n"))
    rng, tries, stacked = random.Random(args.seed), [], collections.Counter()
    for i in range(args.count):
        count = 1 if i < 3 * len(REWRITES) else rng.randint(2, 40)
        stacked["alone" if count == 1 else "stacked"] += 1
        tries.append((graphs[i % 3], args.seed * 100000 + i, count,
                      REWRITES[i // 3 % len(REWRITES)]))
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for said in pool.map(lambda t: attempt(args.addnorm, *t), tries):
            failures += said is not None
            if said is not None:
                print(said)
    print(f"{stacked['alone']} alone, {stacked['stacked']} stacked")
    print(f"{args.count} rewrites, {failures} not proved")
    sys.exit(failures > 0)


main()
