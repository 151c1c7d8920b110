"""geometry.py [-v] FILE.svg ... -- is the picture readable? Every fault found, a line a kind.

What is looked at, by name (LIMITS has how much of it is too much):
  size      the picture is at most 4,000 by 4,000 points
  small     a text of less than 9 units
  contrast  a text of less than 4.5 (WCAG 2) against what is behind it: fills, tints, blends
  boxes     two boxes overlap, or a box stands on the border of a cluster; clusters cross
  labels    two texts overlap, or a text and a box that is not its own
  outside   a text is wider than the box it stands in
  heads     a text lies under the head of an arrow
  crossed   an arrow runs through a text
Used by views.py; as a program it looks at files of any graph."""
import sys

from svg_reader import Picture

KINDS = ('size', 'small', 'contrast', 'boxes', 'labels', 'outside', 'heads', 'crossed')
SIDE, SMALLEST, CONTRAST, TOUCH = 4000, 9, 4.5, 1.0


def luminance(rgb):
    linear = [c / 255 / 12.92 if c / 255 <= 0.03928 else ((c / 255 + 0.055) / 1.055) ** 2.4
              for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def neighbours(things, reach):
    """Pairs of things whose boxes may overlap: a sweep from left to right."""
    ordered = sorted(things, key=lambda t: t.box.left)
    for i, a in enumerate(ordered):
        for b in ordered[i + 1:]:
            if b.box.left > a.box.right - reach:
                break
            if a.box.overlap(b.box) > reach:
                yield a, b


def body(group):
    """The shape that is a node's or a cluster's box: the largest."""
    return max(group.shapes, key=lambda s: (s.box.right - s.box.left) * (s.box.bottom - s.box.top))


def runs_through(points, box):
    """Does the line reach the middle of the box, two points within its border?"""
    for a, b in zip(points, points[1:]):
        if min(a[0], b[0]) > box.right or max(a[0], b[0]) < box.left or \
                min(a[1], b[1]) > box.bottom or max(a[1], b[1]) < box.top:
            continue
        for k in range(9):
            x, y = (a[i] + (b[i] - a[i]) * k / 8 for i in (0, 1))
            if box.left + 2 < x < box.right - 2 and box.top + 2 < y < box.bottom - 2:
                return True
    return False


class Rows:
    """Things with boxes by the rows of 50 points that they are in, so that few are looked at."""

    def __init__(self, things):
        self.rows = {}
        for place, t in enumerate(things):
            for row in range(int(t.box.top // 50), int(t.box.bottom // 50) + 1):
                self.rows.setdefault(row, []).append((place, t))

    def near(self, box, reach=0):
        """Those that overlap the box, in their order."""
        found = {}
        for row in range(int(box.top // 50), int(box.bottom // 50) + 1):
            for place, t in self.rows.get(row, ()):
                if t.box.left < box.right and t.box.right > box.left and place not in found and \
                        t.box.overlap(box) > reach:
                    found[place] = t
        return [found[place] for place in sorted(found)]


class Checker:
    def __init__(self, picture):
        self.p = picture
        self.faults = []  # (kind, what)
        self.bodies = {id(g): body(g) for g in picture.groups if g.shapes and g.kind in
                       ('node', 'cluster')}
        self.nodes = [g for g in picture.groups if g.kind == 'node' and id(g) in self.bodies]
        self.clusters = [g for g in picture.groups if g.kind == 'cluster' and id(g) in self.bodies]

    def fault(self, kind, *what):
        self.faults.append((kind, ' '.join(str(w) for w in what)))

    def run(self):
        self.size()
        self.texts()
        self.boxes()
        self.labels()
        self.heads()
        self.arrows()
        return self.faults

    def size(self):
        if max(self.p.width, self.p.height) > SIDE:
            self.fault('size', '%g x %g' % (self.p.width, self.p.height))

    def texts(self):
        filled = Rows(s for s in self.p.shapes if s.fill is not None and s.alpha > 0)
        for t in self.p.texts:
            if t.size < SMALLEST:
                self.fault('small', '%r of %g' % (t.words, t.size))
            near = filled.near(t.box)
            worst = min(contrast(t.fill, self.p.behind(t, at, near)) for at in t.points()[1:4])
            if worst < CONTRAST:
                self.fault('contrast', '%r: %.2f of #%02x%02x%02x' % ((t.words, worst) + t.fill))
            own = self.bodies.get(id(t.group)) if t.group.kind == 'node' else None
            if own and not own.box.holds(t.box, 1.5):
                self.fault('outside', '%r in %s' % (t.words, t.group.title))

    def boxes(self):
        bodies = [self.bodies[id(g)] for g in self.nodes]
        for a, b in neighbours(bodies, TOUCH):
            self.fault('boxes', a.group.title, 'and', b.group.title)
        for c in (self.bodies[id(g)] for g in self.clusters):
            for n in bodies:
                if c.box.overlap(n.box) > TOUCH and not c.box.holds(n.box, TOUCH):
                    self.fault('boxes', n.group.title, 'on the border of', c.group.title)
        around = [self.bodies[id(g)] for g in self.clusters]
        for a, b in neighbours(around, TOUCH):
            if not a.box.holds(b.box) and not b.box.holds(a.box):
                self.fault('boxes', a.group.title, 'and', b.group.title, 'cross')

    def labels(self):
        for a, b in neighbours(self.p.texts, TOUCH):
            self.fault('labels', '%r and %r' % (a.words, b.words))
        free = [t for t in self.p.texts if t.group.kind != 'node']
        boxes = Rows(self.bodies[id(g)] for g in self.nodes)
        around = Rows(self.bodies[id(g)] for g in self.clusters)
        for t in free:
            for s in boxes.near(t.box, TOUCH):
                self.fault('labels', '%r on the box %s' % (t.words, s.group.title))
            for c in around.near(t.box, TOUCH) if t.group.kind == 'cluster' else ():
                if not c.box.holds(t.box, TOUCH):
                    self.fault('labels', '%r on the border of %s' % (t.words, c.group.title))

    def heads(self):
        heads = Rows(s for g in self.p.groups if g.kind == 'edge' for s in g.shapes
                     if s.kind == 'polygon')
        for t in self.p.texts:
            for s in heads.near(t.box):
                if self.under(t, s):
                    self.fault('heads', '%r under %s' % (t.words, s.group.title))

    def arrows(self):
        pieces = Rows(s for g in self.p.groups if g.kind == 'edge' for s in g.shapes
                      if s.kind == 'path' and s.stroke is not None)
        for t in self.p.texts:
            for s in pieces.near(t.box, -1): # a line may be as thin as nothing
                if runs_through(s.points, t.box):
                    self.fault('crossed', '%r by %s' % (t.words, s.group.title))

    def under(self, text, head):
        n = len(head.points)
        middle = (sum(p[0] for p in head.points) / n, sum(p[1] for p in head.points) / n)
        return any(text.box.has(p) for p in head.points + [middle])


def faults_of(path):
    return Checker(Picture(path)).run()


def main(arguments):
    verbose = '-v' in arguments
    for path in (a for a in arguments if a != '-v'):
        found = faults_of(path)
        counts = ['%d %s' % (sum(f[0] == k for f in found), k) for k in KINDS]
        print('%s: %s' % (path, ', '.join(c for c in counts if not c.startswith('0 ')) or 'fine'))
        for kind, what in found if verbose else ():
            print('  %s: %s' % (kind, what))


if __name__ == '__main__':
    main(sys.argv[1:])
