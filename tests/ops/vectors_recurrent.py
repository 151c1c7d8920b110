"""Values and gradients of gru and rnn, for tests/ops/vectors_recurrent.h.

    python3 tests/ops/vectors_recurrent.py [--numpy] > tests/ops/vectors_recurrent.h

With PyTorch by its own modules over a packed sequence (what it has no module for, a reset gate
before the product, is written out and differentiated by it). With --numpy in double by written-out
formulas, and derivatives by the complex step (Squire & Trapp 1998), which are exact to rounding: the
two must agree to 2e-6, `--compare FILE` says whether they do.

Columns are z, r, h as in Keras; PyTorch's are r, z, n.
"""
import re
import sys

import numpy as np

BATCH, TIME, FEATURES, UNITS = 3, 4, 2, 3
LENGTHS = [4, 2, 1]
CASES = [("gru_after", "gru", True, False), ("gru_after_reverse", "gru", True, True),
         ("gru_before", "gru", False, False), ("gru_before_reverse", "gru", False, True),
         ("rnn_tanh", "rnn", False, False), ("rnn_relu_reverse", "rnn", True, True)]


def ramp(shape, step, by, less):
    """What test_gru.c fills its operands with."""
    i = np.arange(int(np.prod(shape)))
    return ((i * step % by - less) / 10.0).reshape(shape)


def operands(kind):
    columns = (3 if kind == "gru" else 1) * UNITS
    made = {"x": ramp((BATCH, TIME, FEATURES), 37, 21, 10),
            "kernel": ramp((FEATURES, columns), 7, 19, 9),
            "recurrent": ramp((UNITS, columns), 5, 19, 9),
            "bias": ramp((columns,), 11, 19, 9)}
    if kind == "gru":
        made["recurrent_bias"] = ramp((columns,), 13, 19, 9)
    made["h0"] = ramp((BATCH, UNITS), 3, 7, 3)
    return made


DY = np.arange(BATCH * TIME * UNITS).reshape(BATCH, TIME, UNITS) / 100.0
DH = 0.5


def step(kind, flag, x, h, w, tanh, sigmoid, relu):
    """One step, in whatever array type the functions are of."""
    a = x @ w["kernel"] + w["bias"]
    if kind == "rnn":
        s = a + h @ w["recurrent"]
        return relu(s) if flag else tanh(s)
    u, c, n = w["recurrent"], w["recurrent_bias"], UNITS
    z = sigmoid(a[:, :n] + h @ u[:, :n] + c[:n])
    r = sigmoid(a[:, n:2 * n] + h @ u[:, n:2 * n] + c[n:2 * n])
    if flag:
        g = tanh(a[:, 2 * n:] + r * (h @ u[:, 2 * n:] + c[2 * n:]))
    else:
        g = tanh(a[:, 2 * n:] + c[2 * n:] + (r * h) @ u[:, 2 * n:])
    return z * h + (1 - z) * g


def written_out(kind, flag, reverse, w, functions):
    """Rows one by one: lists of y by step, and the last states."""
    y, last = {}, []
    for b, length in enumerate(LENGTHS):
        h = w["h0"][b:b + 1]
        for s in range(length):
            t = length - 1 - s if reverse else s
            h = step(kind, flag, w["x"][b, t:t + 1], h, w, *functions)
            y[b, t] = h[0]
        last.append(h[0])
    return y, last


def by_numpy(kind, flag, reverse):
    functions = (np.tanh, lambda v: 1 / (1 + np.exp(-v)), lambda v: np.where(v.real > 0, v, 0))

    def run(w):
        y, last = written_out(kind, flag, reverse, w, functions)
        loss = sum((y[at] * DY[at]).sum() for at in y) + DH * sum(h.sum() for h in last)
        return loss, y, last

    w = operands(kind)
    _, y, last = run(w)
    out = np.zeros((BATCH, TIME, UNITS))
    for at in y:
        out[at] = y[at]
    result = [out, np.array(last)]
    for name in w:
        grad = np.zeros(w[name].shape)
        for at in np.ndindex(*w[name].shape):
            moved = {k: v.astype(complex) for k, v in w.items()}
            moved[name][at] += 1e-30j
            grad[at] = run(moved)[0].imag / 1e-30
        result.append(grad)
    return result


def by_torch(kind, flag, reverse):
    import torch
    w = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True)
         for k, v in operands(kind).items()}
    dy = torch.tensor(DY)
    if kind == "gru" and not flag:
        y, last = written_out(kind, flag, reverse, w, (torch.tanh, torch.sigmoid, torch.relu))
        out = torch.zeros(BATCH, TIME, UNITS, dtype=torch.float64)
        for at in y:
            out[at] = y[at].detach()
        loss = sum((y[at] * dy[at]).sum() for at in y) + DH * sum(h.sum() for h in last)
        last = torch.stack(last)
    else:
        if kind == "gru":
            module = torch.nn.GRU(FEATURES, UNITS, batch_first=True, bidirectional=True)
        else:
            module = torch.nn.RNN(FEATURES, UNITS, batch_first=True, bidirectional=True,
                                  nonlinearity="relu" if flag else "tanh")
        n, order = UNITS, [1, 0, 2] if kind == "gru" else [0]

        def rows(m):  # [.., gates z r h] -> [gates r z n, ..]
            return torch.cat([m[..., g * n:(g + 1) * n] for g in order], -1).movedim(-1, 0)
        zeros = torch.zeros(len(order) * n, dtype=torch.float64)
        given = {"weight_ih": rows(w["kernel"]), "weight_hh": rows(w["recurrent"]),
                 "bias_ih": rows(w["bias"]),
                 "bias_hh": rows(w["recurrent_bias"]) if kind == "gru" else zeros}
        names = {k + "_l0" + d: v for k, v in given.items() for d in ("", "_reverse")}
        packed = torch.nn.utils.rnn.pack_padded_sequence(w["x"], LENGTHS, batch_first=True)
        both = torch.stack([w["h0"], w["h0"]])
        y, states = torch.func.functional_call(module.double(), names, (packed, both))
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=TIME)
        out = y[..., n:] if reverse else y[..., :n]
        last = states[1 if reverse else 0]
        loss = (out * dy).sum() + DH * last.sum()
    grads = torch.autograd.grad(loss, list(w.values()))
    return [v.detach().numpy() for v in (out, last, *grads)]


def main():
    by = by_numpy if "--numpy" in sys.argv else by_torch
    made = {name: np.concatenate([v.ravel() for v in by(kind, flag, reverse)])
            for name, kind, flag, reverse in CASES}
    if "--compare" in sys.argv:
        text = open(sys.argv[sys.argv.index("--compare") + 1]).read()
        worst = 0.0
        for name, values in made.items():
            body = re.search(r"vectors_%s\[\] = \{([^}]*)\}" % name, text).group(1)
            kept = np.array([float(v) for v in body.split(",") if v.strip()])
            assert kept.shape == values.shape, name
            far = np.abs(kept - values) / np.maximum(1, np.abs(values))
            worst = max(worst, far.max())
            print("%-20s %3d values, furthest %.1e" % (name, len(values), far.max()))
        sys.exit(0 if worst < 2e-6 else 1)
    print("/* vectors_recurrent.h -- made by vectors_recurrent.py: y, h and the gradients of x, kernel,\n"
          " * recurrent, bias, recurrent_bias (gru) and h0, one behind the other. */")
    for name, values in made.items():
        print("static const double vectors_%s[] = {" % name)
        for i in range(0, len(values), 6):
            print("    " + ", ".join("%.9f" % v for v in values[i:i + 6]) + ",")
        print("};")


main()
