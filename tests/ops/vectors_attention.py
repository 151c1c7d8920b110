"""What PyTorch says of attention, for the reader of test_attention.c to hold ours against.

    python3 tests/ops/vectors_attention.py > vectors.txt

Takes torch and numpy. One line a case: "name b h g t s d e causal scale", then q, k, v, the upstream gradient r,
y, lse, dq, dk, dv, each on a line of its own, in row-major order. Inputs are sin(0.7 i + phase), which a test
makes anew; scaled_dot_product_attention is held to the formula first."""
import math

import numpy
import torch


def wave(shape, phase):
    count = math.prod(shape)
    return torch.tensor(numpy.sin(0.7 * numpy.arange(count) + phase), dtype=torch.float64).reshape(shape)


def case(name, b, h, g, t, s, d, e, causal, scale):
    q, k, v = wave((b, h, t, d), 0), wave((b, g, s, d), 1), wave((b, g, s, e), 2)
    r = wave((b, h, t, e), 3)
    for x in (q, k, v):
        x.requires_grad_()
    keys, values = (x.repeat_interleave(h // g, 1) for x in (k, v))
    mask = torch.ones(t, s, dtype=torch.bool).tril(s - t) if causal else torch.ones(t, s, dtype=torch.bool)
    y = torch.nn.functional.scaled_dot_product_attention(q, keys, values, attn_mask=mask, scale=scale or None)
    scores = (q @ keys.mT * (scale or 1 / math.sqrt(d))).masked_fill(~mask, -math.inf)
    assert torch.allclose(y, scores.softmax(-1) @ values, rtol=1e-12)
    (y * r).sum().backward()
    print(name, b, h, g, t, s, d, e, int(causal), scale)
    for x in (q, k, v, r, y, scores.logsumexp(-1), q.grad, k.grad, v.grad):
        print(*(f"{float(i):.9g}" for i in x.detach().flatten()))


case("plain", 2, 2, 2, 5, 7, 4, 3, False, 0)
case("causal", 1, 2, 2, 6, 6, 8, 8, True, 0)
case("grouped", 1, 4, 2, 5, 9, 4, 6, True, 0.3)
