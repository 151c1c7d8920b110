"""damage.py ADDNORM SEED COUNT FILE... -- damaged graphs and arrays must not hurt the command.

Each trial changes a few bytes of one file and gives it to a subcommand. The command must answer
with one of its own exit codes, within seconds, and say something when the answer is not 0.
"""
import os
import random
import subprocess
import sys
import tempfile

addnorm, seed, count, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
random.seed(seed)
whole = {name: open(name, 'rb').read() for name in files}
graph = next(name for name in files if name.endswith('.an'))
pieces = [b'%1', b'%99999999999', b'[', b']]', b'{', b'}', b'"', b'\\x00', b'f32[', b'-1', b'1e999', b'B*B*B',
          b'9223372036854775807', b'_', b', ', b'\n', b'\x80', b'\0', b' = ', b'accumulate', b'%2.7']


def damaged(data):
    data = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data) + 1)
        kind = random.randrange(5)
        if kind == 0:
            data[at:at + 1] = bytes([random.randrange(256)])
        elif kind == 1:
            data[at:at + random.randint(1, 20)] = b''
        elif kind == 2:
            data[at:at] = random.choice(pieces)
        elif kind == 3:
            start = random.randrange(len(data) + 1)
            data[at:at] = data[start:start + random.randint(1, 60)]
        else:
            data[at:] = b'' if random.randrange(4) == 0 else data[at:]
    return bytes(data)


def command(name, path):
    if name.endswith('.npy'):
        return ['run', graph, '--feed', 'x=' + path]
    return random.choice([['print', path], ['opt', path], ['dot', path], ['summary', path],
                          ['verify', path, '--gradients'], ['grad', path, '--of', 'y'], ['run', path]])


def trial(path, number):
    name = random.choice(files)
    with open(path, 'wb') as out:
        out.write(damaged(whole[name]))
    words = command(name, path)
    run = subprocess.run([addnorm] + words, capture_output=True, timeout=60)
    silent = run.returncode in (2, 3) and not run.stderr
    if run.returncode not in (0, 1, 2, 3) or silent or (run.returncode == 3 and run.stdout):
        print(f'seed {seed}, trial {number}: addnorm {" ".join(words)}: answered {run.returncode}, '
              f'said {run.stderr[:200]!r}; the file: {open(path, "rb").read()[:2000]!r}')
        return False
    return True


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, 'damaged')
    sys.exit(0 if all([trial(path, number) for number in range(count)]) else 1)
