#!/usr/bin/env python3
"""peers_layers.py BUILD [THREADS] -- attention, convolution and a ResNet-20 step beside PyTorch.

Never run by default; needs torch. Ours and PyTorch take turns, ROUNDS times, each with its own
median of many steps; the ratio is PyTorch's milliseconds by ours, and the middle one of the rounds
is printed with the smallest and the largest. Whether both compute the same is the business of
tests/ops/vectors_attention.py and vectors_conv.py.
"""
import re
import statistics
import subprocess
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

ROUNDS = 3
BUILD, THREADS = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1


def bench(name):
    command = ['%s/tests/%s' % (BUILD, name), str(THREADS)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def median_of(step, steps):
    took = []
    for _ in range(steps + 3):
        start = time.perf_counter()
        step()
        took.append((time.perf_counter() - start) * 1e3)
    return statistics.median(took[3:])


def attention(b, h, t, d, causal):
    q, k, v = (torch.randn(b, h, t, d, requires_grad=True) for _ in range(3))
    dy = torch.randn(b, h, t, d)

    def step():
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        torch.autograd.grad(y, [q, k, v], dy)
    return median_of(step, 20)


def conv(n, c, h, w, o):
    x, kernel = torch.randn(n, c, h, w, requires_grad=True), torch.randn(o, c, 3, 3, requires_grad=True)
    dy = torch.randn(n, o, h, w)

    def step():
        torch.autograd.grad(F.conv2d(x, kernel, padding=1), [x, kernel], dy)
    return median_of(step, 10)


class Block(nn.Module):
    def __init__(self, ins, outs, stride):
        super().__init__()
        self.a, self.b = (nn.Conv2d(i, outs, 3, s, 1, bias=False) for i, s in ((ins, stride), (outs, 1)))
        self.na, self.nb = nn.BatchNorm2d(outs), nn.BatchNorm2d(outs)
        short = [nn.Conv2d(ins, outs, 1, stride, bias=False), nn.BatchNorm2d(outs)]
        self.short = nn.Sequential(*short if ins != outs else [])

    def forward(self, x):
        return F.relu(self.nb(self.b(F.relu(self.na(self.a(x))))) + self.short(x))


def resnet(batch):
    widths = [16] * 4 + [32] * 3 + [64] * 3
    blocks = [Block(i, o, 2 if o > i else 1) for i, o in zip(widths, widths[1:])]
    net = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), *blocks,
                        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(net.parameters(), 0.1, 0.9)
    x, labels = torch.randn(batch, 3, 32, 32), torch.randint(10, (batch,))

    def step():
        optimizer.zero_grad()
        F.cross_entropy(net(x), labels).backward()
        optimizer.step()
    return median_of(step, 10)


def attentions():
    for line in bench('bench_attention').splitlines():
        row = re.match(r' *(\d+)x *(\d+)x *(\d+)x *(\d+) (causal)? +([\d.]+) ', line)
        if row and int(row[3]) <= 1024:
            b, h, t, d = map(int, row.groups()[:4])
            yield line[:24].strip(), float(row[6]), attention(b, h, t, d, bool(row[5]))


def convolutions():
    text = bench('bench_conv')
    shape = re.search(r'32x64x32x32 -> 64, 3x3, stride 1, groups 1\n((?:  .*\n)+)', text)
    ours = sum(float(ms) for ms in re.findall(r'([\d.]+) ms', shape[1]))
    yield 'conv2d 3x3, 32x64x32x32 -> 64', ours, conv(32, 64, 32, 32, 64)


def resnets():
    row = re.search(r'batch (\d+): ([\d.]+) ms', bench('bench_resnet'))
    yield 'ResNet-20 step, batch ' + row[1], float(row[2]), resnet(int(row[1]))


def main():
    torch.set_num_threads(THREADS)
    seen = {}
    for _ in range(ROUNDS):
        for rows in (attentions, convolutions, resnets):
            for what, ours, theirs in rows():
                seen.setdefault(what, []).append((theirs / ours, ours, theirs))
    for what, all_of_it in seen.items():
        all_of_it.sort()
        ratio, ours, theirs = all_of_it[len(all_of_it) // 2]
        print('%-32s ours %8.2f ms, PyTorch %8.2f ms: %.2f x (%.2f to %.2f)' % (
            what, ours, theirs, ratio, all_of_it[0][0], all_of_it[-1][0]))


main()
