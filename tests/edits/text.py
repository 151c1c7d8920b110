"""text.py: a graph's text as nodes and roots, for edits.py and laws.py.

Reads only what the printer writes, and only as much as an edit needs to know."""
import re

NODE = re.compile(r"%(\d+): (.*?) = (\w+)(.*)$")


def split(text, separator=","):
    """Splits where no bracket, brace or parenthesis is open."""
    parts, depth, part = [], 0, ""
    for c in text:
        depth += (c in "([{") - (c in ")]}")
        if c == separator and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += c
    return parts + [part.strip()] if part.strip() else parts


class Node:
    """One line: number, types, op, operands as (number, output) or None, name, attributes."""

    def __init__(self, line, at):
        m = NODE.match(line)
        self.at, self.line = at, line
        self.number, self.types, self.op = int(m[1]), split(m[2]), m[3]
        rest = m[4]
        braces = re.search(r" \{(.*?)\}(?= |$)", rest)
        self.attrs = dict(a.split("=", 1) for a in split(braces[1])) if braces else {}
        head = rest[: braces.start()] if braces else rest
        head = re.split(r' (?:in|ordinal|from|at) ', head + " ")[0]
        name = re.search(r'"((?:[^"\\]|\\.)*)"', head)
        self.name = name[1] if name else None
        self.operands = re.findall(r"%\d+(?:\.\d+)?|(?<= )_(?=,|\s|$)", head.split('"')[0])
        self.tail = rest[braces.end():] if braces else rest[len(head.rstrip()):]

    def reads(self):
        """Operands as (node, output)."""
        for o in self.operands:
            if o != "_":
                number, _, output = o[1:].partition(".")
                yield int(number), int(output or 0)

    def written(self, operands=None, attrs=None, name=None, op=None):
        """The line with something else in it."""
        operands = self.operands if operands is None else operands
        attrs = self.attrs if attrs is None else attrs
        name = self.name if name is None else name
        text = f"%{self.number}: {', '.join(self.types)} = {op or self.op}"
        if operands:
            text += " " + ", ".join(operands)
        if name is not None:
            text += f' "{name}"'
        if attrs:
            text += " {" + ", ".join(f"{k}={v}" for k, v in attrs.items()) + "}"
        return text + self.tail


class Graph:
    def __init__(self, lines):
        self.lines = lines
        self.nodes, self.outputs, self.updates, self.pending = {}, [], [], []
        for at, line in enumerate(lines, 1):
            if line.startswith("%"):
                n = Node(line, at)
                self.nodes[n.number] = n
            elif line.startswith("output"):
                m = re.match(r'output "(.*)" %(\d+)(?:\.(\d+))?$', line)
                self.outputs.append((at, m[1], (int(m[2]), int(m[3] or 0))))
            elif line.startswith("update"):
                m = re.match(r'update "(.*)" %(\d+) <- %(\d+)(?:\.(\d+))?$', line)
                self.updates.append((at, m[1], int(m[2]), (int(m[3]), int(m[4] or 0))))
            elif line.startswith("pending"):
                m = re.match(r"pending %(\d+) <- %(\d+)(?:\.(\d+))? when %(\d+)(?:\.(\d+))?$", line)
                self.pending.append((int(m[1]), (int(m[2]), int(m[3] or 0)),
                                     (int(m[4]), int(m[5] or 0))))

    def type_of(self, value):
        return self.nodes[value[0]].types[value[1]]

    def needed(self):
        """The numbers of the nodes that some root depends on: here all that is pending is taken."""
        todo = [v[0] for _, _, v in self.outputs]
        for _, _, state, value in self.updates:
            todo += [state, value[0]]
        seen = set()
        while todo:
            n = todo.pop()
            if n not in seen:
                seen.add(n)
                todo += [number for number, _ in self.nodes[n].reads()]
        return seen
