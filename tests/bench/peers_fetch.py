#!/usr/bin/env python3
"""peers_fetch.py PROGRAM... -- build/tests/bench_fetch beside PyTorch, in turns: medians (best).

Never run by default; needs torch. PyTorch adds and norms into tensors that are given (out=), into
new ones as its users write it, and compiled; the ratio is of the fastest's median to that of the
first program. More programs may be builds of other commits. Pauses let the other's threads fall
asleep.
"""
import statistics
import subprocess
import sys
import time

import torch

SHAPES = [(512, 64), (3200, 64), (512, 768), (4096, 768), (2048, 1024), (8192, 1024), (1024, 4096)]
ROUNDS = 21
WAKE = 20000000  # ns: by then threads that slept have a core each, as in bench_fetch.c
EPS = 1e-3


def torch_ways(rows, width):
    x, skip = torch.randn(rows, width), torch.randn(rows, width)
    gamma, beta = torch.ones(width), torch.zeros(width)
    total, y = torch.empty(rows, width), torch.empty(rows, width)
    mean, rstd = torch.empty(rows, 1), torch.empty(rows, 1)
    norm = torch.ops.aten.native_layer_norm.out

    def given():
        torch.add(x, skip, out=total)
        norm(total, [width], gamma, beta, EPS, out0=y, out1=mean, out2=rstd)

    def plain(x, skip):
        s = x + skip
        return torch.nn.functional.layer_norm(s, (width,), gamma, beta, EPS), s

    torch._dynamo.reset()
    made = torch.compile(plain, dynamic=False)
    return {'given': given, 'new': lambda: plain(x, skip), 'compiled': lambda: made(x, skip)}


def measure(f, elements):
    times = 4 + (1 << 20) // elements
    awake = time.perf_counter_ns() + WAKE
    while time.perf_counter_ns() < awake:
        f()
    start = time.perf_counter_ns()
    for _ in range(times):
        f()
    return (time.perf_counter_ns() - start) / (times * elements)


def ask(process):
    process.stdin.write('\n')
    process.stdin.flush()
    return float(process.stdout.readline())


def bench(programs, rows, width, threads):
    torch.set_num_threads(threads)
    started = [subprocess.Popen([p, str(rows), str(width), str(threads)], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE) for p in programs]
    ways = {'addnorm' + "'" * i: lambda p=p: ask(p) for i, p in enumerate(started)}
    for name, f in torch_ways(rows, width).items():
        ways[name] = lambda f=f: measure(f, rows * width)
    taken = {name: [] for name in ways}
    with torch.inference_mode():
        for _ in range(ROUNDS):
            for name, f in ways.items():
                time.sleep(0.01)
                taken[name].append(f())
    for process in started:
        process.stdin.close()
        process.wait()
    median = {name: statistics.median(times) for name, times in taken.items()}
    peer = min(m for name, m in median.items() if not name.startswith('addnorm'))
    print('%5d x %4d, %d thread%s ' % (rows, width, threads, 's' if threads > 1 else ' '),
          '  '.join('%s %.3f (%.3f)' % (name, median[name], min(taken[name])) for name in ways),
          ' ratio %.2f' % (peer / median['addnorm']), flush=True)


def main():
    print('ns per element; ratio: the fastest of torch %s / addnorm' % torch.__version__)
    for threads in (1, 2):
        for rows, width in SHAPES:
            bench(sys.argv[1:], rows, width, threads)


main()
