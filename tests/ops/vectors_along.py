"""Right values for tests/ops/test_vectors_along.c: writes vectors_along.h, with numpy alone, from
the formulas; or holds those numbers to PyTorch's.

    python3 tests/ops/vectors_along.py > tests/ops/vectors_along.h
    python3 tests/ops/vectors_along.py --torch      # needs torch; says how far it is off

Data are multiples of 1/64, no two of an operand alike, so f32 holds them and order is clear. The
gradients are of the sum of y times 1/8, 2/8, 3/8, ...; here by differences of fourth order in long
double, which owe nothing to a derivative."""
import sys
import textwrap

import numpy as np

L = np.longdouble
draw = np.random.default_rng(15)


def numbers(*shape):
    count = int(np.prod(shape))
    return (draw.permutation(np.arange(-128, 128))[:count] / 64).astype(L).reshape(shape)


def with_zeros(x):
    x = x.copy()
    x[1, 2] = 0
    x[2, 0] = x[2, 3] = 0
    return x


def logsumexp(x):
    m = x.max(-1, keepdims=True)
    return (m + np.log(np.exp(x - m).sum(-1, keepdims=True)))[..., 0]


def summed(x):
    return np.cumsum(x, axis=1)


def before(x):
    return np.cumsum(x, axis=1) - x


def behind(x):
    return np.cumsum(x[:, ::-1], axis=1)[:, ::-1]


# Name, operands, by numpy, by torch. The test builds each by its name; an arrow is einsum's.
CASES = [
    ('cumsum', [numbers(3, 5)], summed, lambda t, x: t.cumsum(x, 1)),
    ('cumsum exclusive', [numbers(3, 5)], before, lambda t, x: t.cumsum(x, 1) - x),
    ('cumsum reverse', [numbers(3, 5)], behind, lambda t, x: t.cumsum(x.flip(1), 1).flip(1)),
    ('prod', [numbers(3, 4)], lambda x: x.prod(1), lambda t, x: t.prod(x, 1)),
    ('prod zeros', [with_zeros(numbers(3, 4))], lambda x: x.prod(1), lambda t, x: t.prod(x, 1)),
    ('var', [numbers(3, 5)], lambda x: x.var(1), lambda t, x: t.var(x, 1, correction=0)),
    ('var sample', [numbers(3, 5)], lambda x: x.var(1, ddof=1), lambda t, x: t.var(x, 1)),
    ('logsumexp', [numbers(3, 5)], logsumexp, lambda t, x: t.logsumexp(x, 1)),
    ('sort', [numbers(3, 5)], lambda x: np.sort(x, 1), lambda t, x: t.sort(x, 1)[0]),
    ('sort descending', [numbers(3, 5)], lambda x: -np.sort(-x, 1),
     lambda t, x: t.sort(x, 1, descending=True)[0]),
    ('top_k', [numbers(3, 5)], lambda x: -np.sort(-x, 1)[:, :2], lambda t, x: t.topk(x, 2, 1)[0]),
    ('tril', [numbers(3, 5)], lambda x: np.tril(x, 1), lambda t, x: t.tril(x, 1)),
    ('triu', [numbers(3, 5)], lambda x: np.triu(x, -1), lambda t, x: t.triu(x, -1)),
]
for equation, shapes in [('bhtd,bhsd->bhts', [(2, 2, 3, 2), (2, 2, 4, 2)]),
                         ('bthd,bshd->bhts', [(2, 3, 2, 2), (2, 4, 2, 2)]),
                         ('btd,dhk->bthk', [(2, 3, 2), (2, 2, 3)]),
                         ('ij,jk->ki', [(3, 4), (4, 2)]), ('bi,bj->bij', [(2, 3), (2, 4)]),
                         ('iij->ij', [(3, 3, 4)]), ('ij,kl->i', [(3, 4), (2, 5)]),
                         ('ij,ij->', [(3, 4), (3, 4)]),
                         ('...ij,jk->...ik', [(2, 2, 3, 2), (2, 3)])]:
    CASES.append((equation, [numbers(*s) for s in shapes],
                  lambda *x, e=equation: np.einsum(e, *x),
                  lambda t, *x, e=equation: t.einsum(e, *x)))


def weights(y):
    return (np.arange(y.size) + 1).reshape(y.shape) / L(8)


def slopes(f, operands, k):
    """By differences: 8 (f(h) - f(-h)) - (f(2h) - f(-2h)) over 12 h."""
    h, slope = L(2) ** -12, np.zeros_like(operands[k])
    for at in np.ndindex(slope.shape):
        def loss(step):
            moved = [x.copy() for x in operands]
            moved[k][at] += step * h
            y = np.asarray(f(*moved))
            return (y * weights(y)).sum()
        slope[at] = (8 * (loss(1) - loss(-1)) - (loss(2) - loss(-2))) / (12 * h)
    return slope


def show(before, x, behind):
    text = ', '.join('%.10g' % float(v) for v in np.asarray(x).ravel())
    print(textwrap.fill(before + '{' + text + '}' + behind, 100, initial_indent=' ' * 5,
                        subsequent_indent=' ' * 6))


def write():
    print('/* vectors_along.h -- made by vectors_along.py: operands and slopes, and results. */')
    print('static const vector vectors[] = {')
    for name, operands, f, _ in CASES:
        shapes = ', '.join('{%s}' % ', '.join(map(str, x.shape)) for x in operands)
        print('    {"%s", %d, {%s}, {%s},' % (name, len(operands),
                                             ', '.join(str(x.ndim) for x in operands), shapes))
        for k in range(2):
            x = operands[k] if k < len(operands) else None
            show(('{{', '{')[k], [0] if x is None else x, ',')
            show('', [0] if x is None else slopes(f, operands, k), ('},', '}},')[k])
        y = np.asarray(f(*operands))
        show('%d, ' % y.size, y, '},')
    print('};')


def compare():
    import torch
    worst = 0
    for name, operands, f, g in CASES:
        x = [torch.tensor(v.astype('float64'), requires_grad=True) for v in operands]
        y = g(torch, *x)
        (y * torch.tensor(weights(y.detach().numpy()).astype('float64'))).sum().backward()
        pairs = [(np.asarray(f(*operands)), y.detach().numpy())]
        pairs += [(slopes(f, operands, k), x[k].grad.numpy()) for k in range(len(x))]
        off = max(float((abs(a - b) / np.maximum(1, abs(b))).max()) for a, b in pairs)
        print('%-18s %.1e' % (name, off))
        worst = max(worst, off)
    sys.exit(0 if worst < 1e-9 else 1)


compare() if '--torch' in sys.argv[1:] else write()
