"""page.py ADDNORM: pages of a few graphs, read as a browser would read them.

A page is well-formed, asks for nothing from elsewhere, has all of its facts as JSON and its views as
SVG that an XML parser reads, is the same bytes each time, and has what a user calls things as it is,
whatever that is. Without Graphviz there is no page, and that is said and skipped."""
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree

ADDNORM = sys.argv[1]
WRONG = []
HOSTILE = ['</script><script>alert(1)</script>', '<!--<script>', '"\'&amp;&lt;', 'a\tb\x01c', '-->]]>',
           '\u2028\U0001f600', '\\u003c', 'x' * 300]
EMPTY = {'meta', 'link', 'br', 'img', 'input'}


class Reader(html.parser.HTMLParser):
    """Elements that close as they open, scripts by their id, and what is fetched."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.scripts, self.now = [], {}, None
        self.wrong, self.loads, self.title = [], [], ''

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in EMPTY:
            self.open.append(tag)
        if tag == 'script':
            self.now = attrs.get('id', 'script')
            self.scripts[self.now] = ''
        self.loads += [v for k, v in attrs.items() if k in ('src', 'href') and v != 'data:,']

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append('</%s> without its beginning' % tag)
        if tag == 'script':
            self.now = None

    def handle_data(self, data):
        if self.now:
            self.scripts[self.now] += data
        elif self.open and self.open[-1] == 'title':
            self.title += data


def make(*words):
    """The bytes of the page that a command writes as {}."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'page.html')
        done = subprocess.run([ADDNORM] + [w.replace('{}', path) for w in words],
                              capture_output=True, check=False)
        if not os.path.exists(path):
            WRONG.append('%s: exit %d: %s' % (words, done.returncode, done.stderr.decode()))
            return b''
        with open(path, 'rb') as file:
            return file.read()


def read(what, page):
    """The facts of a page that is well-formed."""
    reader = Reader()
    text = page.decode('utf-8')
    reader.feed(text)
    reader.close()
    wrong = list(reader.wrong)
    if reader.open:
        wrong.append('left open: %s' % reader.open)
    if reader.loads or re.search(r'@import|url\((?!#)|\bfetch\(|XMLHttpRequest|import\(', text):
        wrong.append('it loads something: %s' % reader.loads)
    facts = json.loads(reader.scripts.get('facts', 'null'))
    for view in facts['views']:
        svg = reader.scripts.get('view-%d' % view['id'], '')
        ids = [n.get('id') for n in tree.fromstring(svg).iter() if n.get('class') == 'node']
        if view['kind'] == 'memory':
            continue
        boxes = [re.fullmatch(r'[ab]?[nsopg]\d+:([\d.]+)', i) for i in ids]
        nodes = [int(n) for b in boxes if b for n in b.group(1).split('.')]
        most = max(len(g['nodes']) for g in facts['graphs'])
        if not nodes or min(nodes) < 1 or max(nodes) > most:
            wrong.append('view %d: its boxes are of nodes %s' % (view['id'], nodes[:5]))
    WRONG.extend('%s: %s' % (what, w) for w in wrong)
    return facts, reader.title


def quoted(text):
    out = text.replace('\\', '\\\\').replace('"', '\\"').replace('\t', '\\t')
    return '"' + out.replace('\x01', '\\x01') + '"'


def check_hostile(folder):
    """Names of all kinds come back from the JSON, and from the title, as they are."""
    for name in HOSTILE:
        path = os.path.join(folder, 'hostile.an')
        with open(path, 'w', encoding='utf-8') as file:
            q = quoted(name)
            file.write('graph %s\n%%1: f32[4] = input %s\n%%2: f32[4] = exp %%1 as %s in %s\n'
                       'output %s %%2\n' % (q, q, q, q, q))
        page = make('dot', path, '-o', '{}')
        if not page:
            continue
        facts, title = read(repr(name[:20]), page)
        graph = facts['graphs'][0]
        had = [graph['graph'], graph['nodes'][0]['name'], graph['nodes'][1]['name'],
               graph['nodes'][1]['scope'], graph['outputs'][0]['name']]
        if had != [name] * 5:
            WRONG.append('%r became %r' % (name[:20], had))
        if '\x01' not in name and title.split() != name.split():
            WRONG.append('the title %r became %r' % (name[:20], title))
    with open(path, 'wb') as file:
        file.write(b'graph "g"\n%1: f32[4] = input "x"\n%2: f32[4] = exp %1 at "\xff\xc3(":3\n'
                   b'output "y" %2\n')
    page = make('dot', path, '-o', '{}')
    if page and read('no UTF-8', page)[0]['graphs'][0]['nodes'][1]['file'] != '\ufffd\ufffd(':
        WRONG.append('bytes that are no UTF-8 became something else')


def main():
    if not shutil.which('dot'):
        print('SKIP: pages: Graphviz is not installed')
        return
    norm = 'tests/golden/fuse_early_user.an'
    first = make('dot', norm, '-o', '{}')
    if first != make('dot', norm, '-o', '{}'):
        WRONG.append('a second page is not the first')
    read('dot', first)
    facts, _ = read('opt', make('opt', norm, '-o', '{}'))
    if not facts['passes'] or not any(p['view'] is not None for p in facts['passes']):
        WRONG.append('no pass has a picture: %s' % facts['passes'])
    facts, _ = read('verify', make('verify', norm, '--dot', '{}'))
    if not facts['equivalence'] or len(facts['graphs']) != 2:
        WRONG.append('a comparison without both graphs')
    facts, _ = read('profile', make('profile', norm, '--steps', '2', '--dot', '{}'))
    if not facts['profile']['nodes'] or not facts['memory']['boxes']:
        WRONG.append('a profile without times or places')
    with tempfile.TemporaryDirectory() as folder:
        check_hostile(folder)


main()
print('\n'.join(WRONG[:20]))
sys.exit(bool(WRONG))
