"""Mistakes that a check kernel makes on purpose (core/ktest/provoke_ktest.cpp): each fails its step, three times over."""
from harness import Lab, Report


class Kept(Report):
    """Failures are expected here: they are kept, not printed."""

    def fail(self, name, detail=""):
        self.failures.append(f"{name}\n{detail}")


def test_reports_fail(lab):
    kept = Kept()
    with Lab(lab.arch, kept, variant="check").boot(append="ktest=provoke_", label="provoke") as vm:
        status = vm.wait(120)
    for said in ("BUG: KASan: read of 1 bytes", "BUG: UBSan: ", "ktest: FAIL provoke_kasan",
                 "ktest: FAIL provoke_ubsan", "ktest: FAIL provoke_lock_order", "ktest: 0 passed, 3 failed"):
        assert said in vm.text, f"no {said!r}:\n{vm.tail(60)}"
    places = vm.text.count("BUG: lock order: ")
    assert places == 4, f"lock order reported for {places} places, not 4:\n{vm.tail(60)}"
    assert status == 134, f"status {status}: the machine must end as after a panic\n{vm.tail()}"
    assert len(kept.failures) == 1 and "BUG: KASan" in kept.failures[0], f"the console failed nothing: {kept.failures}"
