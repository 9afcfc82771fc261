"""Contract tests that ship with hwbench: what a new space, surrogate or method must pass first.

Inherit a contract in a test file and give it your object; pytest finds the tests:

    class TestMySpace(SpaceContract):
        def space(self) -> Space:
            return my_space
"""
