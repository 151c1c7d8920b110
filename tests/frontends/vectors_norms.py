"""vectors_norms.py -- norms by channel as PyTorch makes them, for tests/frontends/test_norms.c.

    python3 tests/frontends/vectors_norms.py > tests/frontends/vectors_norms.h
    python3 tests/frontends/vectors_norms.py --compare tests/frontends/vectors_norms.h

Needs torch. Values and gradients of F.group_norm, F.instance_norm and F.batch_norm in double, of
numbers that f32 holds; of y and of x's gradient every `every`-th element, of gamma's and beta's
all. For a batch norm besides: the running mean and variance after two steps on the same batch, and
what evaluation makes of x by them. --compare says how far the numbers of a header are from those
that this PyTorch makes.
"""
import re
import sys

import torch
from torch.nn import functional as F

FAR = 58  # 100 deviations of x, which is spread evenly over -0.98 .. 0.98
MOMENTUM = 0.25
CASES = [  # kind, shape, groups, eps, where x lies
    ('group', (2, 6, 3, 5), 1, 1e-5, 0),
    ('group', (2, 6, 3, 5), 6, 1e-5, 0),
    ('group', (3, 12, 7, 3), 4, 1e-3, FAR),
    ('group', (2, 32, 9, 5), 8, 1e-5, 0),
    ('group', (5, 10, 1, 1), 2, 1e-5, 0),
    ('group', (5, 34, 1, 1), 1, 1e-5, -FAR),
    ('group', (4, 7, 1, 1), 7, 1e-5, 0),
    ('group', (2, 64, 16, 16), 32, 1e-5, FAR),
    ('group', (7, 24), 3, 1e-3, 0),
    ('group', (3, 9, 11), 3, 1e-5, FAR),
    ('group', (2, 4, 3, 5, 2), 2, 1e-5, 0),
    ('instance', (2, 3, 5, 7), 3, 1e-5, 0),
    ('instance', (3, 5, 13), 5, 1e-3, FAR),
    ('instance', (2, 16, 12, 9), 16, 1e-5, FAR),
    ('batch', (8, 5, 6, 7), 0, 1e-3, 0),
    ('batch', (33, 18), 0, 1e-5, 0),
    ('batch', (9, 6, 1, 1), 0, 1e-5, FAR),
    ('batch', (3, 24, 9, 11), 0, 1e-5, FAR),
    ('batch', (4, 3, 7, 3, 2), 0, 1e-5, 0),
    ('batch', (16, 32, 15, 15), 0, 1e-5, -FAR),
]
PARTS = ['y', 'dx', 'dgamma', 'dbeta', 'mean', 'variance', 'evaluated']


def drawn(shape, by, modulus):
    """-0.98 .. 0.98, multiples of 1/512; test_norms.c makes the same."""
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * by % modulus - modulus // 2).double() / 512).reshape(shape)


def channels(count, by, modulus, less, of):
    return (torch.arange(count) * by % modulus - less).double() / of


def vectors(kind, shape, groups, eps, far):
    x = (drawn(shape, 7919, 1009) + far).requires_grad_()
    gamma = channels(shape[1], 5, 7, 2, 4).requires_grad_()
    beta = channels(shape[1], 3, 5, 2, 8).requires_grad_()
    eps = torch.tensor(eps).item()  # in f32, as the attribute holds it
    mean, variance = torch.zeros(shape[1]).double(), torch.ones(shape[1]).double()

    def norm(training):
        if kind == 'group':
            return F.group_norm(x, groups, gamma, beta, eps)
        if kind == 'instance':
            return F.instance_norm(x, weight=gamma, bias=beta, eps=eps)
        return F.batch_norm(x, mean, variance, gamma, beta, training, MOMENTUM, eps)
    norm(True)
    y = norm(True)
    y.backward(drawn(shape, 5741, 1013))
    every = max(1, x.numel() // 36) | 1  # odd, so that every channel has its turn
    parts = [y.flatten()[::every], x.grad.flatten()[::every], gamma.grad, beta.grad]
    if kind == 'batch':
        parts += [mean, variance, norm(False).flatten()[::every]]
    return every, [p.detach().tolist() for p in parts]


def array(name, values):
    lines, line = [], '   '
    for word in ('%.12g,' % v for v in values):
        if len(line) + len(word) > 98:
            lines.append(line)
            line = '   '
        line += ' ' + word
    return 'static const double %s[] = {\n%s};' % (name, '\n'.join(lines + [line.rstrip(',')]))


def header():
    print('/* vectors_norms.h -- made by vectors_norms.py: norms by channel as PyTorch makes them. */')
    rows = []
    for i, case in enumerate(CASES):
        kind, shape, groups, eps, far = case
        every, parts = vectors(*case)
        names = ['%s_%d' % (part, i) for part in PARTS[:len(parts)]]
        for name, values in zip(names, parts):
            print(array(name, values))
        rows.append('    {"%s", %d, {%s}, %d, %g, %d, %d,\n     {%s}}' % (
            kind, len(shape), ', '.join(map(str, shape)), groups, eps, far, every,
            ', '.join(names)))
    print('static const struct norm_vectors {\n    const char *kind;\n    int rank;\n'
          '    int64_t extent[5], groups;\n    double eps, far;\n    int64_t every;\n'
          '    const double *part[%d]; /* %s */\n} vectors[] = {' % (len(PARTS), ', '.join(PARTS)))
    print(',\n'.join(rows) + '};')


def compare(path):
    text = open(path).read()
    held = {name: [float(v) for v in values.split(',')] for name, values in
            re.findall(r'double (\w+)\[\] = \{([^}]*)\}', text)}
    worst = 0
    for i, case in enumerate(CASES):
        for part, values in zip(PARTS, vectors(*case)[1]):
            kept = held.pop('%s_%d' % (part, i))
            largest = max(abs(v) for v in values) or 1
            off = max(abs(a - b) for a, b in zip(kept, values)) / largest
            worst = max(worst, off if len(kept) == len(values) else float('inf'))
    fine = worst < 1e-11 and not held
    print('norms by channel: %.1e from torch %s%s' % (worst, torch.__version__,
                                                      '' if fine else '  DIFFERS'))
    return 0 if fine else 1


if __name__ == '__main__':
    sys.exit(compare(sys.argv[2]) if '--compare' in sys.argv[1:] else header())
