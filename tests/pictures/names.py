"""names.py ADDNORM [FORMAT ...] -- what is called anything is drawn, read and called that still.

Names by chance, of what breaks labels, strings and pages, are the inputs, outputs, labels, scopes
and files of graphs, many a graph. What the command writes of a graph in each format of FORMATS is
read by that format's reader, and each name must come out as its rule says: pictures show U+FFFD for
what is no character of XML, a space for a tab, and end long names in an ellipsis; JSON keeps all
but bytes that are no UTF-8. AN_NAMES=100000 tries so many (tests/run.sh --full pictures), AN_SEED=7
others.

A format is a row: its name, what asks for it, what reads it and tells what each node is called."""
import html
import html.parser
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

BATCH = 100

PIECES = (
    '"', "'", '\\', '\\N', '\\L', '\\G', '\\E', '\\T', '\\H', '\\n', '\\"', '{', '}', '|', '{|}',
    '<', '>', '<b>', '</TABLE>', '<script>alert(1)</script>', '<!--', '-->', ']]>', '<![CDATA[',
    '<?xml?>', '&', '&amp;', '&lt;', '&#0;', '&#x41;', '&nbsp;', '&bogus;', ';', '#', '#quot;',
    '#35;', '%%', '%s%n', '%', '`', '```', '$', '${x}', '~', '^', '*', '_', '**b**', '[', ']', '(',
    ')', '((x))', '[[', '@{', '@', '--', '->', '==>', '-.->', 'end', 'subgraph', 'graph', 'click',
    'style', 'class', 'node', 'digraph', '//', '/* */', '# c', '\n', '\r', '\r\n', '\t', ' ', '  ',
    '\x01', '\x02\x1b[0m', '\x08', '\x0b', '\x0c', '\x1f', '\x7f', '\x80', '\x85', '\x9f', '\xa0',
    '\xad', '\u0301', 'e\u0301', '\u200b', '\u200d', '\u200e', '\u200f', '\u202a', '\u202e',
    '\u2066', '\u2069', '\u2028', '\u2029', '\ufeff', '\ufffd', '\ufffe', '\uffff', '\ufdd0',
    '\U0001f600', '\U0001f468\u200d\U0001f469', '\U0001f1e9\U0001f1ea', '\U0001fffe', '\U0010ffff',
    '\ue000', 'h\xe9llo', '\u4f60\u597d', '\u0645\u0631\u062d\u0628\u0627', '\u0e01\u0e33', 'a',
    'B', 'x1', '0', '-1', '1e9', 'null', 'true', '__proto__', 'constructor', 'javascript:alert(1)',
    'http://x/?a=b&c=d', 'n1', 'cluster_1', 'out1', 'legend', 'a' * 70, 'w ' * 40, '\u4f60' * 70)
NO_UTF8 = (b'\xff', b'\xfe\xff', b'\xc3', b'\xc3(', b'\xed\xa0\x80', b'\xf4\x90\x80\x80',
           b'\xc0\xaf', b'\xe2\x82')


def draw_names(count, seed):
    chance = random.Random(seed)
    for i in range(count):
        if i < len(PIECES):
            yield PIECES[i]
        else:
            yield ''.join(chance.choice(PIECES) for _ in range(chance.randint(1, 5)))


def quoted(data):
    """As .an text has it: what is not plain stands as \\xHH."""
    return '"' + ''.join(chr(b) if 32 <= b < 127 and b not in b'"\\' else '\\x%02x' % b
                         for b in data) + '"'


