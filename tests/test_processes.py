"""Work in processes: results, errors, death, and an end on Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from hwbench.errors import UnknownNameError
from hwbench.processes import WorkerDiedError, unordered


def square(x):
    return x * x


def surroundings(_):
    return os.getpid(), os.environ["OMP_NUM_THREADS"], signal.pthread_sigmask(signal.SIG_BLOCK, ())


def wrong_name(_):
    raise UnknownNameError.of("device", "a10", ["a100"])


class Stubborn(Exception):
    """Cannot be pickled back: its constructor wants more than its arguments."""

    def __init__(self, one, two):
        super().__init__(one)


def stubborn(_):
    raise Stubborn("so", "what")


def die(signum):
    os.kill(os.getpid(), signum)


def talk(x):
    sys.stdout.write("not for the parent's pipe\n")
    return x


def test_each_call_is_answered_once():
    """Many small and a few large answers, against the built-in."""
    calls = [(x,) for x in range(200)]
    found = dict(unordered(square, calls, jobs=3))
    assert found == {i: i * i for i in range(200)}
    (big,) = unordered(bytes, [(5_000_000,)], jobs=4)
    assert big == (0, bytes(5_000_000))
    assert list(unordered(square, [], jobs=2)) == []
    assert list(unordered(talk, [(1,)], jobs=1)) == [(0, 1)]


@pytest.mark.skipif(os.name != "posix", reason="looks at signals")
def test_workers_have_one_thread_and_no_ctrl_c():
    found = [one for _, one in unordered(surroundings, [(0,)] * 4, jobs=2)]
    assert os.getpid() not in {pid for pid, _, _ in found}
    assert {threads for _, threads, _ in found} == {"1"}
    assert all(signal.SIGINT in blocked for _, _, blocked in found)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_errors_arrive_as_they_were():
    with pytest.raises(UnknownNameError, match="unknown device 'a10'; did you mean 'a100'") as told:
        list(unordered(wrong_name, [(0,)], jobs=2))
    assert "in wrong_name" in told.value.__notes__[0]
    with pytest.raises(RuntimeError, match="Stubborn: so"):
        list(unordered(stubborn, [(0,)], jobs=1))
    with pytest.raises(UnknownNameError):
        list(unordered(square, [(3,)], jobs=1, setup=lambda_free))
    with pytest.raises(ValueError, match="1 or more, got 0"):
        list(unordered(square, [(3,)], jobs=0))


def lambda_free():
    wrong_name(None)


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_a_dead_worker_is_an_error_not_a_wait():
    with pytest.raises(WorkerDiedError, match=r"exit code -9\)"):
        list(unordered(die, [(signal.SIGKILL,)] * 3, jobs=2))


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_ctrl_c_is_raised_and_nothing_is_left_behind():
    """Pressed while every worker sleeps for an hour."""
    usual = signal.getsignal(signal.SIGINT)
    timer = threading.Timer(1.0, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(unordered(time.sleep, [(3600,)] * 2, jobs=2))
    assert time.monotonic() - began < 60.0
    assert signal.getsignal(signal.SIGINT) is usual
    timer.join()


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks for processes")
def test_workers_end_when_their_parent_is_killed():
    code = (
        "import os, time; from hwbench.processes import unordered\n"
        "for i, pid in unordered(os.getpid, [()] * 2, jobs=1):\n"
        "    print(pid, flush=True)\n"
        "    if i: time.sleep(3600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 30.0
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{pid}")
