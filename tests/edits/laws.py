"""laws.py: by which theorems two edited graphs are the same, written apart from the prover.

Every value gets a number; values with equal numbers are equal for every feed. The laws, all of
them:

 1. What no output or update depends on does not matter.
 2. x + y = y + x and x * y = y * x, in every bit; x = y and x != y likewise, and, or, xor.
 3. residual_add(x, y) = x + y.
 4. accumulate(x, y, z) = (x + y) + z; its attribute `order` is only bookkeeping.
 5. stop_gradient(x) = x.
 6. Axes that count from the end are the axes that they name.
 7. Equal ops on equal operands with equal attributes are equal.
 8. reshape, broadcast and cast to the type that x has give x.
"""
from text import split


def rank(kind):
    inside = kind[kind.index("[") + 1:-1]
    return len(split(inside)) if inside else 0


class Values:
    """Numbers for values, shared by the graphs that are compared."""

    def __init__(self):
        self.known = {}

    def number(self, *what):
        return self.known.setdefault(what, len(self.known))

    def add(self, x, y, kind):
        return self.number("add", (), tuple(sorted((x, y))), kind, 0)

    def attributes(self, g, n):
        attrs = {k: v for k, v in n.attrs.items() if k != "order"}
        if n.operands and "axis" in attrs and int(attrs["axis"]) < 0:
            of = next(n.reads()) if n.op in ("argmax", "gather") else (n.number, 0)
            attrs["axis"] = str(int(attrs["axis"]) + rank(g.type_of(of)))
        if n.operands and "axes" in attrs:
            of = rank(g.type_of(next(n.reads())))
            axes = [int(a) % of for a in split(attrs["axes"][1:-1])] if of else []
            attrs["axes"] = str(axes if n.op == "transpose" else sorted(axes))
        return tuple(sorted(attrs.items()))

    def of_graph(self, g):
        """Per needed value its number; nodes stand in the order of their numbers."""
        of, needed = {}, g.needed()
        for i, n in g.nodes.items():
            if i not in needed:
                continue
            operands = [None if o == "_" else of[v] for o, v in zip(n.operands, reads(n))]
            for k, kind in enumerate(n.types):
                of[i, k] = self.of_result(g, n, k, kind, operands)
        return of

    def of_result(self, g, n, k, kind, operands):
        if not n.operands and n.name is not None:
            return self.number("leaf", n.op, n.name, kind)
        first = g.type_of(next(n.reads())) if n.operands else None
        if n.op == "stop_gradient" or (n.op in ("reshape", "broadcast", "cast") and first == kind):
            return operands[0]
        if n.op in ("add", "residual_add"):
            return self.add(*operands, kind)
        if n.op == "accumulate":
            total = operands[0]
            for x in operands[1:]:
                total = self.add(total, x, kind)
            return total
        if n.op in ("mul", "logical_and", "logical_or", "logical_xor") or (
                n.op == "compare" and n.attrs.get("test", "eq") in ("eq", "ne")):
            operands = sorted(operands)
        return self.number(n.op, self.attributes(g, n), tuple(operands), kind, k)


def reads(n):
    values = iter(n.reads())
    return [None if o == "_" else next(values) for o in n.operands]


def roots(values, g):
    """What the graph computes: outputs and updates by name, and how needed states start."""
    of, needed = values.of_graph(g), g.needed()
    found = {("output", name): of[v] for _, name, v in g.outputs}
    for _, table, state, v in g.updates:
        found["update", table, g.nodes[state].name] = of[v]
    for i in needed:
        n = g.nodes[i]
        if n.op == "state":
            found["starts", n.name] = (n.attrs.get("init"), n.attrs.get("frozen"))
    return found


def interface(g):
    """Outputs and updates by name, with types."""
    outputs = {("output", name): g.type_of(v) for _, name, v in g.outputs}
    updates = {("update", t, g.nodes[s].name): g.nodes[s].types[0] for _, t, s, _ in g.updates}
    return outputs | updates


def leaves(g):
    return {n.name: (n.op, n.types[0]) for n in g.nodes.values() if n.op in ("input", "state")}


def sort(a, b):
    """refused, same or changed. A leaf that only the first graph has is not missed."""
    first = leaves(a)
    if interface(a) != interface(b) or any(first.get(k) != v for k, v in leaves(b).items()):
        return "refused"
    values = Values()
    return "same" if roots(values, a) == roots(values, b) else "changed"
