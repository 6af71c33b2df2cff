from dragstrip.run.machine import this_machine


def test_a_machine_has_a_processor() -> None:
    assert this_machine().cpus >= 1
