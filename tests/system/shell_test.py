"""busybox's shell at the console of a container, as a person uses it."""
import re

PROMPT = r"root@busybox:\S*# "


class Shell:
    """A VM at the prompt."""

    def __init__(self, vm):
        self.vm = vm
        vm.expect(PROMPT, 60)

    def run(self, line, timeout=30):
        """Types a line; returns what was printed until the next prompt, without the echo."""
        self.vm.send(line + "\n")
        match = self.vm.expect(rb"(.*?)" + PROMPT.encode(), timeout)
        text = match[1].decode(errors="replace").replace("\r\n", "\n")
        return text.split("\n", 1)[1] if "\n" in text else text


def start(vm, program):
    """Runs a program in a shell's foreground; returns when it has the terminal."""
    vm.send(f"sh -c 'echo at\"\"work; exec {program}'\n")
    vm.expect("atwork\r\n")


def at_prompt(lab, **options):
    return lab.boot(append="-- bundle /bundles/busybox", **options)


def test_session(lab):
    with at_prompt(lab, label="session") as vm:
        sh = Shell(vm)
        assert sh.run("echo one two | tr a-z A-Z") == "ONE TWO\n", vm.tail()
        assert sh.run("hostname; id -u; test -t 0 && echo terminal") == "busybox\n0\nterminal\n", vm.tail()
        assert sh.run("echo $$") == "1\n", vm.tail()
        ps = sh.run("ps")
        assert re.search(r"^ +1 root .* sh -l", ps, re.MULTILINE), ps
        assert "proc on /proc type proc" in sh.run("mount"), vm.tail()
        vm.send("exit 5\n")
        status = vm.wait(30)
        assert status == 5, f"status {status}\n{vm.tail()}"


def test_job_control(lab):
    with at_prompt(lab, label="jobs") as vm:
        sh = Shell(vm)
        start(vm, "sleep 1000")
        vm.send("\x03")
        vm.expect(PROMPT)
        assert sh.run("echo $?") == "130\n", vm.tail()
        start(vm, "sleep 1001")
        vm.send("\x1a")
        vm.expect("Stopped")
        vm.expect(PROMPT)
        assert "Stopped" in sh.run("jobs"), vm.tail()
        assert "sleep 1001" in sh.run("bg"), vm.tail()
        assert "Running" in sh.run("jobs"), vm.tail()
        vm.send("fg\n")
        vm.expect("sleep 1001.*\r\n")
        wait_a_moment(vm)  # until the job has the terminal
        vm.send("\x03")
        vm.expect(PROMPT)
        start(vm, "cat")
        vm.send("typed\n")
        vm.expect("typed\r\ntyped\r\n")
        vm.send("\x04")
        vm.expect(PROMPT)
        vm.send('(echo at""work >/dev/tty; exec sleep 1002) | cat\n')
        vm.expect("atwork\r\n")
        vm.send("\x1c")  # ^backslash
        vm.expect(PROMPT)
        assert sh.run("ps | grep -c '[s]leep'") == "0\n", vm.tail()


def wait_a_moment(vm):
    try:
        vm.expect("never printed \x00", 0.7)
    except Exception as error:  # the time is over, or the machine ended
        if "did not come" not in str(error):
            raise


def test_here_document_script(lab):
    """A script of some hundred lines, typed at the prompt."""
    lines = ["cat >script <<'EOF'"]
    for i in range(150):
        lines += [f"total=$((total + {i}))", f"echo line {i}: $total"]
    lines += ["EOF", "sh script | md5sum", "sh script | tail -1"]
    with at_prompt(lab, label="here-document") as vm:
        sh = Shell(vm)
        vm.send("\n".join(lines) + "\n")
        vm.expect(r"line 149: 11175\r\n", 90)
        vm.expect(PROMPT)
        assert sh.run("wc -l <script") == "300\n", vm.tail()


def test_editor(lab):
    with at_prompt(lab, label="vi") as vm:
        sh = Shell(vm)
        vm.send("vi notes\n")
        vm.expect("- notes 1/1 100%")  # vi has waited for the terminal to tell its size
        for text, place in (("ifirst line\nsecond line", "2/2"), ("ggdwi1st ", "1/2")):
            vm.send(text)
            vm.expect(rf"I notes \[Modified\] {place}")
            vm.send("\x1b")
            vm.expect(rf"- notes \[Modified\] {place}")
        vm.send(":wq\n")
        vm.expect(PROMPT)
        assert sh.run("cat notes") == "1st line\nsecond line\n", vm.tail()


def test_full_screen_programs(lab):
    with at_prompt(lab, label="screen") as vm:
        sh = Shell(vm)
        vm.send("top -d 1\n")
        vm.expect(r"Mem: ", 20)
        vm.expect(r"Load average", 20)
        vm.send("q")
        vm.expect(PROMPT)
        vm.send("seq 100 | less\n")
        vm.expect(r"10\r\n")
        vm.send("q")
        vm.expect(PROMPT)
        assert "MemTotal" in sh.run("cat /proc/meminfo"), vm.tail()
        assert "COMMAND" in sh.run("ps -o pid,ppid,comm"), vm.tail()


def test_piped_input(lab):
    """Standard input that is a pipe: lines, then the end; the status is the shell's."""
    import subprocess
    from harness import TOP
    done = subprocess.run([TOP / "tools/qemu.py", "run", "--arch", lab.arch], input=b"echo piped $((40 + 2))\nexit 3\n",
                          stdout=subprocess.PIPE, timeout=120, check=False)
    assert b"piped 42" in done.stdout and done.returncode == 3, f"{done.returncode}: {done.stdout[-800:]!r}"


def test_background_storm(lab):
    """Programs start while others are killed, on 4 CPUs: code pages, signals and exec at once on several of them."""
    rounds = 100
    with at_prompt(lab, label="storm", cpus=4) as vm:
        Shell(vm)
        vm.send(f"i=0; while [ $i -lt {rounds} ]; do sleep 1 & kill %1; /bin/cat /proc/uptime >/dev/null; i=$((i+1)); "
                "echo round $i; done\n")
        for n in range(1, rounds + 1):
            vm.expect(rf"round {n}\r\n", 60)
