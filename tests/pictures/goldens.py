"""goldens.py ADDNORM -- every graph of tests/golden/ gives a picture that can be read.

Each file's graphs (between lines that begin with ----) are drawn by default, and looked at as
geometry.py does. AN_PICTURES=2000 takes all of them, the default each third. First the checker
itself: of pictures with one fault planted, each must show that fault and no other."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

from geometry import KINDS, faults_of

GOOD = '''<svg xmlns="http://www.w3.org/2000/svg" width="400pt" height="300pt">
<g class="graph" transform="scale(1 1) rotate(0) translate(0 300)">
<polygon fill="white" stroke="transparent" points="0,0 0,-300 400,-300 400,0 0,0"/>
<g id="c1" class="cluster"><title>cluster_1</title>
<polygon fill="#f5f9ff" stroke="#a8c3ea" points="10,-10 10,-280 200,-280 200,-10 10,-10"/>
<text text-anchor="middle" x="40" y="-266" font-size="14.00" fill="#3c4043">forward</text></g>
<g id="n1" class="node"><title>n1</title>
<path fill="#263f5c" stroke="#16283c" d="M30,-200C30,-200 100,-200 100,-200 \
100,-200 100,-230 100,-230 100,-230 30,-230 30,-230 30,-230 30,-200 30,-200"/>
<text text-anchor="start" x="40" y="-212" font-size="11.00" fill="white">hello</text></g>
<g id="n2" class="node"><title>n2</title>
<polygon fill="#ffc15c" stroke="#d35400" points="30,-60 100,-60 100,-90 30,-90 30,-60"/>
<text text-anchor="start" x="40" y="-72" font-size="11.00">world</text></g>
<g id="e1" class="edge"><title>n1-&gt;n2</title>
<path fill="none" stroke="#3c4043" d="M65,-200C65,-160 65,-130 65,-96"/>
<polygon fill="#3c4043" stroke="#3c4043" points="62,-96 65,-90 68,-96 62,-96"/>
<text text-anchor="middle" x="90" y="-150" font-size="9.00" fill="#5f6368">f32[B]</text></g>
</g></svg>'''
PLANTED = (
    ('size', 'width="400pt"', 'width="4001pt"'),
    ('small', 'font-size="9.00"', 'font-size="8.00"'),
    ('contrast', 'fill="#5f6368">f32', 'fill="#9aa0a6">f32'),
    ('contrast', 'fill="white">hello', 'fill="black">hello'),
    ('boxes', '30,-60 100,-60 100,-90 30,-90 30,-60', '150,-60 230,-60 230,-90 150,-90 150,-60'),
    ('boxes', '30,-60 100,-60 100,-90 30,-90 30,-60', '30,-60 100,-60 100,-210 30,-210 30,-60'),
    ('labels', 'x="90" y="-150"', 'x="90" y="-80"'),
    ('labels', 'x="40" y="-266"', 'x="200" y="-266"'),
    ('outside', '>world<', '>a whole world<'),
    ('heads', 'x="90" y="-150"', 'x="76" y="-94"'),
    ('crossed', 'x="90" y="-150"', 'x="66" y="-150"'),
)


def look(folder, text):
    path = os.path.join(folder, 'p.svg')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    return faults_of(path)


def check_checker(folder):
    assert look(folder, GOOD) == [], look(folder, GOOD)
    for kind, old, new in PLANTED:
        assert GOOD.count(old) == 1, old
        found = {k for k, _ in look(folder, GOOD.replace(old, new))}
        assert kind in found, '%s: %s is not seen, but %s' % (new, kind, found)
    assert {kind for kind, _, _ in PLANTED} == set(KINDS)


def graphs():
    """(name, text) of every graph of every golden file."""
    root = os.path.join(os.path.dirname(__file__), '..', 'golden')
    for folder, _, files in sorted(os.walk(root)):
        for name in sorted(f for f in files if f.endswith('.an')):
            text = open(os.path.join(folder, name), encoding='utf-8').read()
            for i, part in enumerate(re.split(r'(?m)^----.*$', text)):
                if re.search(r'(?m)^graph "', part):
                    yield '%s, %d' % (name, i), part


def main(addnorm):
    if not shutil.which('dot'):
        print('SKIP: pictures of golden graphs: Graphviz is not installed')
        return 77
    every = 1 if int(os.environ.get('AN_PICTURES', 100)) > 100 else 3
    failed = drawn = 0
    with tempfile.TemporaryDirectory() as folder:
        check_checker(folder)
        path = os.path.join(folder, 'g.svg')
        for name, text in list(graphs())[::every]:
            made = subprocess.run([addnorm, 'dot', '-', '-o', path], input=text.encode(),
                                  stderr=subprocess.PIPE)
            if made.returncode == 3 and b'AN-E' in made.stderr:
                continue  # a file that must be refused
            bad = [f for f in faults_of(path) if f[0] != 'crossed'] if made.returncode == 0 else \
                [('drawing', made.stderr.decode(errors='replace'))]
            bad += [('told', made.stderr.decode())] if made.stderr else []
            for kind, what in bad:
                print('%s: %s: %s' % (name, kind, what))
            failed += len(bad)
            drawn += 1
    print('%d golden graphs drawn, %d faults' % (drawn, failed))
    return 1 if failed or drawn < 30 else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
