"""edits.py ADDNORM SEED FILE...: diff on edits of whole graphs, drawn from a seed.

Lines in another order that is a schedule, with other numbers, are no difference. A node put between
a value and one that reads it is one line more and one that changed, whichever way the files are
given. An op or a name that changes is one line. Prints what is wrong, with the seed."""
import json
import random
import re
import subprocess
import sys

command, seed, files = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
wrong = []
NODE = re.compile(r'%(\d+): (.*?) = (\w+)(.*)$')


def split_quoted(text):
    """The text outside of quotes and the quoted, by turns."""
    return re.split(r'("(?:[^"\\]|\\.)*")', text)


def with_numbers(line, number):
    """The line with its values renumbered, but not the ordinals of `from`."""
    line = re.sub(r' ordinal \d+| from \w+\([^)]*\)', '', line)
    return ''.join(part if part.startswith('"') else
                   re.sub(r'%(\d+)', lambda m: '%%%d' % number[int(m.group(1))], part)
                   for part in split_quoted(line))


def reads(line):
    bare = ''.join(part for part in split_quoted(line.split(' = ', 1)[1]) if not part.startswith('"'))
    return [int(n) for n in re.findall(r'%(\d+)', re.sub(r' from \w+\([^)]*\)', '', bare))]


def parse(text):
    lines = text.splitlines()
    nodes = {int(NODE.match(line).group(1)): line for line in lines if NODE.match(line)}
    first = next(i for i, line in enumerate(lines) if NODE.match(line))
    return lines[:first], nodes, [line for line in lines[first:] if not NODE.match(line)]


def shuffled(head, nodes, roots, draw):
    waiting, done, order = dict(nodes), set(), []
    while waiting:
        ready = [n for n, line in waiting.items() if set(reads(line)) <= done]
        chosen = draw.choice(ready)
        order.append(chosen)
        done.add(chosen)
        del waiting[chosen]
    number, at = {}, 0
    for n in order:
        at += draw.randint(1, 3)
        number[n] = at
    return '\n'.join(head + [with_numbers(nodes[n], number) for n in order] +
                     [with_numbers(line, number) for line in roots]) + '\n'


def inserted(head, nodes, roots, draw):
    """A node of an op that the graph has not, between a float and a node that reads it; None if
    there is no such place."""
    op = next(op for op in ('expm1', 'neg', 'tanh', 'abs')
              if not any(NODE.match(line).group(3) == op for line in nodes.values()))
    places = [(n, k) for n, line in nodes.items() for k in set(reads(line))
              if re.match(r'f32(\[[^\]]*\])?$', NODE.match(nodes[k]).group(2)) and
              not re.search(r'_step\b|_grad\b', NODE.match(line).group(3))]
    if not places:
        return None
    reader, value = draw.choice(places)
    kind = NODE.match(nodes[value]).group(2)
    number = {n: n if n < reader else n + 1 for n in nodes}
    out = list(head)
    for n, line in nodes.items():
        line = with_numbers(line, number)
        if n == reader:
            out.append('%%%d: %s = %s %%%d in "put/between"' % (reader, kind, op, number[value]))
            left, right = line.split(' = ', 1)
            parts = split_quoted(right)
            parts = [p if p.startswith('"') else re.sub(r'%%%d\b(?!\.)' % number[value], '%%%d' % reader, p)
                     for p in parts]
            line = left + ' = ' + ''.join(parts)
        out.append(line)
    return '\n'.join(out + [with_numbers(line, number) for line in roots]) + '\n'


def diff(a, b):
    open(files[0] + '.a', 'w').write(a)
    open(files[0] + '.b', 'w').write(b)
    done = subprocess.run([command, 'diff', '--json', files[0] + '.a', files[0] + '.b'],
                          capture_output=True, text=True)
    if done.returncode > 1:
        return done.returncode, done.stderr
    rows = json.loads(done.stdout)['rows']
    return done.returncode, ''.join(sorted(row['mark'] for row in rows))


def expect(path, what, a, b, answer, marks):
    got = diff(a, b)
    if got != (answer, marks):
        wrong.append('diff: %s of %s (seed %d): %s, not %s' % (what, path, seed, got, (answer, marks)))


tried = 0
for path in files:
    text = subprocess.run([command, 'print', path], capture_output=True, text=True).stdout
    head, nodes, roots = parse(text)
    plain = '\n'.join(head + [with_numbers(line, {n: n for n in nodes}) for line in nodes.values()] +
                      roots) + '\n'
    for turn in range(3):
        draw = random.Random('%d %d %s' % (seed, turn, path.split('/')[-1]))
        expect(path, 'another order', plain, shuffled(head, nodes, roots, draw), 0, '')
        longer = inserted(head, nodes, roots, draw)
        if longer:
            tried += 1
            expect(path, 'a node more', plain, longer, 1, '+~')
            expect(path, 'a node less', longer, plain, 1, '-~')
if tried < 10:
    wrong.append('diff: only %d edits were tried' % tried)
print('\n'.join(wrong), end='\n' if wrong else '')
sys.exit(1 if wrong else 0)
