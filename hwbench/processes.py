"""Work in processes of our own that end on Ctrl-C, whenever it is pressed.

Use `unordered` for calls that take long and share nothing. Where the usual pools lose an interrupt
or wait for a worker for ever, nothing is left to chance here: workers cannot be interrupted, only
killed; a pressed Ctrl-C is noted by the signal's handler and raised where the parent waits, so
that it is never raised inside another library's clean-up, where Python drops it; and a worker
whose parent is gone ends by itself.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any, Final, TypeVar

from hwbench.errors import HwbenchError

__all__ = ["WorkerDiedError", "serve", "unordered"]

T = TypeVar("T")

_THREADS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_LENGTH: Final = struct.Struct("<Q")  # of the message that follows
_POLL_S: Final = 0.5  # where the system cannot interrupt a wait
_PATIENCE_S: Final = 10.0  # for a killed process to be gone


class WorkerDiedError(HwbenchError, RuntimeError):
    """A worker process ended in the middle of a call.

    Args:
        code: Its exit code, negative if a signal ended it.
    """

    def __init__(self, code: int | None) -> None:
        super().__init__(
            f"a worker process died (exit code {code}), perhaps for want of memory; run it again "
            "with fewer jobs"
        )


@dataclass
class _Latch:
    """Holds a pressed Ctrl-C until somebody looks."""

    pressed: bool = False

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if it was pressed."""
        if self.pressed:
            raise KeyboardInterrupt


@dataclass
class _Pool:
    """Processes, each with a thread that hands it one call after the other.

    Attributes:
        waiting: Numbers and pickled calls that nobody has taken.
        results: What came: number, whether it is a result, and the result or error.
    """

    waiting: queue.SimpleQueue[tuple[int, bytes]] = field(default_factory=queue.SimpleQueue)
    results: queue.SimpleQueue[tuple[int, bool, Any] | None] = field(
        default_factory=queue.SimpleQueue
    )
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self, setup: Callable[[], None] | None) -> None:
        """Start one more worker."""
        process = _spawn()
        self.processes.append(process)
        thread = threading.Thread(target=self._feed, args=(process, setup), daemon=True)
        self.threads.append(thread)
        thread.start()

    def _feed(self, process: subprocess.Popen[bytes], setup: Callable[[], None] | None) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        first = None if setup is None else pickle.dumps((setup, ()))
        while True:
            try:
                number, call = self.waiting.get_nowait()
            except queue.Empty:
                return
            try:
                good, value = True, None
                for message in (first, call) if first else (call,):
                    _write(process.stdin, message)
                    good, value = _load(_read(process.stdout))
                    if not good:
                        break
            except (OSError, EOFError):
                good, value = False, WorkerDiedError(_exit_code(process))
            except Exception as error:  # noqa: BLE001  # what came cannot be read: told as it is
                good, value = False, error
            first = None
            self.results.put((number, good, value))
            if isinstance(value, WorkerDiedError):
                return

    def stop(self) -> None:
        """Kill what still runs; nobody is asked."""
        with suppress(queue.Empty):
            while True:
                self.waiting.get_nowait()
        for process in self.processes:
            process.kill()
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE_S)
        for thread in self.threads:
            thread.join(_PATIENCE_S)
        for process in self.processes:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()


def unordered(
    function: Callable[..., T],
    calls: Sequence[tuple[Any, ...]],
    /,
    *,
    jobs: int,
    setup: Callable[[], None] | None = None,
) -> Iterator[tuple[int, T]]:
    """Call a function with each tuple of arguments in processes; yield results as they come.

    Workers compute with one thread each. They start without the caller's `__main__`, so a script
    needs no guard; the function must be importable by its module's name, as with pickle.

    Args:
        function: Called as `function(*calls[i])`.
        calls: Arguments, begun in this order.
        jobs: Processes, 1 or more; no more than there are calls are started.
        setup: Called once in each process, before the rest.

    Yields:
        Number of the call, and what it returned.

    Raises:
        WorkerDiedError: If a process dies.
        KeyboardInterrupt: If Ctrl-C was pressed since the first result was asked for.
        Exception: What a call raised. In each case, all processes are gone.

    >>> sorted(unordered(pow, [(2, 3), (3, 2)], jobs=2))
    [(0, 8), (1, 9)]
    """
    if jobs < 1:
        raise ValueError(f"jobs must be 1 or more, got {jobs}")
    pool = _Pool()
    for number, arguments in enumerate(calls):
        pool.waiting.put((number, pickle.dumps((function, arguments))))
    with _latched(pool) as latch:
        try:
            for _ in range(min(jobs, len(calls))):
                latch.check()
                pool.start(setup)
            for _ in calls:
                yield _next(pool, latch)
        finally:
            pool.stop()
        latch.check()


def _next(pool: _Pool, latch: _Latch) -> tuple[int, Any]:
    while True:
        latch.check()
        try:
            found = pool.results.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        if found is None:  # Ctrl-C
            continue
        number, good, value = found
        if not good:
            raise value
        return number, value


@contextmanager
def _latched(pool: _Pool) -> Iterator[_Latch]:
    """Note Ctrl-C instead of raising it, where this thread is the one that signals come to."""
    latch = _Latch()
    mine = threading.current_thread() is threading.main_thread()
    usual = signal.getsignal(signal.SIGINT)
    if not mine or usual in (signal.SIG_IGN, None):
        yield latch
        return

    def press(*_: object) -> None:
        latch.pressed = True
        pool.results.put(None)  # wakes who waits; this queue may be filled from a handler

    signal.signal(signal.SIGINT, press)
    try:
        yield latch
    finally:
        signal.signal(signal.SIGINT, usual)


def _spawn() -> subprocess.Popen[bytes]:
    """Start a worker that Ctrl-C does not reach, from its first moment on."""
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; from hwbench import processes; processes.serve()"
    )
    arguments = [sys.executable, "-c", code]
    environment = {**os.environ, **dict.fromkeys(_THREADS, "1")}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    if sys.platform == "win32":
        pipes["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
        return subprocess.Popen(arguments, env=environment, **pipes)
    # What is blocked here is blocked there; a Ctrl-C that comes meanwhile waits for us.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(arguments, env=environment, **pipes)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _load(message: bytes) -> Any:
    return pickle.loads(message)  # noqa: S301  # from a process of our own, through a pipe


def _exit_code(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        return None


def _write(stream: IO[bytes], message: bytes) -> None:
    stream.write(_LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes:
    """Return the next message.

    Raises:
        EOFError: If the other side is gone.
    """
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    message = stream.read(length)
    if len(message) < length:
        raise EOFError
    return message


def serve() -> None:
    """Do what comes on standard input until it ends; the life of a worker.

    What a call prints goes to stderr. When the parent is gone, so is the worker, in whatever call.
    """
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(source, calls), daemon=True).start()
    while True:
        _write(sink, _answer(calls.get()))


def _listen(source: IO[bytes], calls: queue.SimpleQueue[bytes]) -> None:
    with suppress(EOFError, OSError):
        while True:
            calls.put(_read(source))
    os._exit(0)


def _answer(message: bytes) -> bytes:
    try:
        function, arguments = _load(message)
        return pickle.dumps((True, function(*arguments)))
    except Exception as error:  # noqa: BLE001  # it is raised again in the parent
        error.add_note(f"In a worker process:\n{traceback.format_exc()}")
        try:
            told = pickle.dumps((False, error))
            _load(told)
        except Exception:  # noqa: BLE001  # an error that cannot travel is told in words
            told = pickle.dumps((False, RuntimeError("".join(traceback.format_exception(error)))))
        return told
