#!/usr/bin/env python3
"""peers_gru.py PROGRAM -- build/tests/bench_gru beside PyTorch's GRU and RNN, in turns.

Never run by default; needs torch. One thread each: forward and backward of one layer, the gradients
of x and of all weights. The ratio is PyTorch's median by ours, of the rows of one size and kind.
"""
import re
import statistics
import subprocess
import sys
import time

import torch

ROUNDS = 31
KINDS = {"gru": torch.nn.GRU, "rnn": torch.nn.RNN}


def peer(kind, batch, steps, features, units):
    layer = KINDS[kind](features, units, batch_first=True)
    x = torch.randn(batch, steps, features, requires_grad=True)
    took = []
    for _ in range(ROUNDS):
        start = time.process_time()
        y, _ = layer(x)
        torch.autograd.grad((y * y).mean(), [x, *layer.parameters()])
        took.append((time.process_time() - start) * 1e3)
    return statistics.median(took[2:])


def main():
    torch.set_num_threads(1)
    ratios = {}
    for _ in range(5):
        text = subprocess.run([sys.argv[1], "1"], capture_output=True, text=True, check=True).stdout
        for line in text.splitlines():
            row = re.match(r" *(\d+) +(\d+) +(\d+) +(\d+) +(gru|rnn) +([\d.]+) ", line)
            if row:
                size, ours = tuple(map(int, row.groups()[:4])), float(row[6])
                theirs = peer(row[5], *size)
                ratios.setdefault((row[5], *size), []).append((theirs / ours, ours, theirs))
    for key, all_of_it in ratios.items():
        ratio, ours, theirs = sorted(all_of_it)[len(all_of_it) // 2]
        print(key, "ours %.2f ms, PyTorch %.2f ms: %.2f x" % (ours, theirs, ratio))


main()
