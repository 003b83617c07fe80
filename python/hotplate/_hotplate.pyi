from collections.abc import Callable, Iterable
from typing import Any

__version__: str

def start(
    *,
    store: str | None = ...,
    level: int = ...,
    c_functions: bool = ...,
    max_store_bytes: int = ...,
    max_age_ns: int = ...,
    ring_bytes: int = ...,
    no_threads: bool = ...,
    slow_ns: int = ...,
    budget: float = ...,
    flight_ns: int = ...,
    interpreter: str = ...,
    command: str = ...,
    revision: str = ...,
    alloc: int = ...,
    rate: int = ...,
    mode: int = ...,
) -> int: ...
def stop(timeout_ms: int = ...) -> None: ...
def flush(timeout_ms: int = ...) -> bool: ...
def counts() -> dict[str, int]: ...
def trouble() -> str: ...
def sampler() -> dict[str, Any]: ...
def status() -> dict[str, Any]: ...
def fail_at(point: str, n: int) -> None: ...
def configure_places(*, library: list[str], app: list[str], own: list[str], globs: list[str]) -> None: ...
def wrap_flask(cls: type) -> None: ...
def request_options(
    *, scope: Callable[[str, str], bool] | None = ..., sample: int = ..., timing: int = ..., kind: int = ...
) -> None: ...
def dashboard_mount(
    app: object,
    prefix: str,
    answer: Callable[..., Iterable[bytes]],
    shows: Callable[[dict[str, Any]], bool] | None = ...,
    only_debug: bool = ...,
) -> None: ...
def dashboard_open(
    store: str, token: str | None, read_token: str | None, secret: str | None, hint: str
) -> object: ...
def dashboard_answer(
    dashboard: object,
    method: str,
    path: str,
    query: str,
    headers: list[tuple[str, str]],
    body: bytes,
    peer: str,
    direct: bool,
    granted: bool,
) -> tuple[int, list[tuple[str, str]], bytes]: ...
def dashboard_admits(dashboard: object, headers: list[tuple[str, str]], peer: str, direct: bool) -> bool: ...
def ticket_secret(secret: Callable[[Any], str | None]) -> None: ...
def note_options(headers: list[str], config: list[str], inputs: list[str]) -> None: ...
def profile_call(
    app: Callable[..., Any],
    environ: dict[str, Any],
    start_response: Callable[..., Any],
    done: Callable[[dict[str, Any], bytes, float], None],
) -> Iterable[bytes]: ...
def __getattr__(name: str) -> Any: ...
