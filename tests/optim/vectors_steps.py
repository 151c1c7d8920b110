"""vectors_steps.py -- what PyTorch and Keras make of the rows of test_steps.c.

    python3 tests/optim/vectors_steps.py          # takes torch; keras, if it is there

For each row of that file it runs the same nine steps in double (loss = sum(c w^2) / 2 from
w = 2, c = 1, -0.5, 3), compares with the loop that is by_hand there, and says how far the
two are apart. PyTorch adds eps to the root and Keras under it, so each is asked for the
rows that are its own; where both have a row, both are. Exits with 1 if any is off.
"""
import math
import sys

STEPS, SLOPE = 9, (1.0, -0.5, 3.0)
# kind, rate, rho, momentum, centered, eps, decay, first sum, eps outside the root
ROWS = {
    "rmsprop": ("rmsprop", 0.01, 0.9, 0.0, False, 1e-7, 0.0, 0.0, False),
    "rmsprop, rho, momentum": ("rmsprop", 0.01, 0.75, 0.5, False, 1e-7, 0.0, 0.0, False),
    "rmsprop, centered": ("rmsprop", 0.01, 0.9, 0.0, True, 1e-3, 0.0, 0.0, False),
    "rmsprop, all": ("rmsprop", 0.01, 0.9, 0.5, True, 1e-3, 0.25, 0.0, False),
    "rmsprop, as PyTorch": ("rmsprop", 0.01, 0.9, 0.0, False, 1e-3, 0.0, 0.0, True),
    "rmsprop, all, as PyTorch": ("rmsprop", 0.01, 0.9, 0.5, True, 1e-3, 0.0, 0.0, True),
    "adagrad": ("adagrad", 0.1, 0.0, 0.0, False, 1e-7, 0.0, 0.0, False),
    "adagrad, first sum, decay": ("adagrad", 0.1, 0.0, 0.0, False, 1e-7, 0.25, 0.1, False),
    "adagrad, as PyTorch": ("adagrad", 0.1, 0.0, 0.0, False, 1e-3, 0.0, 0.0, True),
}


def by_hand(row):
    kind, rate, rho, momentum, centered, eps, decay, first, outside = row
    result = []
    for c in SLOPE:
        w, v, mean, u = 2.0, first, 0.0, 0.0
        for _ in range(STEPS):
            g = c * w
            if kind == "adagrad":
                v += g * g
            else:
                v = rho * v + (1 - rho) * g * g
                mean = rho * mean + (1 - rho) * g
            spread = v - mean * mean if centered else v
            root = math.sqrt(spread) + eps if outside else math.sqrt(spread + eps)
            u = momentum * u + rate * g / root
            w -= rate * decay * w
            w -= u
        result.append(w)
    return result


def by_torch(torch, row):
    kind, rate, rho, momentum, centered, eps, _, first, _ = row
    w = torch.full((3,), 2.0, dtype=torch.float64, requires_grad=True)
    c = torch.tensor(SLOPE, dtype=torch.float64)
    if kind == "adagrad":
        o = torch.optim.Adagrad([w], lr=rate, eps=eps, initial_accumulator_value=first)
    else:
        o = torch.optim.RMSprop([w], lr=rate, alpha=rho, eps=eps, momentum=momentum,
                                centered=centered)
    for _ in range(STEPS):
        o.zero_grad()
        ((c * w * w).sum() / 2).backward()
        o.step()
    return w.tolist()


def by_keras(keras, row):
    kind, rate, rho, momentum, centered, eps, decay, first, _ = row
    keras.config.set_floatx("float64")
    w = keras.Variable([2.0] * 3, dtype="float64", name="w")
    common = dict(learning_rate=rate, epsilon=eps, weight_decay=decay or None)
    if kind == "adagrad":
        o = keras.optimizers.Adagrad(initial_accumulator_value=first, **common)
    else:
        o = keras.optimizers.RMSprop(rho=rho, momentum=momentum, centered=centered, **common)
    o.build([w])
    c = keras.ops.convert_to_tensor(SLOPE, dtype="float64")
    for _ in range(STEPS):
        o.apply([c * w.value])
    return [float(x) for x in keras.ops.convert_to_numpy(w.value)]


def main():
    peers = {}
    for name, run in (("torch", by_torch), ("keras", by_keras)):
        try:
            peers[name] = (__import__(name), run)
        except ImportError:
            print(f"{name} is not there")
    worst = 0.0
    for what, row in ROWS.items():
        want = by_hand(row)
        print(f"{what}: {', '.join(f'{x:.17g}' for x in want)}")
        decay, outside = row[6], row[8]
        for name, (module, run) in peers.items():
            if (name == "torch") != outside or (name == "torch" and decay):
                continue
            far = max(abs(a - b) / abs(b) for a, b in zip(run(module, row), want))
            print(f"    {name}: {far:.2g} apart")
            worst = max(worst, far)
    return 0 if peers and worst <= 1e-10 else 1


if __name__ == "__main__":
    sys.exit(main())
