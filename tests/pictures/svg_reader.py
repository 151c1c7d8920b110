"""svg_reader.py -- an SVG as painted shapes, texts and what they belong to; standard library only.

Knows what Graphviz and graph/memory write: polygons, paths of M, L, H, V, C and z, rects, ellipses,
lines, texts, and groups that move (translate) but do not turn. Curves become polygons. Texts are as
wide as Helvetica's metrics say, which Nimbus and Liberation share; a character not of ASCII counts
as a digit."""
import re
import xml.etree.ElementTree

PLAIN = ('278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 ' + '556 ' * 10 +
         '278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 '
         '667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 '
         '278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334 '
         '260 334 584')
BOLD = ('278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 ' + '556 ' * 10 +
        '333 333 584 584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 '
        '667 778 722 667 611 722 667 944 667 667 611 333 278 333 584 556 333 556 611 556 611 556 '
        '333 611 611 278 278 556 278 889 611 611 611 611 389 556 333 611 556 778 556 556 500 389 '
        '280 389 584')
WIDTHS = {False: [int(w) for w in PLAIN.split()], True: [int(w) for w in BOLD.split()]}
COLOURS = {'white': (255, 255, 255), 'black': (0, 0, 0), 'red': (255, 0, 0)}


def width_of(text, size, bold):
    return size / 1000 * sum(WIDTHS[bold][ord(c) - 32] if ' ' <= c <= '~' else 556 for c in text)


class Box:
    """left, top, right, bottom; y grows downwards."""

    def __init__(self, points):
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        self.left, self.right, self.top, self.bottom = min(xs), max(xs), min(ys), max(ys)

    def overlap(self, other):
        """How far they reach into each other: the smaller of both ways; not above 0: not at all."""
        return min(min(self.right, other.right) - max(self.left, other.left),
                   min(self.bottom, other.bottom) - max(self.top, other.top))

    def holds(self, other, slack=0.5):
        return (self.left <= other.left + slack and self.right >= other.right - slack and
                self.top <= other.top + slack and self.bottom >= other.bottom - slack)

    def has(self, point):
        return self.left < point[0] < self.right and self.top < point[1] < self.bottom


class Shape:
    def __init__(self, kind, points, fill, alpha, stroke, order, group):
        self.stroke_width = 1
        self.kind, self.points, self.fill, self.alpha = kind, points, fill, alpha
        self.stroke, self.order, self.group, self.box = stroke, order, group, Box(points)

    def covers(self, point):
        """Is the point within what it fills? Crossings to its right are odd."""
        if self.fill is None or not self.box.has(point):
            return False
        x, y = point
        inside, last = False, self.points[-1]
        for p in self.points:
            if (p[1] > y) != (last[1] > y):
                inside ^= x < (last[0] - p[0]) * (y - p[1]) / (last[1] - p[1]) + p[0]
            last = p
        return inside


class Text:
    def __init__(self, words, x, y, size, bold, anchor, fill, order, group):
        self.words, self.size, self.fill, self.order, self.group = words, size, fill, order, group
        shown = words.strip(' \xa0')
        width = width_of(shown, size, bold)
        lead = width_of(words[:len(words) - len(words.lstrip(' \xa0'))], size, bold)
        left = x + lead if anchor == 'start' else (
            x - width if anchor == 'end' else x - width_of(words, size, bold) / 2 + lead)
        self.box = Box([(left, y - 0.72 * size), (left + width, y + 0.21 * size)])
        self.empty = not shown

    def points(self):
        """Points behind it, from its first character to its last."""
        b = self.box
        y = (b.top + b.bottom) / 2
        return [(b.left + (b.right - b.left) * k / 4, y) for k in range(5)]


class Group:
    """What a <g> of Graphviz stands for: a node, an edge, a cluster or the graph."""

    def __init__(self, classes, name, title):
        self.kind, self.classes, self.name, self.title = classes[0], classes[1:], name, title
        self.shapes, self.texts, self.tooltip = [], [], ''


def colour(text):
    if text in (None, 'none', 'transparent', ''):
        return None
    if text in COLOURS:
        return COLOURS[text]
    found = re.fullmatch(r'#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})', text)
    if not found:
        raise ValueError('unknown colour ' + text)
    return tuple(int(part, 16) for part in found.groups())


def numbers(text):
    return [float(n) for n in re.findall(r'-?\d*\.?\d+(?:e-?\d+)?', text or '')]


def pairs(values):
    return list(zip(values[::2], values[1::2]))


def curve(a, b, c, d, steps=8):
    for k in range(1, steps + 1):
        t, s = k / steps, 1 - k / steps
        yield tuple(s ** 3 * a[i] + 3 * s * s * t * b[i] + 3 * s * t * t * c[i] + t ** 3 * d[i]
                    for i in (0, 1))


