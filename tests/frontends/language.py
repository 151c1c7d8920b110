"""language.py ADDNORM: holds graph/text/LANGUAGE.md to the command and to the sources.

Its grammar takes every example on the page and every golden file, all of its rules are used by the
examples, the command reads the examples and prints them to themselves, its errors are said, and its
kinds of attributes are those of ops/attrs.def, each with an example. Prints what is wrong."""
import glob
import re
import subprocess
import sys

command, page = sys.argv[1], open('graph/text/LANGUAGE.md', encoding='utf-8').read()
wrong = []


def blocks(kind):
    return re.findall(r'^```' + kind + r'\n(.*?)^```', page, re.M | re.S)


# ---- a grammar as the page writes it: each rule gives all places at which it may end ----

TOKEN = re.compile(r'\s*("[^"]*"|/(?:\\.|[^/\\])*/|[\w-]+|[\[\]{}()|])')


def tokens(text):
    found, at = [], 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        found.append(match.group(1))
        at = match.end()
    return found


def read_choice(items):
    ways = [[]]
    while items and items[0] not in ')]}':
        item = items.pop(0)
        if item == '|':
            ways.append([])
        elif item in '([{':
            inner = read_choice(items)
            items.pop(0)
            ways[-1].append((item, inner))
        else:
            ways[-1].append(('t', item))
    return ways


rules = {}
for rule in blocks('ebnf')[0].splitlines():
    name, body = rule.split('=', 1)
    rules[name.strip()] = read_choice(tokens(body))
used = set()


def ends_of_choice(ways, text, at):
    return {end for way in ways for end in ends_of_list(way, text, at)}


def ends_of_list(way, text, at):
    places = {at}
    for part in way:
        places = {end for place in places for end in ends_of_part(part, text, place)}
    return places


def ends_of_part(part, text, at):
    kind, what = part
    if kind == '(':
        return ends_of_choice(what, text, at)
    if kind == '[':
        return {at} | ends_of_choice(what, text, at)
    if kind == '{':
        reached, new = {at}, {at}
        while new:
            new = {end for place in new for end in ends_of_choice(what, text, place)} - reached
            reached |= new
        return reached
    while at < len(text) and text[at] in ' \t\r':
        at += 1
    if what[0] == '"':
        word = what[1:-1]
        cut = word[-1].isalnum() and re.match(r'\w', text[at + len(word):])
        return {at + len(word)} if text.startswith(word, at) and not cut else set()
    if what[0] == '/':
        match = re.compile(what[1:-1]).match(text, at)
        return {match.end()} if match else set()
    found = ends_of_choice(rules[what], text, at)
    if found:
        used.add(what)
    return found


def takes(line):
    line = line.rstrip(' \t\r')
    return len(line) in ends_of_choice(rules['line'], line, 0)


# ---- examples ----

def run(words, text):
    done = subprocess.run([command, *words], input=text.encode(), capture_output=True)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


examples = blocks('an')
for example in examples:
    for line in example.splitlines():
        if not takes(line):
            wrong.append('the grammar does not take: ' + line)
    answer, once, said = run(['print', '-', '--locations'], example)
    if answer != 0:
        wrong.append('an example is refused: ' + said)
    again = run(['print', '-', '--locations'], once)
    if again[1] != once:
        wrong.append('an example does not print to itself: ' + again[2])
    wrong += ['the grammar does not take what is printed: ' + line
              for line in once.splitlines() if not takes(line)]
    for line in once.splitlines(): # a line that is cut off in the middle is no line
        if line.startswith('%') and takes(line[:line.index('=') + 1]):
            wrong.append('the grammar takes half of: ' + line)
unused = set(rules) - used - {'line'}
if unused:
    wrong.append('no example uses ' + ', '.join(sorted(unused)))
goldens = glob.glob('tests/golden/**/*.an', recursive=True)
for path in goldens:
    for line in open(path, encoding='utf-8').read().splitlines():
        prose = 'catalogue' in path and not re.match('%|graph|dims|output|update|pending|opaque', line)
        if not line.startswith('----') and not prose and not takes(line):
            wrong.append(path + ': the grammar does not take: ' + line)
if len(goldens) < 10 or len(examples) < 2:
    wrong.append('there are no examples')

# ---- errors ----

slips = re.findall(r'^(.*)\n-> (.*)\n', blocks('errors')[0], re.M)
for slip, says in slips:
    answer, _, said = run(['print', '-'], slip + '\n')
    if answer != 3 or says not in said or not re.search(r':1:\d+: error AN-E\d+ ', said):
        wrong.append('%s: says not "%s" but %s' % (slip, says, said))
if len(slips) < 10:
    wrong.append('there are no errors')

# ---- kinds of attributes ----

attrs = dict(re.findall(r'^AN_ATTR\((\w+), (\w+),', open('ops/attrs.def').read(), re.M))
table = page[page.index('| kind |'):].split('\n\n')[0].splitlines()[2:]
listed = {}
for row in table:
    cells = [cell.strip() for cell in row.strip('|').split('|')]
    for kind in re.findall(r'`(\w+)`', cells[0]):
        listed[kind] = cells[2]
if set(listed) != set(attrs.values()):
    wrong.append('kinds: %s' % sorted(set(listed) ^ set(attrs.values())))
for kind, example in listed.items():
    if kind in ('DTYPE', 'SHAPE'):
        continue
    name = re.match(r'`(\w+)=', example).group(1)
    if attrs.get(name) not in (kind, 'F32', 'F64'):
        wrong.append('%s is no %s' % (example, kind))
    if not takes('%1 = neg {' + example.strip('`') + '}'):
        wrong.append('the grammar does not take ' + example)
enums = open('ops/kinds.c').read()
for kind, array in (('TEST', 'tests'), ('FORM', 'forms')):
    words = re.findall(r'"(\w+)"', re.search(r'const %s\[\] = \{(.*?)\}' % array, enums, re.S).group(1))
    row = next(row for row in table if row.startswith('| `%s`' % kind))
    if re.findall(r'`(\w+)`', row)[1:] != words:
        wrong.append('%s: %s' % (kind, words))

print('\n'.join(wrong), end='\n' if wrong else '')
sys.exit(1 if wrong else 0)
