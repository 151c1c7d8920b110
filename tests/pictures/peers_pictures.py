"""peers_pictures.py ADDNORM EXAMPLES -- what Netron's and Mermaid's own parsers read of our
pictures.

Run by hand, with node there: Netron is the PyPI package `netron` of this Python; Mermaid is in the
folder that AN_MERMAID names, made by `npm install --prefix DIR mermaid jsdom` (DIR/node_modules).
What is not there is said. Of the examples' graphs Netron must have each box's type, attributes and
shapes, Mermaid each box and arrow; of hostile names (AN_NAMES=400, names.py) Mermaid must have the
text."""
import html
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

import names

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = {'gpt': [], 'translate': [], 'resnet': [], 'encoder': ['--blocks', '12']}


def run(*command, data=b''):
    made = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert made.returncode == 0, (command[:3], made.stderr[-800:])
    return made.stdout


def write(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, 'wb') as f:
        f.write(data)
    return path


def node(script, *arguments):
    lines = run('node', os.path.join(HERE, script), *arguments).decode().strip().split('\n')
    return [json.loads(line) for line in lines]


def count(things):
    tally = {}
    for t in things:
        tally[t] = tally.get(t, 0) + 1
    return tally


def check_netron(addnorm, folder, graphs):
    try:
        import netron
    except ImportError:
        return print('Netron: not there')
    where = os.path.dirname(netron.__file__)
    for name, path in graphs.items():
        text = run(addnorm, 'print', path).decode()
        ops = count(re.findall(r'(?m)^%\d+: [^=]* = (\w+)', text))
        dots = [write(folder, 'whole.dot', run(addnorm, 'dot', path, '--whole')),
                write(folder, 'usual.dot', run(addnorm, 'dot', path))]
        whole, usual = node('peers_netron.mjs', where, *dots)
        assert whole['kind'] == usual['kind'] == 'dot'
        assert not [n for n in whole['nodes'] + usual['nodes'] if n['type'] == n['id'] != 'legend']
        seen = count(n['type'] for n in whole['nodes'])
        for op in ops: # leaves are folded into their readers, steps of a scope are one box
            if op not in ('state', 'constant', 'count', 'fill',
                          'iota') and not op.endswith('_step'):
                assert seen.get(op) == ops[op], (name, op, seen.get(op), ops[op])
        norms = [n for n in whole['nodes'] if n['type'] in ('layer_norm', 'batch_norm')]
        for n in norms:
            assert 'eps=' in n['attributes']['attributes'], n
            assert n['attributes']['type'].startswith('f32['), n
        assert all(n['reads'] for n in norms)
        print('Netron: %s: %d boxes with types, %d kinds of ops, %d norms' % (
            name, len(whole['nodes']), len(seen), len(norms)))


def mermaid_text(text):
    """What is drawn: Mermaid keeps entities apart until then."""
    for kept, entity in (('\ufb02\xb0\xb0', '&#'), ('\ufb02\xb0', '&'), ('\xb6\xdf', ';')):
        text = text.replace(kept, entity)
    return html.unescape(re.sub(r'<br ?/?>', '\n', text))


def seen(text):
    """Without blanks; JavaScript has one more, a byte order mark."""
    return names.plain(text).replace('\ufeff', '')


def check_mermaid(addnorm, folder, graphs):
    modules = os.path.join(os.environ.get('AN_MERMAID', '/none'), 'node_modules')
    if not os.path.isdir(os.path.join(modules, 'mermaid')):
        return print('Mermaid: not there')
    charts = {name: run(addnorm, 'mermaid', path) for name, path in graphs.items()}
    paths = [write(folder, name + '.mmd', chart) for name, chart in charts.items()]
    for read, (name, chart) in zip(node('peers_mermaid.mjs', modules, *paths), charts.items()):
        source = chart.decode()
        boxes = set(re.findall(r'(?m)^ +(n\d+)\[', source)) | set(re.findall(r'(?m)^  (out\d+)\(',
                                                                             source))
        arrows = re.findall(r'(?m)^ +(\w+) (?:-->|-\.->|==>)(?:\|"[^\n]*"\|)? (\w+)$', source)
        assert {n['id'] for n in read['nodes']} == boxes, name
        assert sorted(map(tuple, read['arrows'])) == sorted(arrows), name
        print('Mermaid: %s: %d boxes, %d arrows, %d scopes' % (
            name, len(boxes), len(arrows), len(read['scopes'])))
    check_names(addnorm, folder, modules)


def check_names(addnorm, folder, modules):
    seed, total = int(os.environ.get('AN_SEED', 1)), int(os.environ.get('AN_NAMES', 400))
    chance, called = random.Random(seed), list(names.draw_names(total, seed))
    batches = [names.Batch(called[i:i + names.BATCH], chance) for i in range(0, total, names.BATCH)]
    paths = [write(folder, 'h%d.mmd' % i, run(addnorm, 'mermaid', '-', '--whole',
                                              data=b.text.encode()))
             for i, b in enumerate(batches)]
    wrong = 0
    for read, batch in zip(node('peers_mermaid.mjs', modules, *paths), batches):
        told = {}
        for n in read['nodes']:
            if n['text'].startswith('tanh'):
                told[int(n['id'][1:])] = mermaid_text(n['text'])[len('tanh'):]
        for (_, text), name in zip(sorted(told.items()), batch.names):
            want = names.pictured(name, 64)
            if seen(text) != seen(want):
                wrong += 1
                print('Mermaid: %r is %r' % (name, text))
        assert len(told) == len(batch.names), len(told)
    print('Mermaid: %d hostile names, %d wrong' % (total, wrong))
    assert wrong == 0


def main(addnorm, examples):
    if not shutil.which('node'):
        return print('Netron, Mermaid: node is not there')
    with tempfile.TemporaryDirectory() as folder:
        graphs = {}
        for name, options in EXAMPLES.items():
            graphs[name] = os.path.join(folder, name + '.an')
            run(os.path.join(examples, name), *options, '--graph', graphs[name])
        check_netron(addnorm, folder, graphs)
        check_mermaid(addnorm, folder, graphs)


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2])