def path_points(d):
    points = []
    for letter, rest in re.findall(r'([a-zA-Z])([^a-zA-Z]*)', d):
        values, at = numbers(rest), points[-1] if points else (0, 0)
        if letter in 'ML':
            points += pairs(values)
        elif letter == 'l':
            for x, y in pairs(values):
                at = (at[0] + x, at[1] + y)
                points.append(at)
        elif letter in 'hvHV':
            for v in values:
                at = {'h': (at[0] + v, at[1]), 'v': (at[0], at[1] + v), 'H': (v, at[1]),
                      'V': (at[0], v)}[letter]
                points.append(at)
        elif letter == 'C':
            given = pairs(values)
            for i in range(0, len(given) - 2, 3):
                points += curve(points[-1], *given[i:i + 3])
        elif letter not in 'zZ':
            raise ValueError('unknown path ' + letter)
    return points


class Picture:
    """.width and .height in points or pixels, .shapes, .texts, .groups in the order of painting."""

    def __init__(self, path):
        self.shapes, self.texts, self.groups = [], [], []
        self.order = 0
        root = xml.etree.ElementTree.parse(path).getroot()
        self.width, self.height = (numbers(root.get(a))[0] for a in ('width', 'height'))
        top = Group(['graph'], '', '')
        self.groups.append(top)
        self.walk(root, (0, 0), top, root.get('fill') or 'black')

    def walk(self, element, offset, group, ink):
        for e in element:
            self.order += 1
            kind = e.tag.split('}')[-1]
            if kind == 'g':
                self.enter(e, offset, group, ink)
            elif kind == 'a':
                group.tooltip = e.get('{http://www.w3.org/1999/xlink}title') or group.tooltip
                self.walk(e, offset, group, ink)
            elif kind == 'text':
                self.add_text(e, offset, group, ink)
            elif kind in ('polygon', 'path', 'rect', 'ellipse', 'polyline', 'line'):
                self.add_shape(e, kind, offset, group)

    def enter(self, e, offset, group, ink):
        moved = re.search(r'translate\(([^)]*)\)', e.get('transform') or '')
        dx, dy = (numbers(moved.group(1)) + [0, 0])[:2] if moved else (0, 0)
        classes = (e.get('class') or '').split()
        if classes and classes[0] in ('node', 'edge', 'cluster'):
            title = e.find('{*}title')
            group = Group(classes, e.get('id'), title.text if title is not None else '')
            self.groups.append(group)
        self.walk(e, (offset[0] + dx, offset[1] + dy), group, ink)

    def add_text(self, e, offset, group, ink):
        words = ''.join(e.itertext())
        t = Text(words, offset[0] + float(e.get('x') or 0), offset[1] + float(e.get('y') or 0),
                 numbers(e.get('font-size'))[0], e.get('font-weight') == 'bold',
                 e.get('text-anchor') or 'start', colour(e.get('fill') or ink), self.order, group)
        turned = e.get('transform') and 'rotate' in e.get('transform')
        if not t.empty and not turned:
            group.texts.append(t)
            self.texts.append(t)

    def add_shape(self, e, kind, offset, group):
        value = lambda name: numbers(e.get(name))[0] if e.get(name) else 0
        if (e.get('width') or '').endswith('%'):
            points = [(0, 0), (self.width, 0), (self.width, self.height), (0, self.height)]
        elif kind == 'rect':
            x, y, w, h = (value(n) for n in ('x', 'y', 'width', 'height'))
            points = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
        elif kind == 'ellipse':
            x, y, w, h = (value(n) for n in ('cx', 'cy', 'rx', 'ry'))
            points = [(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)]
        elif kind == 'line':
            points = [(value('x1'), value('y1')), (value('x2'), value('y2'))]
        else:
            points = path_points(e.get('d')) if kind == 'path' else pairs(numbers(e.get('points')))
        if not points:
            return
        points = [(x + offset[0], y + offset[1]) for x, y in points]
        fill = colour(e.get('fill') or 'black') if kind != 'line' else None
        alpha = float(e.get('fill-opacity') or 1) * float(e.get('opacity') or 1)
        s = Shape(kind, points, fill, alpha, colour(e.get('stroke')), self.order, group)
        s.stroke_width = value('stroke-width') or 1
        group.shapes.append(s)
        self.shapes.append(s)

    def behind(self, text, point, solid):
        """The colour that the text stands on at that point, of `solid` shapes that may be there."""
        at = (255.0, 255.0, 255.0)
        for s in solid:
            if s.order < text.order and s.covers(point):
                at = tuple(s.alpha * f + (1 - s.alpha) * b for f, b in zip(s.fill, at))
        return at
