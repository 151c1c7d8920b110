#!/usr/bin/env python3
"""peers_steps.py PROGRAM -- training steps of build/tests/bench_peers beside PyTorch's: the
article's classifier, and an encoder of 6 blocks, 384 wide.

Never run by default; needs torch. First the losses of some steps are compared, of the classifier
without dropout, which both draw otherwise; then both take turns, on one thread and on two, with
it. PyTorch's Adam is asked plain and fused, and the ratio is that of the faster.
"""
import sys

import torch
from torch import nn
from torch.nn import functional as F

import peers

WORDS, WIDTH, HEADS, BLOCKS = 88000, 384, 12, 6


class Classifier(nn.Module):
    """As examples/classifier.c: Keras's LSTMs have one bias, so that the other stays 0."""

    def __init__(self, weights, dropout):
        super().__init__()
        self.words = nn.Embedding(WORDS, 50)
        self.first = nn.LSTM(50, 64, batch_first=True, bidirectional=True)
        self.second = nn.LSTM(128, 32, batch_first=True, bidirectional=True)
        self.third = nn.LSTM(64, 64, batch_first=True)
        self.dropout, self.norm = nn.Dropout(dropout), nn.LayerNorm(64)
        self.logit = nn.Linear(64, 1)
        self.norm.eps = 1e-3
        self.words.weight.data = weights['embedding/table'].clone()
        for lstm, name, ways in [(self.first, 'bilstm', 2), (self.second, 'bilstm_1', 2),
                                 (self.third, 'lstm', 1)]:
            for way in range(ways):
                set_lstm(lstm, weights, name + ('/forward', '/backward')[way] * (ways == 2),
                         '_reverse' * way)
        peers.set_norm(self.norm, weights, 'layer_norm')
        peers.set_linear(self.logit, weights, 'dense')

    def forward(self, ids):
        h = self.dropout(self.first(self.words(ids))[0])
        h = self.dropout(self.second(h)[0])
        return self.logit(self.norm(h + self.third(h)[0]).mean(1))


def set_lstm(lstm, weights, scope, way):
    for name, values in [('weight_ih', weights[scope + '/kernel'].t().contiguous()),
                         ('weight_hh', weights[scope + '/recurrent'].t().contiguous()),
                         ('bias_ih', weights[scope + '/bias'])]:
        getattr(lstm, name + '_l0' + way).data = values.clone()
    getattr(lstm, 'bias_hh_l0' + way).requires_grad_(False).zero_()


class Encoder(nn.Module):
    def __init__(self, weights, length):
        super().__init__()
        self.tokens, self.places = nn.Embedding(1000, WIDTH), nn.Embedding(length, WIDTH)
        self.norm, self.logits = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2)
        self.blocks = nn.ModuleList(peers.Block(WIDTH, HEADS, False) for _ in range(BLOCKS))
        self.tokens.weight.data = weights['tokens/table'].clone()
        self.places.weight.data = weights['places/table'].clone()
        peers.set_norm(self.norm, weights, 'layer_norm')
        peers.set_linear(self.logits, weights, 'logits')
        for i, block in enumerate(self.blocks):
            peers.set_block(block, weights, peers.scope('block', i))

    def forward(self, ids):
        x = self.norm(self.tokens(ids) + self.places.weight)
        for block in self.blocks:
            x = block(x)
        return self.logits(x.mean(1))


def trainer(model, shape, rate, fused):
    step = iter(range(1 << 30))
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate,
                                 eps=1e-8, fused=fused)

    def train():
        ids = peers.fed(next(step), *shape)
        labels = ids[:, 0] % 2
        y = model(ids)
        loss = (F.cross_entropy(y, labels) if y.shape[1] == 2 else
                F.binary_cross_entropy_with_logits(y, labels.float()[:, None]))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()
    return train


def classifier(program, threads):
    shape = (32, 100, WORDS)
    ours = peers.Ours(program, 'classifier-plain', threads)
    peers.compare('classifier', ours, trainer(Classifier(ours.weights, 0), shape, 1e-3, False), 5,
                  1e-4)
    ours.close()
    ours = peers.Ours(program, 'classifier', threads)
    peers.turns('classifier step, 32x100', ours, {
        name: trainer(Classifier(ours.weights, 0.2), shape, 1e-3, fused)
        for name, fused in (('PyTorch', False), ('fused Adam', True))}, 31)
    ours.close()


def encoder(program, threads, model, batch, length):
    shape, what = (batch, length, 1000), 'encoder 6x384, %dx%d' % (batch, length)
    ours = peers.Ours(program, model, threads)
    peers.compare(what, ours, trainer(Encoder(ours.weights, length), shape, 1e-5, False), 3, 1e-4)
    peers.turns(what + ' step', ours, {
        name: trainer(Encoder(ours.weights, length), shape, 1e-5, fused)
        for name, fused in (('PyTorch', False), ('fused Adam', True))}, 7, 1)
    ours.close()


def main():
    for threads in (1, 2):
        print('%d thread%s:' % (threads, 's' if threads > 1 else ''), flush=True)
        torch.set_num_threads(threads)
        classifier(sys.argv[1], threads)
        encoder(sys.argv[1], threads, 'encoder', 8, 128)
        encoder(sys.argv[1], threads, 'encoder-short', 32, 64)


main()
