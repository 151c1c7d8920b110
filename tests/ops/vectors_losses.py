"""Right values for tests/ops/test_losses.c: writes vectors_losses.h, with numpy alone, from the
formulas; or holds those numbers to PyTorch's.

    python3 tests/ops/vectors_losses.py > tests/ops/vectors_losses.h
    python3 tests/ops/vectors_losses.py --torch      # needs torch; says how far it is off

Data are multiples of 1/64, so f32 holds them. Gradients here are central differences in long
double, which owe nothing to a derivative."""
import sys

import numpy as np

L = np.longdouble
draw = np.random.default_rng(12)
N, K = 6, 5


def numbers(low, high, *shape):
    return (draw.integers(low * 64, high * 64 + 1, shape) / 64).astype(L)


X = numbers(-4, 4, N, K)         # logits, predictions, sides of a cosine
Y = numbers(-4, 4, N, K)
Z = numbers(0, 1, N, K)          # labels of bce
LABELS = np.array([3, 0, -100, 4, 2, 0])
CLASSES = numbers(0, 2, K) + 1 / L(64)
ROWS = numbers(0, 2, N)
ROWS[4] = 0
POS = numbers(1, 3, K)


def log_softmax(x):
    m = x.max(-1, keepdims=True)
    return x - m - np.log(np.exp(x - m).sum(-1, keepdims=True))


Q = log_softmax(Y)               # the other distribution, and P the target of kl
P = np.exp(log_softmax(X[::-1] / 2))
Q, P = (np.round(v * 4096) / 4096 for v in (Q, P))
P[1, 2] = 0


def cross_entropy(x, smoothing=0, ignored=None, classes=None, rows=None):
    total = weight = L(0)
    for n, label in enumerate(LABELS):
        if ignored is None and label < 0:
            label = 1
        if label == ignored:
            continue
        logs = log_softmax(x[n])
        w = np.ones(K, L) if classes is None else classes
        r = L(1) if rows is None else rows[n]
        total -= r * ((1 - L(smoothing)) * w[label] * logs[label] + L(smoothing) / K * (w * logs).sum())
        weight += r * w[label]
    return total / weight


def bce(x, smoothing=0, pos=1, rows=None):
    z = Z * (1 - L(smoothing)) + L(smoothing) / 2
    each = pos * z * np.log1p(np.exp(-x)) + (1 - z) * np.log1p(np.exp(x))
    return weighted(each, rows)


def weighted(each, rows):
    if rows is None:
        return each.mean()
    return (each * rows[:, None]).sum() / (rows.sum() * K)


def huber(x, delta, rows=None):
    d = abs(x - Y)
    return weighted(np.where(d <= delta, d * d / 2, delta * (d - L(delta) / 2)), rows)


def kl(q, p, divisor):
    return np.where(p > 0, p * (np.log(np.where(p > 0, p, 1)) - q), 0).sum() / divisor


def cosine(x):
    return ((x * Y).sum(-1) / np.sqrt((x * x).sum(-1) * (Y * Y).sum(-1))).sum()


T = float(np.float32(0.1))       # as the attribute holds it
CASES = {
    'plain': (X, lambda x: cross_entropy(x)),
    'smoothed': (X, lambda x: cross_entropy(x, T)),
    'ignored': (X, lambda x: cross_entropy(x, 0, -100)),
    'classes': (X, lambda x: cross_entropy(x, 0, -100, CLASSES)),
    'rows': (X, lambda x: cross_entropy(x, 0, None, None, ROWS)),
    'all': (X, lambda x: cross_entropy(x, T, -100, CLASSES, ROWS)),
    'smoothed_classes': (X, lambda x: cross_entropy(x, T, -100, CLASSES)),
    'bce': (X, lambda x: bce(x)),
    'bce_smoothed': (X, lambda x: bce(x, T)),
    'bce_pos': (X, lambda x: bce(x, 0, POS)),
    'bce_all': (X, lambda x: bce(x, T, POS, ROWS)),
    'mse': (X, lambda x: ((x - Y) ** 2).mean()),
    'mse_rows': (X, lambda x: weighted((x - Y) ** 2, ROWS)),
    'mae': (X, lambda x: abs(x - Y).mean()),
    'huber': (X, lambda x: huber(x, 1)),
    'huber_rows': (X, lambda x: huber(x, 2.5, ROWS)),
    'kl': (Q, lambda q: kl(q, P, N)),
    'kl_mean': (Q, lambda q: kl(q, P, N * K)),
    'kl_log': (Q, lambda q: kl(q, np.exp(X / 4), N)),
    'cosine': (X, cosine),
}