class Batch:
    """A chain of tanh: node i + 2 has name i as its label, all else has names, too."""

    def __init__(self, names, chance):
        self.names = names
        text = ['graph %s' % quoted(names[0].encode()),
                '%%1: f32[4] = input %s' % quoted(names[-1].encode())]
        self.files, self.called = [], [] # called: as messages call the node
        for i, name in enumerate(names):
            file = name.encode() + chance.choice(NO_UTF8)
            scope = names[i // 10].replace('/', '').encode() or b'scope'
            self.files.append(file)
            self.called.append('%s/%s' % (scope.decode(), name))
            text.append('%%%d: f32[4] = tanh %%%d as %s in %s at %s:%d' % (
                i + 2, i + 1, quoted(name.encode()), quoted(scope), quoted(file), i + 1))
        text += ['output %s %%%d' % (quoted(name.encode()), i + 2)
                 for i, name in enumerate(sorted(set(names), key=names.index)) if i % 10 == 0]
        text.append('output "the last of all" %%%d' % (len(names) + 1))
        self.text = '\n'.join(text) + '\n'


# ---- the rules ---------------------------------------------------------------


def in_xml(c):
    code = ord(c)
    return c in '\n\t' or 0x20 <= code < 0x7f or code >= 0xa0 and code not in (0xfffe, 0xffff)


def pictured(name, limit):
    """What a picture shows of a name: at most so many characters, then an ellipsis."""
    shown = ''.join(c if in_xml(c) else '\ufffd' for c in name.replace('\t', ' '))
    return shown[:limit] + ('\u2026' if len(shown) > limit else '')


def plain(text):
    """Without what a layout may break or fill: blanks of any kind."""
    return re.sub(r'[\s\xa0\u2028\u2029\x85]+', '', text)


def replaced(data):
    """Bytes as a picture has them: each that is no UTF-8 is one U+FFFD."""
    out = ''
    while data:
        for size in (1, 2, 3, 4):
            try:
                out += data[:size].decode('utf-8')
                break
            except UnicodeDecodeError:
                pass
        else:
            out, size = out + '\ufffd', 1
        data = data[size:]
    return out


# ---- readers -----------------------------------------------------------------


def run(command, data):
    made = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert made.returncode == 0, '%s: %s' % (' '.join(command[1:3]), made.stderr[:500])
    return made.stdout


def read_dot(batch, source, folder):
    """Graphviz takes it; labels are what stands in the source."""
    run(['dot', '-Tcanon'], source)
    labels = re.findall(r'<B>tanh</B>  <I>(.*?)</I>>, tooltip="((?:[^"\\]|\\.)*)"', source.decode(),
                        re.S)
    return read_nodes(batch, labels, unescape)


def unescape(label):
    label = re.sub(r'<BR/>(?:<FONT[^>]*> </FONT><BR/>)?', '\n', label)
    for entity, c in (('&lt;', '<'), ('&gt;', '>'), ('&quot;', '"'), ('&#93;', ']'), ('\\\\', '\\'),
                      ('&amp;', '&')):
        label = label.replace(entity, c)
    return label


def read_nodes(batch, pairs, text_of):
    """Labels and tooltips, in the order of the nodes, against the rule."""
    assert len(pairs) == len(batch.names), len(pairs)
    for (label, _), name in zip(pairs, batch.names):
        yield plain(text_of(label)), plain(pictured(name, 64)), name


def read_svg(batch, source, folder):
    """An XML parser takes what Graphviz draws of it; tooltips hold every name in full."""
    root = xml.etree.ElementTree.fromstring(run(['dot', '-Tsvg'], source))
    for e in root.iter('{http://www.w3.org/2000/svg}a'):
        title = e.get('{http://www.w3.org/1999/xlink}title') or ''
        found = re.match(r'tanh %(\d+) ', title)
        if not found:
            continue
        i = int(found.group(1)) - 2
        name = batch.names[i]
        want = 'tanh %%%d %s in ' % (i + 2, pictured(name, 10 ** 6))
        yield plain(title)[:len(plain(want))], plain(want), name
        file = pictured(replaced(batch.files[i]), 10 ** 6) + ':%d' % (i + 1)
        yield plain(file) in plain(title), True, file
        label = ''.join(''.join(t.itertext()) for t in e.iter('{http://www.w3.org/2000/svg}text'))
        yield plain(label), plain('tanh' + pictured(name, 64)), name


def read_chromium(batch, source, folder):
    """A browser takes the picture as XML, and has the tooltips that an XML parser has."""
    path = os.path.join(folder, 'c.svg')
    with open(path, 'wb') as f:
        f.write(run(['dot', '-Tsvg'], source))
    shown = run(['chromium', '--headless', '--no-sandbox', '--disable-gpu', '--dump-dom',
                 'file://' + path], b'').decode()
    assert '<parsererror' not in shown, shown[:500]
    titles = [html.unescape(t) for t in re.findall(r'xlink:title="([^"]*)"', shown)]
    want = [e.get('{http://www.w3.org/1999/xlink}title') for e in
            xml.etree.ElementTree.parse(path).iter('{http://www.w3.org/2000/svg}a')]
    for got, wanted, name in zip(titles, want, ['the graph'] * len(want)):
        yield got, wanted, name
    assert len(titles) == len(want) >= len(batch.names)


def read_memory_svg(batch, source, folder):
    root = xml.etree.ElementTree.fromstring(open(os.path.join(folder, 'm.svg'), 'rb').read())
    titles = [e.text or '' for e in root.iter('{http://www.w3.org/2000/svg}title')]
    told = {t.split('\n')[0] for t in titles}
    for called, name in zip(batch.called, batch.names):
        yield pictured(called.replace('\n', '\ufffd'), 300) in told, True, name


def read_memory_json(batch, source, folder):
    told = {b['name'] for b in json.loads(source)['boxes']}
    for called, name in zip(batch.called, batch.names):
        yield called in told, True, name


def read_trace(batch, source, folder):
    with open(os.path.join(folder, 't.json'), encoding='utf-8') as f:
        events = json.load(f)['traceEvents']
    import trace_schema
    trace_schema.check(events)
    told = {e['args']['node']: e for e in events if 'node' in e.get('args', {})}
    for i, name in enumerate(batch.names):
        e = told[i + 2]
        yield e['name'], batch.called[i], name
        yield e['args']['file'], batch.files[i].decode('utf-8', 'replace'), name


def check_nodes(batch, graph):
    told = {n['ordinal']: n for n in graph['nodes']}
    for i, name in enumerate(batch.names):
        node = told[i + 2]
        yield node['name'], name, name
        yield node['scope'] + '/' + name, batch.called[i], name
        yield node['file'], batch.files[i].decode('utf-8', 'replace'), name


def read_graph_json(batch, source, folder):
    return check_nodes(batch, json.loads(source))


class Scripts(html.parser.HTMLParser):
    """What stands in the scripts of a page; nothing that a user named is an element of it."""

    def __init__(self):
        super().__init__()
        self.inside, self.kinds, self.texts = False, [], []

    def handle_starttag(self, tag, attributes):
        self.inside = tag == 'script'
        if self.inside:
            self.kinds.append(dict(attributes).get('id'))
            self.texts.append('')

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.texts[-1] += data


def read_html(batch, source, folder):
    page = Scripts()
    with open(os.path.join(folder, 'p.html'), encoding='utf-8') as f:
        page.feed(f.read())
    views = [k for k in page.kinds if k and k.startswith('view-')]
    assert page.kinds == ['facts'] + views + [None], page.kinds
    return check_nodes(batch, json.loads(page.texts[0])['graphs'][0])


def read_opt_json(batch, source, folder):
    graph = json.loads(source)['graph']
    for name in batch.names:
        yield quoted_again(name) in graph, True, name


def quoted_again(name):
    return re.sub(r'[\x00-\x1f"\\\x7f]', lambda m: {'\n': '\\n', '\t': '\\t', '\r': '\\r',
                                                    '"': '\\"',
                  '\\': '\\\\'}.get(m.group(), '\\x%02x' % ord(m.group())), name)


def read_mermaid(batch, source, folder):
    """A chart's lines hold each name; its own parser is asked by peers_mermaid.py."""
    labels = re.findall(r'n(\d+)\["tanh(?:<br/>)(.*)"\]\n', source.decode())
    labels = [label for _, label in sorted(labels, key=lambda found: int(found[0]))]
    for label, name in zip(labels, batch.names):
        text = label.replace('<br/>', '\n')
        for entity, c in (('#lt;', '<'), ('#gt;', '>'), ('#quot;', '"'), ('#35;', '\0'), ('#96;',
                                                                                          '`'),
                          ('#amp;', '&')):
            text = text.replace(entity, c)
        yield plain(text.replace('\0', '#')), plain(pictured(name, 64)), name


# name, what the command is asked for (@ is a folder), what reads it
FORMATS = (
    ('dot', ['dot', '-', '--whole', '--no-legend'], read_dot),
    ('svg', ['dot', '-', '--whole', '--no-legend'], read_svg),
    ('chromium', ['dot', '-', '--whole', '--no-legend'], read_chromium),
    ('mermaid', ['mermaid', '-', '--whole'], read_mermaid),
    ('graph json', ['json', '-'], read_graph_json),
    ('html', ['dot', '-', '-o', '@/p.html'], read_html),
    ('opt json', ['opt', '-', '--json', '--passes', 'canonicalise'], read_opt_json),
    ('memory json', ['memory', '-', '--json', '--passes', 'canonicalise'], read_memory_json),
    ('memory svg', ['memory', '-', '--passes', 'canonicalise', '-o', '@/m.svg'], read_memory_svg),
    ('trace', ['profile', '-', '--steps', '1', '--passes', 'canonicalise', '--trace', '@/t.json'],
     read_trace),
)


USUAL = [f for f in FORMATS if f[0] != 'chromium'] # which runs where it is named


def main(addnorm, only):
    count = int(os.environ.get('AN_NAMES', 500))
    seed = int(os.environ.get('AN_SEED', 1))
    chance = random.Random(seed)
    names = list(draw_names(count, seed))
    formats = [f for f in FORMATS if f[0] in (only or [name for name, _, _ in USUAL])]
    if not shutil.which('dot'):
        print('SKIP: names in dot and svg: Graphviz is not installed')
        formats = [f for f in formats if f[0] not in ('dot', 'svg', 'chromium')]
    if not shutil.which('chromium') and 'chromium' in only:
        print('SKIP: names in a browser: Chromium is not installed')
        formats = [f for f in formats if f[0] != 'chromium']
    failed, tried = 0, dict.fromkeys((f[0] for f in formats), 0)
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, count, BATCH):
            batch = Batch(names[start:start + BATCH], chance)
            for name, arguments, read in formats:
                command = [addnorm] + [a.replace('@', folder) for a in arguments]
                for got, want, of in read(batch, run(command, batch.text.encode()), folder):
                    tried[name] += 1
                    if got != want:
                        failed += 1
                        if failed <= 20:
                            print('%s: %r: %r, not %r' % (name, of, got, want))
    print('seed %d, %d names: %s' % (seed, count, ', '.join('%s %d' % t for t in tried.items())))
    assert min(tried.values(), default=count) >= count, 'names that nobody looked at'
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
