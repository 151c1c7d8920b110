"""find.py -- the five things that pictures are for: the command, and what to look for.

Each row of THINGS names a thing, the command that shows it of a graph (X is its .an file, U its
update table, D its dims), and how its element is told in the SVG: a kind of group, words in it,
and a colour of its box. It is visible without zoom if the words are at least 9 high in a picture of
at most 4,000 by 4,000."""
import os
import subprocess

from geometry import SIDE, SMALLEST
from svg_reader import Picture, colour

FUSED, NEW, HOT = '#ffc15c', '#b7e5c0', ('#ffb199', '#ffd08a', '#ffeccb')

# thing, its picture's name in the gallery, models (None: all), how it is found
THINGS = (
    ('Add & Norm', 'inference', ('classifier', 'encoder', 'gpt'),
     lambda p: boxes(p, 'Add & Norm', (FUSED,))),
    ('Add & Norm, in a closed scope', 'training', ('translate',),
     lambda p: boxes(p, 'Add & Norm', None)),
    ('the residual stream', 'inference', None, lambda p: stream(p)),
    ('the residual stream', 'training', None, lambda p: stream(p)),
    ('what was fused', 'fused', ('classifier', 'gpt'), lambda p: boxes(p, 'Add & Norm', (NEW,))),
    ('what it was made of', 'fused', ('classifier', 'gpt'),
     lambda p: boxes(p, 'residual_add', ('#ffffff',))),
    ('where time goes', 'profile', None, lambda p: boxes(p, None, HOT)),
    ('where memory peaks', 'memory', None,
     lambda p: [t for t in p.texts if t.words.startswith('peak in wave')]),
)


def boxes(picture, words, fills, legend=False):
    """Texts that say so in a node with a box of such a colour; without words: the nodes' names."""
    found = []
    for g in picture.groups:
        if g.kind != 'node' or (g.title == 'legend') != legend:
            continue
        if fills and not any(s.fill in [colour(f) for f in fills] for s in g.shapes):
            continue
        found += [t for t in g.texts if words is None or words in t.words]
    return found


def stream(picture):
    """The legend's word for it, if there are arrows of its class, and these are thick."""
    arrows = [g for g in picture.groups if g.kind == 'edge' and 'stream' in g.classes]
    thick = [s for g in arrows for s in g.shapes if s.stroke_width >= 2]
    return boxes(picture, 'residual stream', None, legend=True) if arrows and thick else []


def visible(picture, texts):
    return max(picture.width, picture.height) <= SIDE and any(t.size >= SMALLEST for t in texts)


def all_of(folder, addnorm, shown):
    """(thing, picture, whether it is there) of all rows and models; and of the words of `opt`."""
    for what, name, models, find in THINGS:
        for model in [m for m in models or shown if m in shown]:
            path = os.path.join(folder, '%s-%s.svg' % (model, name))
            picture = Picture(path)
            yield what, os.path.basename(path), visible(picture, find(picture))
    for model in [m for m in shown if m != 'resnet']:
        told = subprocess.run([addnorm, 'opt', os.path.join(folder, model + '.an'), '--explain'],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).stderr
        yield 'what was fused, in words', model, b'became add_norm' in told
