"""A small program of the kind that benchmarks of interpreters run: classes, lists, dictionaries, strings."""


class Record:
    def __init__(self, number, following=None):
        self.number, self.following, self.name = number, following, f"record {number}"

    def copy(self):
        return Record(self.number, self.following)


def sieve(limit):
    prime = [True] * (limit + 1)
    for i in range(2, int(limit ** 0.5) + 1):
        if prime[i]:
            for k in range(i * i, limit + 1, i):
                prime[k] = False
    return sum(prime[2:])


def words(count):
    seen = {}
    for i in range(count):
        key = f"word{i * 7919 % 97}"
        seen[key] = seen.get(key, 0) + 1
    return sorted(seen.items(), key=lambda item: (-item[1], item[0]))[0]


chain = None
for n in range(3000):
    chain = Record(n, chain)
    chain = chain.copy()
total = 0
while chain:
    total += chain.number
    chain = chain.following
assert total == 3000 * 2999 // 2
assert sieve(20000) == 2262
assert words(5000)[1] == 52
