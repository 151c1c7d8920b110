#!/usr/bin/env python3
"""peers_gpt.py PROGRAM -- build/tests/bench_peers' GPT beside PyTorch's: a training step, and text
written a token at a time with keys and values kept.

Never run by default; needs torch. First the losses of some steps and the tokens are compared, then
both take turns, on one thread and on two. PyTorch as its users write it: one product for q, k
and v, scaled_dot_product_attention, AdamW with decay on matrices only, plain and fused; the text
under inference_mode with a cache that is there from the start. The ratio is that of
its faster way.
"""
import sys

import torch
from torch import nn
from torch.nn import functional as F

import peers

BATCH, WIDTH, HEADS, BLOCKS, PLACES, TOKENS = 4, 384, 6, 6, 256, 256


class GPT(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.tokens, self.places = nn.Embedding(TOKENS, WIDTH), nn.Embedding(PLACES, WIDTH)
        self.blocks = nn.ModuleList(peers.Block(WIDTH, HEADS, True) for _ in range(BLOCKS))
        self.norm, self.logits = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, TOKENS, bias=False)
        self.tokens.weight.data = weights['tokens/table'].clone()
        self.places.weight.data = weights['places/table'].clone()
        for i, block in enumerate(self.blocks):
            peers.set_block(block, weights, peers.scope('block', i))
        peers.set_norm(self.norm, weights, 'layer_norm')
        peers.set_linear(self.logits, weights, 'logits')

    def forward(self, ids, caches=None, position=0):
        place = torch.arange(position, position + ids.shape[1])
        x = self.tokens(ids) + self.places(place)
        for i, block in enumerate(self.blocks):
            x = block(x, caches and caches[i], position)
        return self.logits(self.norm(x))


def trainer(weights, fused):
    model, step = GPT(weights), iter(range(1 << 30))
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW([{'params': matrices, 'weight_decay': 0.1},
                                   {'params': others, 'weight_decay': 0}],
                                  lr=3e-4, betas=(0.9, 0.95), eps=1e-8, fused=fused)

    def train():
        ids = peers.fed(next(step), BATCH, PLACES, TOKENS)
        loss = F.cross_entropy(model(ids).view(-1, TOKENS), ids.flatten().roll(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()
    return train


def writer(weights):
    model = GPT(weights).eval()
    caches = [[torch.zeros(1, HEADS, PLACES, WIDTH // HEADS) for _ in range(2)]
              for _ in range(BLOCKS)]

    @torch.inference_mode()
    def write():
        token, text = torch.tensor([[1]]), []
        for position in range(PLACES):
            token = model(token, caches, position).argmax(-1)
            text.append(token.item())
        return text
    return write


def training(program, threads):
    ours = peers.Ours(program, 'gpt', threads)
    peers.compare('GPT 6x384', ours, trainer(ours.weights, False), 5, 1e-4)
    ways = {'PyTorch': trainer(ours.weights, False), 'fused AdamW': trainer(ours.weights, True)}
    peers.turns('GPT 6x384 step, 4x256', ours, ways, 9)
    ours.close()


def writing(program, threads):
    ours = peers.Ours(program, 'generate', threads)
    write = writer(ours.weights)
    if ours.ask()[1] != write():
        sys.exit('GPT 6x384: other tokens than PyTorch')
    print('%-34s 256 tokens are the same' % 'GPT 6x384', flush=True)
    peers.turns('256 tokens, cached', ours, {'PyTorch': write}, 9, 1)
    ours.close()


def main():
    for threads in (1, 2):
        print('%d thread%s:' % (threads, 's' if threads > 1 else ''), flush=True)
        torch.set_num_threads(threads)
        training(sys.argv[1], threads)
        writing(sys.argv[1], threads)


main()
