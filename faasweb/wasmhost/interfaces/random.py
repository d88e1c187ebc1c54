"""wasi:random: everything comes from the operating system, also what may be insecure."""

import os
import secrets

from faasweb.wasmhost.interfaces.registry import Interface
from faasweb.wasmhost.sandbox import Sandbox

secure = Interface("wasi:random/random")
insecure = Interface("wasi:random/insecure")
seed = Interface("wasi:random/insecure-seed")

MAX_BYTES = 1 << 20


@secure.function("get-random-bytes")
@insecure.function("get-insecure-random-bytes")
def random_bytes(guest: Sandbox, length: int) -> bytes:
    if length > MAX_BYTES:
        raise ValueError(f"{length} random bytes at once, the limit is {MAX_BYTES}")
    return os.urandom(length)


@secure.function("get-random-u64")
@insecure.function("get-insecure-random-u64")
def random_number(guest: Sandbox) -> int:
    return secrets.randbits(64)


@seed.function("insecure-seed")
def insecure_seed(guest: Sandbox) -> tuple[int, int]:
    return secrets.randbits(64), secrets.randbits(64)
