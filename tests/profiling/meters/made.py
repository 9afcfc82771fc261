"""A clock that tests set by hand."""

from hwbench.profiling.meters.clock import Clock


class HandClock(Clock):
    """Stands still until someone sleeps."""

    def __init__(self, now_s=100.0):
        self.now_s = now_s
        self.on_sleep = lambda: None

    def now(self):
        return self.now_s

    def sleep(self, duration_s):
        self.now_s += duration_s
        self.on_sleep()
