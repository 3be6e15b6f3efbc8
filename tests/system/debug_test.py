"""What `make debug` promises: gdb attached to QEMU, with the kernel's symbols and sources."""
import pathlib
import shutil
import subprocess
import tempfile

from qemu import gdb_command


class Skip(Exception):
    pass


def test_gdb(lab):
    if not shutil.which("gdb-multiarch"):
        raise Skip("gdb-multiarch is not installed")
    with tempfile.TemporaryDirectory(prefix="rundlet-") as folder:
        socket = pathlib.Path(folder) / "gdb"
        extra = ["-S", "-gdb", f"unix:path={socket},server=on,wait=off"]
        with lab.boot(append="-- bundle /bundles/busybox true", label="debug", cpus=2, extra=extra) as vm:
            for _ in range(100):
                if socket.exists():
                    break
                try:
                    vm.expect("never printed \x00", 0.1)
                except Exception as error:
                    assert "did not come" in str(error), error
            steps = ["hbreak boot::start_system", "continue", "backtrace", "list", "next", "step", "info threads", "detach"]
            commands = [word for step in steps for word in ("-ex", step)]
            done = subprocess.run([*gdb_command(lab.kernel, str(socket)), "-batch", *commands], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=90, check=False)
            assert "hit Breakpoint 1, " in done.stdout and "boot/system.cpp" in done.stdout, done.stdout
            assert "first_run" in done.stdout and "thread_start" in done.stdout, f"no backtrace: {done.stdout}"
            assert "panic(" in done.stdout, f"no source: {done.stdout}"
            assert "CPU#1" in done.stdout, f"no second CPU: {done.stdout}"
            assert vm.wait(60) == 0, vm.tail()
