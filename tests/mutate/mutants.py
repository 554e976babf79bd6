# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Makes the mutants of a C file: each is one small mistake, of the kinds that
people make in code like this.

Works on text, since clang-format gives all of it one shape. Comments, strings
and what only checks ourselves or speaks to people is left alone: WARN_ON,
lockdep_assert_held and messages cannot be missed in code that is right.
"""

import re
from collections import namedtuple

# function, operator, where it is, what stands there, what comes instead, and
# the same for a second place or None
Mutant = namedtuple('Mutant', 'path line function operator old new edits')

SILENT = re.compile(r'\s*(WARN_ON|lockdep_assert\w*|port_(err|warn|info|dbg)|'
                    r'static_assert)\(')


def mask(text):
    """@text with comments, strings and preprocessor lines blanked, and nothing
    moved."""
    def blank(match):
        return re.sub(r'[^\n]', ' ', match[0])
    text = re.sub(r'/\*.*?\*/|//[^\n]*', blank, text, flags=re.S)
    text = re.sub(r'"(\\.|[^"\\\n])*"|\'(\\.|[^\'\\\n])*\'',
                  lambda m: '"' + ' ' * (len(m[0]) - 2) + '"', text)
    return re.sub(r'^#.*?(?<!\\)$', blank, text, flags=re.M | re.S)


def functions(text):
    """(name, start, last) of each function's body."""
    for match in re.finditer(r'^\{$.*?^\}$', text, re.M | re.S):
        head = text[:match.start()].rstrip('\n')
        head = head[head.rfind('\n\n') + 1:]
        name = re.search(r'(\w+)\s*\(', head)
        if name:
            yield name[1], match.start(), match.end()


def close_of(text, start):
    """Where the parenthesis that opens at @start closes."""
    depth = 0
    for i in range(start, len(text)):
        if text[i] == '(':
            depth += 1
        elif text[i] == ')':
            depth -= 1
            if not depth:
                return i
    raise ValueError


def statements(body, base):
    """(start, last, text) of each statement of an expression, in order."""
    for match in re.finditer(r'^\t+(?!(?:return|goto|break|continue|case|default|'
                             r'if|else|for|while|do|switch|struct|const|static|'
                             r'unsigned|int|u8|u16|u32|u64|s32|s64|bool|long|'
                             r'size_t|ssize_t|char|void|loff_t|union|enum)\b)'
                             r'[\w*(+-][^;{}]*;$', body, re.M):
        text = match[0]
        if SILENT.match(text) or re.match(r'\s*\w+:$', text):
            continue
        indent = len(text) - len(text.lstrip())
        yield base + match.start() + indent, base + match.end(), text.strip()


def by_pattern(pattern, new, operator):
    def make(body, base):
        for match in re.finditer(pattern, body):
            yield operator, base + match.start(), base + match.end(), \
                match.expand(new)
    return make


PATTERNS = [
    by_pattern(r' < (?!<)', ' <= ', 'off-by-one'),
    by_pattern(r' <= ', ' < ', 'off-by-one'),
    by_pattern(r' > (?!>)', ' >= ', 'off-by-one'),
    by_pattern(r' >= ', ' > ', 'off-by-one'),
    by_pattern(r' == ', ' != ', 'wrong-comparison'),
    by_pattern(r' != ', ' == ', 'wrong-comparison'),
    by_pattern(r' && ', ' || ', 'wrong-connective'),
    by_pattern(r' \|\| ', ' && ', 'wrong-connective'),
    by_pattern(r' \+ 1\b', '', 'off-by-one'),
    by_pattern(r' - 1\b', '', 'off-by-one'),
    by_pattern(r' \+ (?!1\b)', ' - ', 'wrong-sign'),
    by_pattern(r' - (?!1\b)', ' + ', 'wrong-sign'),
    by_pattern(r' & ', ' | ', 'wrong-bits'),
    by_pattern(r' \| ', ' & ', 'wrong-bits'),
    by_pattern(r' << ', ' >> ', 'wrong-shift'),
    by_pattern(r' >> ', ' << ', 'wrong-shift'),
    by_pattern(r' & ~', ' & ', 'wrong-bits'),
    by_pattern(r' &= ~', ' &= ', 'wrong-bits'),
    by_pattern(r'-E(?!DOM)[A-Z]+\b', '-EDOM', 'wrong-errno'),
    by_pattern(r'\btrue\b', 'false', 'wrong-bool'),
    by_pattern(r'\bfalse\b', 'true', 'wrong-bool'),
    by_pattern(r'\bmin(_t)?\(', r'max\1(', 'wrong-bound'),
    by_pattern(r'\bmax(_t)?\(', r'min\1(', 'wrong-bound'),
    by_pattern(r'(?<=return )ret;', '0;', 'lost-error'),
    by_pattern(r'(?<=return )0;', '-EDOM;', 'wrong-errno'),
    by_pattern(r'(?<=[^=!<>]= )0;', '1;', 'wrong-number'),
    by_pattern(r'(?<=[^=!<>]= )1;', '0;', 'wrong-number'),
    by_pattern(r'\+\+(?=\w)|(?<=[\w\]])\+\+(?=;)', '--', 'wrong-count'),
    by_pattern(r'--(?=\w)|(?<=[\w\]])--(?=;)', '++', 'wrong-count'),
]


