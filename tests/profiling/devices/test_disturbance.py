from typing import Any

import pytest

from hwbench.profiling.devices.disturbance import cpu_disturbances, gpu_disturbances

CPU: dict[str, Any] = {
    "at_s": 100.0,
    "answers": True,
    "allowed_cpus": [0, 1, 2, 3],
    "busy_s": 50.0,
    "own_s": 10.0,
    "steal_s": 1.0,
    "quota_throttled_s": 0.0,
    "heat_throttles": 5,
}
GPU: dict[str, Any] = {
    "at_s": 100.0,
    "answers": True,
    "pids": [7],
    "foreign_pids": [],
    "slowed_by": [],
    "slowed_by_power_s": 4.0,
    "slowed_by_heat_s": 0.0,
    "power_limit_w": 300.0,
}


@pytest.mark.parametrize(
    ("changes", "warnings"),
    [
        ({}, []),
        # 10 s on 4 CPUs: of 40 s, 36 s were busy and 21.2 s of them ours.
        (
            {"busy_s": 86.0, "own_s": 31.2},
            ["other load on the device: 37 % CPU by others"],
        ),
        ({"busy_s": 86.0, "own_s": 45.0}, []),
        ({"busy_s": 51.9, "own_s": 10.0}, []),
        ({"busy_s": 50.0, "own_s": 20.0}, []),
        ({"busy_s": 95.0}, ["other load on the device: 100 % CPU by others"]),
        ({"steal_s": 3.0}, ["other load on the device: the hypervisor took 5 % of the CPU away"]),
        ({"quota_throttled_s": 0.5}, ["throttled: the CPU quota held threads back for 0.5 s"]),
        ({"quota_throttled_s": 0.05}, []),
        ({"heat_throttles": 8}, ["throttled: the CPU slowed down from heat 3 times"]),
        ({"busy_s": None, "steal_s": None, "heat_throttles": None}, []),
        ({"answers": False}, ["the device does not answer any more"]),
        ({"at_s": 100.1, "busy_s": 51.0}, []),
        ({"at_s": 90.0, "busy_s": 86.0}, []),
    ],
)
def test_a_cpu(changes, warnings):
    assert cpu_disturbances(CPU, {**CPU, "at_s": 110.0, **changes}) == warnings


@pytest.mark.parametrize(
    ("changes", "warnings"),
    [
        ({}, []),
        ({"foreign_pids": [70, 8]}, ["other load on the device: used by processes 70, 8"]),
        (
            {"pids": [7, 8], "foreign_pids": None},
            ["2 processes use the device; in this container they cannot be told apart"],
        ),
        ({"pids": [7, 8]}, []),
        ({"slowed_by": ["power_cap"]}, ["throttled: power_cap"]),
        ({"slowed_by_power_s": 9.0}, ["throttled: by its power limit for 50 % of the time"]),
        ({"slowed_by_heat_s": 1.0}, ["throttled: by heat for 10 % of the time"]),
        ({"slowed_by_heat_s": 1e6}, []),
        ({"power_limit_w": 250.0}, ["the power limit changed from 300.0 to 250.0 W"]),
        ({"answers": False}, ["the device does not answer any more"]),
        (dict.fromkeys(GPU), []),
    ],
)
def test_a_gpu(changes, warnings):
    assert gpu_disturbances(GPU, {**GPU, "at_s": 110.0, **changes}) == warnings


def test_states_that_hold_nothing():
    assert cpu_disturbances({}, {}) == gpu_disturbances({}, {}) == []
