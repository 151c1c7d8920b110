#!/usr/bin/env python3
"""vectors_attention.py -- attention against PyTorch.

Needs torch and the library's command (build/frontends/addnorm, or ADDNORM), as vectors_conv.py does,
whose ways it takes. For each case y and the gradients by q, k, v and the mask are compared with
scaled_dot_product_attention on the same numbers in f64: at most 2e-6 of the largest element of each
may they differ, or twice as much as torch's own f32 does (scores of 40 hold no more digits than that).
It prints a line a case, ours and in brackets torch's f32; the exit code says whether all agree.
"""
import sys
import tempfile

import torch
from torch.nn import functional as F
from vectors_conv import BOUND, run, typed

# b, h, g, t, s, d, e; causal; scale (0: 1 / sqrt(d)); the mask's shape, or None
CASES = [
    ((2, 2, 2, 5, 7, 4, 3), False, 0, None),
    ((1, 2, 2, 6, 6, 8, 8), True, 0, None),
    ((1, 4, 2, 5, 9, 4, 6), True, .3, None),
    ((2, 6, 2, 33, 33, 16, 16), False, 0, (2, 1, 33, 33)),
    ((2, 4, 4, 130, 70, 32, 32), False, 2, (1, 4, 130, 70)),
    ((8, 12, 12, 128, 128, 32, 32), True, 0, None),
    ((1, 8, 8, 1024, 1024, 64, 64), False, 0, None),
    ((1, 8, 1, 300, 300, 64, 64), True, 0, None),
]


def graph_of(shapes, y, causal, scale):
    names = ['x%d' % i for i in range(len(shapes))] + ['r']
    lines = ['graph "attention"']
    lines += ['%%%d: %s = input "%s"' % (i + 1, typed(s), n)
              for i, (s, n) in enumerate(zip(shapes + [y], names))]
    r, node = len(names), len(names) + 1
    lines += ['%%%d: %s, %s = attention %s {causal=%d, scale=%g}' % (
                  node, typed(y), typed(y[:3]), ', '.join('%%%d' % i for i in range(1, r)), causal,
                  scale),
              '%%%d: %s = mul %%%d, %%%d' % (node + 1, typed(y), node, r),
              '%%%d: f32[] = sum %%%d {axes=all}' % (node + 2, node + 1),
              'output "y" %%%d' % node, 'output "loss" %%%d' % (node + 2)]
    return '\n'.join(lines) + '\n'


def theirs_of(given, h, g, causal, scale):
    q, kind = given[0], given[0].dtype
    k, v = (x.repeat_interleave(h // g, 1) for x in given[1:3])
    t, s = q.shape[2], k.shape[2]
    mask = torch.zeros(t, s, dtype=kind)
    if causal:
        mask.masked_fill_(~torch.ones(t, s, dtype=torch.bool).tril(s - t), float('-inf'))
    if len(given) > 3:
        mask = mask + given[3]
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale or None)


def main():
    torch.manual_seed(1)
    good = True
    for (b, h, g, t, s, d, e), causal, scale, mask in CASES:
        shapes = [(b, h, t, d), (b, g, s, d), (b, g, s, e)] + ([mask] if mask else [])
        given = [torch.randn(x).double().requires_grad_() for x in shapes] # f32's numbers
        y = theirs_of(given, h, g, causal, scale)
        r = torch.randn(y.shape).double()
        (y * r).sum().backward()
        feeds = {'x%d' % i: x.detach().float().numpy() for i, x in enumerate(given)}
        feeds['r'] = r.float().numpy()
        with tempfile.TemporaryDirectory() as folder:
            ours = run(folder, graph_of(shapes, tuple(y.shape), causal, scale), feeds)
        theirs = [y.detach().numpy()] + [x.grad.numpy() for x in given]
        single = [x.detach().float().requires_grad_() for x in given]
        y = theirs_of(single, h, g, causal, scale)
        (y * r.float()).sum().backward()
        single = [y.detach().numpy()] + [x.grad.numpy() for x in single]
        off, torch_off = ([abs(a - b).max() / abs(b).max() for a, b in zip(x, theirs)]
                          for x in (ours, single))
        fine = all(o <= max(BOUND, 2 * t) for o, t in zip(off, torch_off))
        good = good and fine
        print('%-28s causal=%d scale=%g  %s (%s)%s' % (
            'x'.join(str(n) for n in (b, h, g, t, s, d, e)), causal, scale,
            ' '.join('%.1e' % o for o in off), ' '.join('%.1e' % o for o in torch_off),
            '' if fine else '  MISS'))
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