def conditions(body, base):
    """Checks that are removed, made always true, or turned around."""
    for match in re.finditer(r'\b(if|while) \(', body):
        start = match.end() - 1
        last = close_of(body, start)
        cond = body[start + 1:last]
        if cond in ('0', '1') or SILENT.match(cond):
            continue
        # What a "do ... while" repeats may never end.
        if match[1] == 'while':
            yield 'no-loop', base + start + 1, base + last, '0 && (%s)' % cond
            continue
        yield 'no-check', base + start + 1, base + last, '0 && (%s)' % cond
        yield 'always', base + start + 1, base + last, '1 || (%s)' % cond
        if 'WARN_ON' not in cond:
            yield 'negated', base + start + 1, base + last, '!(%s)' % cond


def jumps(body, base):
    """A failure that undoes one step too few, or one too many."""
    labels = re.findall(r'^(\w+):$', body, re.M)
    for match in re.finditer(r'\bgoto (\w+);', body):
        if match[1] not in labels:
            continue
        at = labels.index(match[1])
        for other in (at - 1, at + 1):
            if 0 <= other < len(labels):
                yield 'wrong-unwind', base + match.start(), \
                    base + match.end(), 'goto %s;' % labels[other]


def single_edits(body, base):
    for pattern in PATTERNS:
        yield from pattern(body, base)
    yield from conditions(body, base)
    yield from jumps(body, base)
    for start, last, text in statements(body, base):
        yield 'lost-statement', start, last, ';'


def target(text):
    """What a statement changes, when that can be told from its text."""
    match = re.match(r'(?:\+\+|--)?([\w>.*\[\]-]+?)(?:\+\+|--|;| [|&+-]?= )',
                     text)
    return match[1] if match else None


def without_sizeof(text):
    return re.sub(r'sizeof\([^()]*\)', '', text)


def calls(text):
    return bool(re.search(r'\w\(', without_sizeof(text)))


def is_assignment(text):
    return bool(re.search(r' [|&+-]?= ', text)) or not calls(text)


def words(text):
    return set(re.findall(r'[A-Za-z_]\w*', without_sizeof(text)))


LOCKING = re.compile(r'mutex_(un)?lock\(|(down|up)_\w+\(')
# What is made ready or ended is not seen by anybody else meanwhile.
PREPARING = re.compile(r'mutex_(init|destroy)\(|init_\w+\(|INIT_LIST_HEAD\(')


def depend(one, two):
    """The order of the two may matter, as far as the text tells."""
    if PREPARING.match(one) or PREPARING.match(two):
        return False
    if LOCKING.match(one) or LOCKING.match(two):
        return bool(words(one) & words(two)) or calls(one) and calls(two)
    if is_assignment(one) and is_assignment(two):
        return bool(target(one) and target(one) in two or
                    target(two) and target(two) in one)
    if not is_assignment(one) and not is_assignment(two):
        # Of two of one name either may be first.
        return one.split('(')[0] != two.split('(')[0]
    assigned, called = (one, two) if is_assignment(one) else (two, one)
    root = re.match(r'\W*(\w+)', target(assigned) or '')
    return calls(assigned) or bool(root) and root[1] in words(called)


def swaps(body, base):
    """Two statements in a row, the other way round, where that is not plainly
    the same."""
    former = None
    for start, last, text in statements(body, base):
        if former and not body[former[1] - base:start - base].strip() and \
                depend(former[2], text):
            between = body[former[1] - base:start - base]
            # A label or a closing brace between them is not blank.
            yield 'swapped', former, (start, last, text), between
        former = (start, last, text)


LOCKS = {'mutex_lock': 'mutex_unlock', 'down_read': 'up_read',
         'down_write': 'up_write'}


def lost_locks(body, base):
    """All of one lock's taking and giving up in a function."""
    for take, give in LOCKS.items():
        found = {}
        for match in re.finditer(r'\b(%s|%s)\(([^;]*)\);' % (take, give), body):
            found.setdefault(match[2], []).append(
                (base + match.start(), base + match.end(), ';'))
        for edits in found.values():
            if len(edits) > 1:
                yield edits


def mutants(path, source):
    """Every mutant of @source, in the order of its lines."""
    text = mask(source)
    found = []

    def add(function, operator, edits):
        start, last, new = edits[0]
        line = source.count('\n', 0, start) + 1
        found.append(Mutant(path, line, function, operator,
                            ' '.join(source[start:last].split()),
                            ' '.join(new.split()), edits))

    for name, start, last in functions(text):
        body = text[start:last]
        masked = re.sub(r'^' + SILENT.pattern + r'[^;]*;',
                        lambda m: re.sub(r'[^\n]', '#', m[0]), body,
                        flags=re.M)
        for operator, first, end, new in single_edits(masked, start):
            # The source's own text where the mask has only its shape.
            old = source[first:end]
            if operator in ('no-check', 'always', 'negated', 'no-loop'):
                new = {'no-check': '0 && (%s)', 'always': '1 || (%s)',
                       'negated': '!(%s)', 'no-loop': '0 && (%s)'}[operator] % old
            add(name, operator, [(first, end, new)])
        for operator, one, two, between in swaps(masked, start):
            add(name, operator,
                [(one[0], two[1], source[two[0]:two[1]] + between +
                  source[one[0]:one[1]])])
        for edits in lost_locks(masked, start):
            add(name, 'lost-lock', edits)
    found.sort(key=lambda m: (m.line, m.edits[0][0], m.operator, m.new))
    return found


def apply(source, mutant):
    """The source with the mistake in it, no line moved."""
    for start, last, new in sorted(mutant.edits, reverse=True):
        lines = source.count('\n', start, last) - new.count('\n')
        source = source[:start] + new + '\n' * lines + source[last:]
    return source
