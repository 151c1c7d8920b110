"""graph_json.py ADDNORM: `addnorm json`, read by another reader and held to the graph's own text.

Of every golden graph that prints: each node's line has the operands, types, attributes, scope, name
and ordinal that the JSON has, and so have the roots' lines; and what a user may call things comes
through whole."""
import glob
import json
import re
import subprocess
import sys
import tempfile

ADDNORM = sys.argv[1]
WRONG = []


def run(*words, data=None):
    done = subprocess.run([ADDNORM, *words], input=data, capture_output=True, check=False)
    return done.returncode, done.stdout


def quoted(text):
    """As an_text_add_quoted has it."""
    out = ''
    for c in text:
        short = {'"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t', '\r': '\\r'}.get(c)
        out += short or ('\\x%02x' % ord(c) if ord(c) < 32 or ord(c) == 127 else c)
    return '"' + out + '"'


def line_of(node):
    """The node's line of text, from what the JSON says, up to its attributes."""
    operands = [i['value'] for i in node['inputs']]
    while operands and operands[-1] is None:
        operands.pop()
    types = ', '.join(o['type'] for o in node['outputs'])
    words = ', '.join('_' if v is None else '%' + v for v in operands)
    return types, words


def check(path, text):
    status, printed = run('print', '-', data=text)
    if status:
        return 0
    status, out = run('json', '-', data=text)
    graph = json.loads(out)
    printed = printed.decode('utf-8', 'replace')
    lines = dict(re.findall(r'^%(\d+): (.*)$', printed, re.M))
    if status or len(lines) != len(graph['nodes']):
        WRONG.append(f'{path}: {len(graph["nodes"])} nodes, {len(lines)} lines')
    for node in graph['nodes']:
        line = lines.get(str(node['node']), '')
        types, words = line_of(node)
        wanted = [types + ' = ' + node['op'], words, node['attributes']]
        if node['scope']:
            wanted.append('in ' + quoted(node['scope']))
        if node['name']:
            wanted.append(quoted(node['name']))
        if node['ordinal'] != node['node']:
            wanted.append(' ordinal %d' % node['ordinal'])
        if node['from']:
            of = ','.join('%%%d' % o for o in node['from']['of'])
            wanted.append(' from %s(%s)' % (node['from']['how'], of))
        for piece in wanted:
            if piece not in line:
                WRONG.append(f'{path}: %{node["node"]}: no {piece!r} in {line!r}')
    for root in graph['outputs']:
        if not re.search(r'^output ' + re.escape(quoted(root['name'])) + ' %' + re.escape(
                root['value']) + r'\b', printed, re.M):
            WRONG.append(f'{path}: no line of output {root}')
    updates = len(re.findall(r'^(?:update|pending) ', printed, re.M))
    if updates != len(graph['updates']):
        WRONG.append(f'{path}: {len(graph["updates"])} updates, not {updates}')
    names = {n['name'] for n in graph['nodes'] if n['op'] in ('input', 'state')}
    if names != {e['name'] for e in graph['inputs'] + graph['states']}:
        WRONG.append(f'{path}: other leaves: {names}')
    return 1


def check_bound():
    """Bytes and FLOPs need extents, and are there with them."""
    text = (b'graph "g"\n%1: f32[B,8] = input "x"\n%2: f32[8,4] = state "w"\n'
            b'%3: f32[B,4] = matmul %1, %2\noutput "y" %3\n')
    with tempfile.NamedTemporaryFile(suffix='.an') as file:
        file.write(text)
        file.flush()
        status, out = run('json', file.name)
        free = json.loads(out) if status == 0 else None
        status, out = run('json', file.name, '--bind', 'B=3')
        bound = json.loads(out) if status == 0 else None
    if not free or not bound:
        WRONG.append('a small graph is refused')
        return
    product = bound['nodes'][2]
    if (product['flops'], product['outputs'][0]['bytes']) != (2 * 3 * 8 * 4, 3 * 4 * 4):
        WRONG.append(f'a product at B=3: {product}')
    if free['nodes'][2]['flops'] is not None or free['nodes'][2]['outputs'][0]['shape'] != ['B', 4]:
        WRONG.append(f'a product without extents: {free["nodes"][2]}')


read = 0
for name in sorted(glob.glob('tests/golden/*.an') + glob.glob('tests/golden/*/*.an')):
    with open(name, 'rb') as source:
        read += check(name, re.split(rb'(?m)^---- ', source.read())[0])
check_bound()
if read < 10:
    WRONG.append(f'only {read} golden graphs could be read')
print('\n'.join(WRONG[:20]))
sys.exit(bool(WRONG))
