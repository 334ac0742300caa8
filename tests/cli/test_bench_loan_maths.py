"""The comparison with public engines: who keeps the invariants, and that every engine was measured."""

from __future__ import annotations

import argparse

from bench import loan_maths

SOUND = {"sum_of_principal": True, "rows_add_up": True, "last_balance_zero": True}


def test_every_engine_is_measured_and_ours_keeps_the_invariants() -> None:
    parser = argparse.ArgumentParser()
    loan_maths.arguments(parser)
    found = loan_maths.run(parser.parse_args(["--loans", "20", "--rounds", "1"]))
    assert found["nesie"]["keeps"] == SOUND
    assert found["nesie"]["full_per_second"] > 0
    kept = {name: engine["keeps"] for name, engine in found["engines"].items()}
    assert kept.pop("numpy-financial") == SOUND | {"sum_of_principal": False, "rows_add_up": False}
    assert kept == {name: SOUND for name in ("amortization", "amortizacion-engine", "pyloan")}
    assert found["fastest_that_keeps_the_invariants"] in kept
    assert all(engine["schedules_per_second"] > 0 for engine in found["engines"].values())
    assert found["xirr"]["pyxirr_per_second"] > found["xirr"]["nesie_per_second"] > 0
