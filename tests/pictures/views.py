"""views.py ADDNORM BUILD -- the gallery is made in time, and each of its pictures can be read.

Runs examples/gallery.sh on BUILD, whose programs are there (AN_PICTURES=2000: all of it, else
without the encoder), and looks at every picture of the page as geometry.py does: nothing may be too
large, too small, too pale, overlapping or under the head of an arrow; arrows through labels are
counted. The page names every picture, and needs nothing from elsewhere. Then each of the five
things that a picture is for is looked for, as find.py does."""
import os
import re
import resource
import shutil
import subprocess
import sys

import find
from geometry import faults_of

CROSSED = 60  # arrows through labels, in any picture: what Graphviz's routing leaves
SECONDS = 60  # of processor time, for all of the gallery, by the programs as they are released
FULL = int(os.environ.get('AN_PICTURES', 100)) > 100 # or without the encoder, which takes 8 s
MODELS = ('classifier', 'encoder', 'gpt', 'translate', 'resnet')
MODELS = [m for m in MODELS if FULL or m != 'encoder']
PICTURES = ('inference', 'training', 'verify', 'fused', 'memory', 'profile')


def make_gallery(build):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    chosen = dict(os.environ, AN_BUILT='yes', AN_GALLERY=' '.join(MODELS))
    made = subprocess.run(['sh', 'examples/gallery.sh', build], env=chosen, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert made.returncode == 0, made.stdout.decode(errors='replace')
    took = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    print('gallery: %.1f s of processor time' % took)
    return took


def check_page(folder):
    page = open(os.path.join(folder, 'index.html'), encoding='utf-8').read()
    shown = re.findall(r'<img src="([^"]*)"', page)
    assert shown == ['%s-%s.svg' % (m, p) for m in MODELS for p in PICTURES], shown
    assert len(re.findall(r'<figcaption><b>[^<]+</b><span>[^<]+</span>\s*<code>[^<]+</code>',
                          page)) == len(shown), 'a picture without caption or command'
    for target in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert os.path.exists(os.path.join(folder, target)), target
    assert not re.search(r'https?:|url\(|<script|@import', page), 'the page needs the network'
    return [os.path.join(folder, name) for name in shown]


def main(addnorm, build):
    if not shutil.which('dot'):
        print('SKIP: pictures of the gallery: Graphviz is not installed')
        return 77
    took = make_gallery(build)
    failed = 0
    for path in check_page(os.path.join(build, 'gallery')):
        faults = faults_of(path)
        crossed = sum(kind == 'crossed' for kind, _ in faults)
        name = os.path.basename(path)
        bad = [f for f in faults if f[0] != 'crossed'] + (
            [('crossed', '%d labels' % crossed)] if crossed > CROSSED else [])
        for kind, what in bad:
            print('%s: %s: %s' % (name, kind, what))
        failed += len(bad)
    for what, where, good in find.all_of(os.path.join(build, 'gallery'), addnorm, MODELS):
        if not good:
            print('not found: %s in %s' % (what, where))
            failed += 1
    assert took <= SECONDS, 'the gallery takes %.1f s' % took
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2]))
