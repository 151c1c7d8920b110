#!/usr/bin/env python3
"""vectors_conv.py -- convolutions, pools and norms by channel against PyTorch.

Needs torch and the library's command (build/frontends/addnorm, or ADDNORM). For each row of CASES it
writes a graph and its feeds, lets the command run it, and compares results and gradients with what
torch computes from the same numbers in f64: at most 2e-6 of the largest element of each may they
differ. It prints a line a case; the exit code says whether all agree.
"""
import os
import subprocess
import sys
import tempfile

import numpy
import torch
from torch.nn import functional as F

ADDNORM = os.environ.get('ADDNORM', 'build/frontends/addnorm')
BOUND = 2e-6


def ints(values):
    return '[' + ','.join(str(v) for v in values) + ']'


def window(stride, padding, dilation, groups):
    return '{stride=%s, padding=%s, dilation=%s, groups=%d}' % (
        ints(stride), ints((padding[0], padding[0], padding[1], padding[1])), ints(dilation), groups)


def pool(size, stride, padding, more=''):
    return '{window=%s, stride=%s, padding=%s%s}' % (
        ints(size), ints(stride), ints((padding[0], padding[0], padding[1], padding[1])), more)


def conv(x, kernel, bias, stride, padding, dilation, groups):
    def torch_fn(a):
        return F.conv2d(a[0], a[1], a[2] if bias else None, stride, padding, dilation, groups)
    shapes = [x, kernel] + ([(kernel[0],)] if bias else [])
    return 'conv2d', shapes, window(stride, padding, dilation, groups), torch_fn


def transposed(x, kernel, stride, padding, dilation, groups, more):
    def torch_fn(a):
        return F.conv_transpose2d(a[0], a[1], None, stride, padding, more, groups, dilation)
    return 'conv2d_transpose', [x, kernel], window(stride, padding, dilation, groups), torch_fn


def max_pool(x, size, stride, padding):
    return ('max_pool2d', [x], pool(size, stride, padding),
            lambda a: F.max_pool2d(a[0], size, stride, padding))


def avg_pool(x, size, stride, padding, counted):
    return ('avg_pool2d', [x], pool(size, stride, padding, ', counted=1' if counted else ''),
            lambda a: F.avg_pool2d(a[0], size, stride, padding, False, counted))


def batch_norm(x, eps):
    return ('batch_norm', [x, (x[1],), (x[1],)], '{eps=%g}' % eps,
            lambda a: F.batch_norm(a[0], None, None, a[1], a[2], True, 0.1, eps))


CASES = [
    conv((2, 3, 9, 8), (5, 3, 3, 3), True, (1, 1), (1, 1), (1, 1), 1),
    conv((2, 4, 11, 9), (6, 2, 3, 4), True, (2, 3), (1, 2), (3, 2), 2),
    conv((3, 6, 8, 8), (6, 1, 3, 3), False, (1, 1), (1, 1), (1, 1), 6),
    conv((2, 16, 32, 32), (32, 16, 3, 3), False, (2, 2), (1, 1), (1, 1), 1),
    conv((4, 64, 16, 16), (64, 64, 3, 3), True, (1, 1), (1, 1), (1, 1), 1),
    conv((4, 20, 7, 7), (30, 20, 1, 1), False, (1, 1), (0, 0), (1, 1), 1),
    transposed((2, 5, 6, 6), (5, 3, 3, 3), (2, 2), (1, 1), (1, 1), 1, (1, 1)),
    transposed((2, 6, 4, 5), (6, 2, 3, 4), (3, 2), (1, 2), (1, 2), 2, (0, 1)),
    max_pool((2, 3, 9, 9), (3, 3), (2, 2), (1, 1)),
    max_pool((2, 3, 8, 6), (2, 3), (2, 1), (0, 1)),
    avg_pool((2, 3, 9, 9), (3, 3), (2, 2), (1, 1), True),
    avg_pool((2, 3, 9, 9), (3, 3), (2, 2), (1, 1), False),
    batch_norm((8, 5, 6, 7), 1e-5),
    batch_norm((32, 16), 1e-3),
    batch_norm((4, 64, 33, 33), 1e-5),
]


def typed(shape):
    return 'f32[%s]' % ','.join(str(n) for n in shape)


def graph_of(op, shapes, attributes, y):
    """loss = sum(y * r), so that every gradient is asked by one backward pass."""
    lines = ['graph "vectors"']
    for i, shape in enumerate(shapes):
        lines.append('%%%d: %s = input "x%d"' % (i + 1, typed(shape), i))
    r, node = len(shapes) + 1, len(shapes) + 2
    lines.append('%%%d: %s = input "r"' % (r, typed(y)))
    types = {'max_pool2d': [typed(y), typed(y).replace('f32', 'i64')],
             'batch_norm': [typed(y)] + [typed(shapes[-1])] * 3}.get(op, [typed(y)])
    operands = ', '.join('%%%d' % (i + 1) for i in range(len(shapes)))
    lines.append('%%%d: %s = %s %s %s' % (node, ', '.join(types), op, operands, attributes))
    lines.append('%%%d: %s = mul %%%d, %%%d' % (node + 1, typed(y), node, r))
    lines.append('%%%d: f32[] = sum %%%d {axes=all}' % (node + 2, node + 1))
    lines += ['output "y" %%%d' % node, 'output "loss" %%%d' % (node + 2)]
    return '\n'.join(lines) + '\n'


def run(folder, text, feeds):
    """The graph's y and its gradients by x0, x1, ... from the command."""
    path, grads = os.path.join(folder, 'g.an'), os.path.join(folder, 'grads.an')
    with open(path, 'w') as file:
        file.write(text)
    with open(grads, 'w') as file:
        subprocess.run([ADDNORM, 'grad', path, '--of', 'loss'], check=True, stdout=file)
    command, results = [ADDNORM, 'run', grads], []
    for name, value in feeds.items():
        numpy.save(os.path.join(folder, name + '.npy'), value)
        command += ['--feed', '%s=%s' % (name, os.path.join(folder, name + '.npy'))]
    for name in ['y'] + ['gradient of x%d' % i for i in range(len(feeds) - 1)]:
        results.append(os.path.join(folder, 'result%d.npy' % len(results)))
        command += ['--fetch', '%s=%s' % (name, results[-1])]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [numpy.load(file) for file in results]


def main():
    torch.manual_seed(1)
    good = True
    for op, shapes, attributes, torch_fn in CASES:
        given = [torch.randn(s).double().requires_grad_() for s in shapes]
        given = [g.detach().float().double().requires_grad_() for g in given]
        y = torch_fn(given)
        r = torch.randn(y.shape).float().double()
        (y * r).sum().backward()
        feeds = {'x%d' % i: g.detach().float().numpy() for i, g in enumerate(given)}
        feeds['r'] = r.float().numpy()
        with tempfile.TemporaryDirectory() as folder:
            ours = run(folder, graph_of(op, shapes, attributes, tuple(y.shape)), feeds)
        theirs = [y.detach().numpy()] + [g.grad.numpy() for g in given]
        off = [abs(a - b).max() / abs(b).max() for a, b in zip(ours, theirs)]
        fine = max(off) <= BOUND
        good = good and fine
        print('%-18s %-40s %s%s' % (op, attributes, ' '.join('%.1e' % o for o in off),
                                    '' if fine else '  MISS'))
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