def gradient(f, x):
    d = np.zeros_like(x)
    h = L(2) ** -20
    for i in np.ndindex(x.shape):
        e = np.zeros_like(x)
        e[i] = h
        d[i] = (f(x + e) - f(x - e)) / (2 * h)
    return d


def text(name, values):
    values = np.asarray(values).ravel()
    flat = ', '.join('%.13g' % v for v in values)
    lines, line = [], ''
    for word in flat.split(' '):
        if len(line) + len(word) > 92:
            lines.append(line.rstrip())
            line = ''
        line += word + ' '
    lines.append(line.rstrip())
    kind = 'int32_t' if values.dtype.kind == 'i' else 'double'
    body = '\n    '.join(lines)
    return f'static const {kind} {name}[{len(values)}] = {{\n    {body}}};'


def write():
    print('/* vectors_losses.h -- made by vectors_losses.py: data, and losses and gradients of them. */')
    print(f'enum {{ N = {N}, K = {K} }};')
    for name, values in [('data_x', X), ('data_y', Y), ('data_z', Z), ('data_q', Q), ('data_p', P),
                         ('data_classes', CLASSES), ('data_rows', ROWS), ('data_pos', POS),
                         ('data_labels', LABELS)]:
        print(text(name, values))
    for name, (x, f) in CASES.items():
        print(text('right_' + name, np.concatenate([[f(x)], gradient(f, x).ravel()])))


def against_torch():
    import torch
    import torch.nn.functional as F
    t = lambda a: torch.tensor(np.asarray(a, np.float64))
    x, y, z, q, p = (t(v) for v in (X, Y, Z, Q, P))
    classes, rows, pos = t(CLASSES), t(ROWS), t(POS)
    labels = torch.tensor(LABELS)
    known = torch.where(labels < 0, 1, labels)

    def ce(v, ids, s=0., w=None):
        return F.cross_entropy(v, ids, weight=w, label_smoothing=s, ignore_index=-100)

    def ce_rows(v, ids, s=0., w=None):
        each = F.cross_entropy(v, ids, weight=w, label_smoothing=s, ignore_index=-100,
                               reduction='none')
        kept = rows * (ids != -100)
        return (each * rows).sum() / (kept if w is None else kept * w[ids.clamp(min=0)]).sum()

    def by_rows(each):
        return (each * rows[:, None]).sum() / (rows.sum() * K)

    b = F.binary_cross_entropy_with_logits
    soft = z * (1 - T) + T / 2
    theirs = {
        'plain': lambda v: ce(v, known), 'smoothed': lambda v: ce(v, known, T),
        'ignored': lambda v: ce(v, labels), 'classes': lambda v: ce(v, labels, 0., classes),
        'rows': lambda v: ce_rows(v, known), 'all': lambda v: ce_rows(v, labels, T, classes),
        'smoothed_classes': lambda v: ce(v, labels, T, classes),
        'bce': lambda v: b(v, z), 'bce_smoothed': lambda v: b(v, soft),
        'bce_pos': lambda v: b(v, z, pos_weight=pos),
        'bce_all': lambda v: by_rows(b(v, soft, pos_weight=pos, reduction='none')),
        'mse': lambda v: F.mse_loss(v, y),
        'mse_rows': lambda v: by_rows(F.mse_loss(v, y, reduction='none')),
        'mae': lambda v: F.l1_loss(v, y), 'huber': lambda v: F.huber_loss(v, y),
        'huber_rows': lambda v: by_rows(F.huber_loss(v, y, delta=2.5, reduction='none')),
        'kl': lambda v: F.kl_div(v, p, reduction='batchmean'),
        'kl_mean': lambda v: F.kl_div(v, p, reduction='mean'),
        'kl_log': lambda v: F.kl_div(v, x / 4, reduction='batchmean', log_target=True),
        'cosine': lambda v: F.cosine_similarity(v, y, eps=1e-8).sum(),
    }
    worst = 0.
    for name, (start, f) in CASES.items():
        v = t(start).requires_grad_()
        loss = theirs[name](v)
        loss.backward()
        ours = np.concatenate([[f(start)], gradient(f, start).ravel()]).astype(float)
        got = np.concatenate([[loss.item()], v.grad.numpy().ravel()])
        off = np.max(abs(got - ours) / np.maximum(1e-3, abs(ours)))
        worst = max(worst, off)
        print('%-18s %.1e' % (name, off))
    print('torch', torch.__version__, 'agrees' if worst < 1e-8 else 'DIFFERS')
    return 0 if worst < 1e-8 else 1


if __name__ == '__main__':
    sys.exit(against_torch() if '--torch' in sys.argv[1:] else write())
