"""No stretch of kernel work keeps a processor: the check kernel, whose time is its instructions here, reports any of more than 5 ms
with interrupts off or inside of a reader, and prints the longest."""
import re

from harness import CAPABILITIES, TOP, Lab, linux_programs

PROGRAMS = ("threads", "processes", "pipes", "memory", "files", "long_calls")
# Processes and names by the thousand: what is done for all of them at once is done in one stretch.
CROWD = """i=0; while [ $i -lt 400 ]; do sleep 1000 & i=$((i+1)); done; ls /proc | wc -l; kill -9 $(jobs -p); wait
mkdir -p /tmp/d; cd /tmp/d; seq 2000 | xargs touch; ls | wc -l; cd /; rm -r /tmp/d"""


def work(lab, programs, script):
    """A bundle that runs the script with the programs in /tests."""
    tree = lab.tree()
    sets = ("bounding", "effective", "permitted")

    def edit(config):
        config["process"].update(terminal=False, capabilities={k: CAPABILITIES for k in sets})
        config["linux"].update(resources={"pids": {"limit": 5000}})

    lab.bundle(tree, "work", ["sh", "-c", script], {f"tests/{n}": (p, 0o755) for n, p in programs.items()}, edit)
    return tree


def longest(text):
    """{what: (us, where)} of the lines that the kernel prints for each new longest stretch."""
    return {what: (int(us), where) for what, us, where in re.findall(r"stretch: (interrupts off|a reader) (\d+) us, (.*?)\r?\n", text)}


def reports(text):
    return re.findall(r"stretch: .* for \d+ us, since .*", text)


def test_stretches(lab):
    lab = Lab(lab.arch, lab.report, variant="check")
    programs = linux_programs(lab, [TOP / f"tests/linux/{name}.cpp" for name in PROGRAMS])
    script = "; ".join(f"/tests/{name}" for name in PROGRAMS) + "\n" + CROWD + "\nexit 7"
    tree = work(lab, programs, script)
    with lab.boot(tree, append="watchdog=5 -- bundle /bundles/work", label="stretches", memory="512M", icount="skip") as vm:
        assert vm.wait(400) == 7, vm.tail()
        assert vm.text.count(": ok") == len(PROGRAMS), vm.tail()
        assert not reports(vm.text), "\n".join(reports(vm.text))
        for what, (us, where) in longest(vm.text).items():
            lab.report.number(f"{lab.arch}: check kernel, longest stretch, {what}", f"{us} us ({where})")
        assert longest(vm.text), "nothing was measured"


def test_big_group(lab):
    """No walk of a process group, of children or of processes keeps a processor, however many there are."""
    lab = Lab(lab.arch, lab.report, variant="check")
    tree = work(lab, linux_programs(lab, [TOP / "tests/linux/big_group.cpp"]), "/tests/big_group 1500 && exit 7")
    with lab.boot(tree, append="watchdog=5 -- bundle /bundles/work", label="big-group", memory="1G", icount="skip") as vm:
        assert vm.wait(600) == 7, vm.tail()
        # Others' work is measured by test_stretches.
        found = re.findall(r"stretch: interrupts off (\d+) us, (.*?)\r?\n", vm.text)
        walks = [(int(us), where) for us, where in found if re.search("process::|signals::|Job|Process|kill|wait|exit", where)]
        lab.report.number(f"{lab.arch}: check kernel, 1500 processes, longest stretch of the tree", f"{max(walks, default=0)}")
        assert all(us <= 200 for us, _ in walks), walks
