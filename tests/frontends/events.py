"""events.py WRITER -- what is in files of events, read by a reader of its own.

A record is length, CRC-32C of it, bytes, CRC-32C of these, both masked; the bytes are protobuf.
WRITER DIRECTORY (write_events.c) makes them. The reader shares nothing with the writer, and
peers_tensorboard.py holds it to TensorBoard's."""
import csv
import glob
import json
import math
import os
import struct
import subprocess
import sys
import tempfile


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff


assert crc32c(b'123456789') == 0xe3069283


def records(path):
    data, at = open(path, 'rb').read(), 0
    while at < len(data):
        count, check = struct.unpack_from('<QI', data, at)
        assert check == masked(data[at:at + 8]), 'a length is damaged'
        body = data[at + 12:at + 12 + count]
        assert len(body) == count, 'a record is cut'
        assert struct.unpack_from('<I', data, at + 12 + count)[0] == masked(body), 'bytes damaged'
        yield body
        at += 16 + count


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def fields(data):
    """Field numbers and raw values: integers, or bytes for all that is longer."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        lies = tag & 7
        if lies == 0:
            value, at = varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(lies)
            if lies == 2:
                size, at = varint(data, at)
            assert size is not None and at + size <= len(data)
            value, at = data[at:at + size], at + size
        yield tag >> 3, value


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def doubles(data):
    return list(struct.unpack(f'<{len(data) // 8}d', data))


def histogram(data):
    f = dict(fields(data))
    made = dict(zip(('min', 'max', 'num', 'sum', 'sum_squares'),
                    (doubles(f[i])[0] for i in range(1, 6))))
    return dict(made, limits=doubles(f[6]), counts=doubles(f[7]))


def node(data):
    made = {'input': [], 'attr': {}, 'device': ''}
    for field, value in fields(data):
        if field == 3:
            made['input'].append(value.decode())
        elif field == 5:
            entry = dict(fields(value))
            made['attr'][entry[1].decode()] = dict(fields(entry[2]))
        else:
            made[{1: 'name', 2: 'op', 4: 'device'}[field]] = value.decode()
    return made


def graph(data):
    return [node(value) for field, value in fields(data) if field == 1]


def read(directory):
    """Scalars and histograms {tag: {step: value}}, graphs, restarts; later files win."""
    made = {'scalars': {}, 'histograms': {}, 'graphs': [], 'restarts': [], 'files': 0}
    for path in sorted(glob.glob(glob.escape(directory) + '/events.out.tfevents.*')):
        made['files'] += 1
        for i, body in enumerate(records(path)):
            event = dict(fields(body))
            assert doubles(event[1])[0] > 1.6e9, 'no wall time'
            step = signed(event.get(2, 0))
            assert (event.get(3) == b'brain.Event:2') == (i == 0), 'the version comes first'
            if 4 in event:
                made['graphs'].append(graph(event[4]))
            if 7 in event:
                assert dict(fields(event[7])) == {1: 1}
                made['restarts'].append(step)
            if 5 in event:
                (one, value), = fields(event[5])
                value = dict(fields(value))
                assert one == 1
                kind = 'scalars' if 2 in value else 'histograms'
                what = struct.unpack('<f', value[2])[0] if 2 in value else histogram(value[5])
                made[kind].setdefault(value[1].decode(), {})[step] = what
    return made


# ---- what must be there -------------------------------------------------------------------------

def close(a, b, tolerance=1e-5):
    return abs(a - b) <= tolerance * max(abs(a), abs(b), 1e-30)


def check_graph(nodes):
    names = [n['name'] for n in nodes]
    assert len(set(names)) == len(names), 'a name stands twice'
    for n in nodes:
        assert n['op'] and n['attr']['type'][2] and '_output_shapes' in n['attr'], n
        for i in n['input']:
            head, _, output = i.rpartition(':')
            assert i in names and ':' not in i or head in names and output.isdigit(), i
            assert not i.startswith('^')
    return {n['name']: n for n in nodes}


def check_histogram(h, values):
    """Each value is in its bucket, whose bounds the file gives."""
    finite = [v for v in values if math.isfinite(v)]
    assert h['num'] == len(finite) == sum(h['counts'])
    if not finite:
        assert h['limits'] == h['counts'] == []
        return
    assert h['min'] == min(finite) and h['max'] == max(finite)
    assert close(h['sum'], math.fsum(finite), 1e-12) or abs(h['sum']) < 1e-9
    assert close(h['sum_squares'], math.fsum(v * v for v in finite), 1e-12)
    assert h['limits'] == sorted(set(h['limits'])) and h['counts'][0] and h['counts'][-1]
    low = -math.inf
    for limit, count in zip(h['limits'], h['counts']):
        inside = sum(low < v <= limit if limit < 0 else low <= v < limit for v in finite)
        edges = sum(v == limit or v == low for v in finite)
        assert abs(count - inside) <= edges, (low, limit, count, inside)
        low = limit


def check_training(made, history, lines):
    scalars, histograms = made['scalars'], made['histograms']
    rows = list(csv.DictReader(history))
    assert made['files'] == 2 and made['restarts'] == [4] and len(rows) == len(lines) == 6
    for row, line in zip(rows, map(json.loads, lines)):
        epoch = int(row['epoch'])
        assert line['epoch'] == epoch
        for tag, key in (('loss/train', 'loss'), ('loss/validation', 'val_loss'),
                         ('time/epoch', 'seconds'), ('time/step', 'step_ms')):
            assert float(row[key]) == line[key]
            if epoch > 3 or tag.startswith('loss'):
                assert close(scalars[tag][epoch], line[key], 1e-6), (tag, epoch)
        for tag, values in scalars.items():
            if tag.split('/')[0] in ('update_ratio', 'gradient_norm', 'learning_rate'):
                read = float(row[tag])
                assert read == values[epoch] or close(read, values[epoch], 1e-6), (tag, epoch)
    rates = {'a': scalars['learning_rate/a/kernel'], 'b': scalars['learning_rate/b/kernel']}
    parameters = [tag[8:] for tag in histograms if tag.startswith('weights/')]
    assert sorted(parameters) == ['a/bias', 'a/kernel', 'b/bias', 'b/kernel'], parameters
    for p in parameters:
        for epoch in range(1, 7):
            slope = scalars['gradient_norm/' + p][epoch]
            assert close(slope ** 2, histograms['gradients/' + p][epoch]['sum_squares'])
            rate = rates[p[0]][epoch]
            assert close(rate, 0.05 if p[0] == 'a' else 0.025)
            before = histograms['weights/' + p].get(epoch - 1, {}).get('sum_squares')
            if before:
                ratio = scalars['update_ratio/' + p][epoch]
                assert close(ratio * math.sqrt(before), rate * slope, 1e-3), (p, epoch)
    drawn = check_graph(made['graphs'][0])
    assert drawn['a/kernel']['op'] == 'state' and drawn['x']['op'] == 'input'
    assert {n['device'] for n in drawn.values()} == {'forward', 'backward', 'update'}
    assert drawn['x']['attr']['type'][2] == b'f32[B,5]'
    shape = dict(fields(dict(fields(drawn['x']['attr']['_output_shapes'][1]))[7]))
    assert dict(fields(shape[2])) == {1: 5}


def check_loop(made):
    scalars = made['scalars']
    assert scalars['square/x'] == {100 * i: i * i for i in range(10)}
    assert scalars['square/negative step'] == {-1: math.inf}
    assert math.isnan(scalars['nan'][2 ** 63 - 1])
    assert scalars['bytes \ufffd\ufffd(\ufffd\ufffd\ufffd \U0001f30d'] == {1: 1}
    ramp = [i / 8 - 3 for i in range(49)]
    for tag, values in (('ramp', ramp), ('ramp64', ramp), ('whole', map(math.trunc, ramp)),
                        ('huge', [(-1) ** i * 2.0 ** (25 * i - 250) for i in range(21)]),
                        ('few', [math.nan, math.inf, 2, 3]), ('none', [])):
        check_histogram(made['histograms'][tag][7], list(values))
    assert len(made['histograms']['ramp'][7]['limits']) > 12
    drawn = check_graph(made['graphs'][0])
    for name in ('_caret', 'a:1', '<&"\'>\n\t', 'a/b//c/', '\u20ac', '\x01\x7f'):
        assert name in drawn, (name, list(drawn))


def main(writer):
    with tempfile.TemporaryDirectory() as place:
        said = subprocess.run([writer, place], check=True, stdout=subprocess.PIPE, text=True).stdout
        history, lines = said.split('\n\n')
        check_training(read(os.path.join(place, 'training')), history.splitlines(),
                       lines.splitlines())
        check_loop(read(os.path.join(place, 'deep', 'loop')))


if __name__ == '__main__':
    main(sys.argv[1])
