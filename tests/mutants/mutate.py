#!/usr/bin/env python3
"""mutate.py TABLE SOURCE_ROOT OUTPUT_FOLDER FILE... -- copies of FILEs with every mutant inside.

Each piece that a mutant replaces becomes a choice by the variables an_mutant and an_planted, so
that one program holds them all; where both are 0 it is the original. Copies have flat names
(graph/grad.c becomes graph_grad.c), say with #line where they come from, and include each other
instead of the originals. OUTPUT_FOLDER/mutants_table.c lists the mutants. The table's format is
explained at its head; what does not fit the sources exactly is an error, so that it cannot rot.
"""
import os
import re
import sys


PRELUDE = '''extern int an_mutant, an_planted;
#define AN_MUTATED(number) (an_mutant == number || an_planted == number)
'''


def stop(message):
    sys.exit('mutate.py: ' + message)


def read_table(path):
    """Mutants as dicts: name, breaks, same, and edits [file, function, before, after]."""
    mutants, field = [], None
    for number, line in enumerate(open(path), 1):
        line, where = line.rstrip('\n'), '%s:%d' % (path, number)
        if not line.strip() or line.startswith('#'):
            field = None
        elif line.startswith(' ') and field:
            field[0][field[1]] += ' ' + line.strip()
        elif line.startswith('['):
            mutants.append({'name': line.strip('[]'), 'breaks': '', 'same': '', 'edits': []})
        elif re.match(r'(breaks|same) ', line):
            key, text = line.split(None, 1)
            mutants[-1][key] = text
            field = (mutants[-1], key)
        elif re.match(r'at \S+ .', line):
            mutants[-1]['edits'].append(line.split(None, 2)[1:] + ['', ''])
        elif re.match(r'[-+] ', line):
            edit = mutants[-1]['edits'][-1]
            at = 2 if line[0] == '-' else 3
            if edit[at]:
                stop(where + ': "at" is missing')
            edit[at] = line[2:].strip()
            field = (edit, at)
        else:
            stop(where + ': cannot read this line')
    names = [m['name'] for m in mutants]
    for m in mutants:
        if names.count(m['name']) > 1 or not m['breaks'] or not m['edits']:
            stop('mutant "%s" is incomplete or listed twice' % m['name'])
    return mutants


def function_span(text, name, where):
    """From the line that defines function `name` to its closing brace."""
    starts = [m.start() for m in re.finditer(r'^\w[^\n;#]*\b%s\(' % re.escape(name), text, re.M)
              if re.match(r'[^;{]*\n\{', text[m.start():])]
    if len(starts) != 1:
        stop('%s: %d functions "%s"' % (where, len(starts), name))
    return starts[0], text.index('\n}', starts[0])


def find_piece(text, edit, where):
    """The span that an edit replaces: all of its "-" line, or what {{ }} marks there."""
    begin, end = function_span(text, edit[1], where)
    parts = re.match(r'(?:(.*)\{\{)?(.*?)(?:\}\}(.*))?$', edit[2])
    before, piece, after = (p or '' for p in parts.groups())
    spaced = [r'\s+'.join(map(re.escape, p.split())) for p in (before, piece, after)]
    pattern = spaced[0] + r'\s*(?P<piece>' + spaced[1] + r')\s*' + spaced[2]
    found = list(re.finditer(pattern, text[begin:end]))
    if len(found) != 1:
        stop('%s: "%s" occurs %d times in %s' % (where, edit[2], len(found), edit[1]))
    return begin + found[0].start('piece'), begin + found[0].end('piece')


def chosen(piece, choices):
    """The piece, or what a mutant puts there; lines are kept, so that numbers stay right."""
    statement = piece.endswith(';')
    for number, after in reversed(choices):
        if statement:
            piece = '{ if (AN_MUTATED(%d)) { %s } else { %s } }' % (number, after, piece)
        else:
            piece = '(AN_MUTATED(%d) ? (%s) : (%s))' % (number, after, piece)
    return piece


def mutated(text, pieces):
    """`pieces`: [begin, end, number, after]. One may lie inside another, none across its edge."""
    spans = {}
    for begin, end, number, after in pieces:
        spans.setdefault((begin, end), []).append((number, after))

    def render(begin, end, inside):
        result, at = '', begin
        while inside:
            first = inside[0]
            within = [s for s in inside[1:] if s[0] < first[1]]
            if any(s[1] > first[1] for s in within):
                stop('two pieces cross: ' + text[first[0]:first[1]])
            result += text[at:first[0]]
            result += chosen(render(first[0], first[1], within), spans[first])
            at, inside = first[1], inside[1 + len(within):]
        return result + text[at:end]

    return render(0, len(text), sorted(spans, key=lambda s: (s[0], -s[1])))


def quoted(text):
    return '"%s"' % text.replace('\\', '\\\\').replace('"', '\\"')


def write_list(path, mutants):
    with open(path, 'w') as out:
        out.write('#include "tests/mutants/mutants.h"\n\nint an_mutant, an_planted;\n\n'
                  'const an_mutant_row an_mutants[] = {\n')
        for m in mutants:
            row = [quoted(m['name']), quoted(m['edits'][0][0]), quoted(m['breaks'])]
            out.write('    {%s, %s},\n' % (', '.join(row), quoted(m['same']) if m['same'] else '0'))
        out.write('};\nconst int an_mutant_count = %d;\n' % len(mutants))


def main():
    table, root, folder, files = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    mutants = read_table(table)
    texts = {f: open(os.path.join(root, f)).read() for f in files}
    pieces = {f: [] for f in files}
    for number, m in enumerate(mutants, 1):
        for edit in m['edits']:
            where = 'mutant "%s", %s' % (m['name'], edit[0])
            if edit[0] not in files:
                stop(where + ': the build file does not list that source')
            begin, end = find_piece(texts[edit[0]], edit, where)
            pieces[edit[0]].append((begin, end, number, edit[3]))
    for f in files:
        if not pieces[f]:
            stop('no mutant is in ' + f)
        text = mutated(texts[f], pieces[f])
        for other in files:
            text = text.replace('#include "%s"' % other,
                                '#include "%s"' % other.replace('/', '_'))
        with open(os.path.join(folder, f.replace('/', '_')), 'w') as out:
            out.write(PRELUDE + '#line 1 "%s"\n%s' % (f, text))
    write_list(os.path.join(folder, 'mutants_table.c'), mutants)


main()
