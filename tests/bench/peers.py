"""peers.py -- what peers_gpt.py and peers_steps.py share: our side as a process that answers, its
weights, the transformer as PyTorch's users write it, and turns whose medians are told.

On one thread both count their own CPU time, which others on the machine do not lengthen, else
the clock, as bench.h does. Both are asked in turns, step by step, and the ratio is the middle one
of the turns' own.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch
from torch import nn
from torch.nn import functional as F


class Ours:
    """bench_peers with one of its models; ask() gives milliseconds and what it said besides."""

    def __init__(self, program, model, threads):
        self.folder = tempfile.TemporaryDirectory()
        file = os.path.join(self.folder.name, 'weights.safetensors')
        self.process = subprocess.Popen([program, model, str(threads), file], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdout.readline()
        self.weights = read(file)

    def ask(self):
        self.process.stdin.write('\n')
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        return float(words[0]), [float(w) for w in words[1:]]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()


def read(path):
    """The f32 tensors of a safetensors file."""
    with open(path, 'rb') as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), 'little')))
        data = file.read()
    return {name: torch.from_numpy(numpy.frombuffer(
                data[t['data_offsets'][0]:t['data_offsets'][1]], '<f4').copy()).reshape(t['shape'])
            for name, t in header.items() if name != '__metadata__' and t['dtype'] == 'F32'}


def fed(step, batch, length, vocabulary):
    """The ids of a step, as bench_peers draws them."""
    i = torch.arange(step * batch * length, (step + 1) * batch * length)
    return (i * 7919 % 1000003 % vocabulary).reshape(batch, length)


# ---- the transformer -----------------------------------------------------------

class Attention(nn.Module):
    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, cache=None, position=0):
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if cache is not None:
            end = position + length
            cache[0][:, :, position:end], cache[1][:, :, position:end] = k, v
            k, v = cache[0][:, :, :end], cache[1][:, :, :end]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal and cache is None)
        return self.out(y.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    """GPT-2's where it is causal, else BERT's."""

    def __init__(self, width, heads, causal):
        super().__init__()
        self.causal = causal
        self.attention = Attention(width, heads, causal)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.wide = nn.Sequential(nn.Linear(width, 4 * width),
                                  nn.GELU(approximate='tanh' if causal else 'none'),
                                  nn.Linear(4 * width, width))

    def forward(self, x, cache=None, position=0):
        if self.causal:
            x = x + self.attention(self.norms[0](x), cache, position)
            return x + self.wide(self.norms[1](x))
        x = self.norms[0](x + self.attention(x))
        return self.norms[1](x + self.wide(x))


def set_linear(linear, weights, *names):
    """Several of our dense layers side by side."""
    linear.weight.data = torch.cat([weights[n + '/kernel'] for n in names], 1).t().contiguous()
    if linear.bias is not None:
        linear.bias.data = torch.cat([weights[n + '/bias'] for n in names])


def set_norm(norm, weights, name):
    norm.weight.data, norm.bias.data = weights[name + '/gamma'], weights[name + '/beta']


def set_block(block, weights, scope):
    at = scope + '/attention/'
    set_linear(block.attention.qkv, weights, at + 'q', at + 'k', at + 'v')
    set_linear(block.attention.out, weights, at + 'out')
    set_norm(block.norms[0], weights, scope + '/layer_norm')
    set_norm(block.norms[1], weights, scope + '/layer_norm_1')
    set_linear(block.wide[0], weights, scope + '/dense')
    set_linear(block.wide[2], weights, scope + '/dense_1')


def scope(name, i):
    return '%s_%d' % (name, i) if i else name


# ---- turns ------------------------------------------------------------------

def clock():
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def timed(step):
    start = clock()
    result = step()
    return (clock() - start) * 1e3, result


def compare(what, ours, step, steps, bound):
    """The losses of the first steps; ends the program where they part."""
    off = 0
    for _ in range(steps):
        mine, theirs = ours.ask()[1][0], step()
        off = max(off, abs(mine - theirs) / abs(theirs))
    print('%-34s losses of %d steps agree to %.1e' % (what, steps, off), flush=True)
    if not off <= bound:
        sys.exit('%s: they differ by more than %g' % (what, bound))


def turns(what, ours, ways, rounds, warm=2):
    """Asks ours and each way in turns; the ratio is that of the way with the least median."""
    taken = {name: [] for name in ways}
    mine = []
    for i in range(-warm, rounds):
        time.sleep(0.01)  # the other's threads fall asleep
        took = ours.ask()[0]
        theirs = {}
        for name, step in ways.items():
            time.sleep(0.01)
            theirs[name] = timed(step)[0]
        if i >= 0:
            mine.append(took)
            for name, ms in theirs.items():
                taken[name].append(ms)
    best = min(taken, key=lambda name: statistics.median(taken[name]))
    ratios = sorted(t / m for t, m in zip(taken[best], mine))
    print('%-34s ours %8.2f ms, %s: %.2f x (%.2f to %.2f)' % (
        what, statistics.median(mine), ', '.join(
            '%s %8.2f ms' % (name, statistics.median(ms)) for name, ms in taken.items()),
        statistics.median(ratios), ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]),
          flush=True)
