"""What boots kernels with images made for the occasion: shared by tests/ and bench/."""
import contextlib
import importlib.machinery
import importlib.util
import json
import pathlib
import re
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tools"))
from qemu import Vm  # noqa: E402

loader = importlib.machinery.SourceFileLoader("userland", str(TOP / "tools/build-userland"))
spec = importlib.util.spec_from_loader("userland", loader)
userland = importlib.util.module_from_spec(spec)
loader.exec_module(userland)


# What a check kernel says when it finds a mistake of its own (core/check/report.h), and when it ends by one.
TROUBLE = re.compile(r"^(BUG|panic): ", re.MULTILINE)


class Lab:
    """One architecture's kernel and userland, and images with bundles for one boot."""

    def __init__(self, arch, report=None, variant=""):
        """`variant`: "check" or "profile" for the preset of this name."""
        self.arch, self.report, self.variant = arch, report, variant
        self.name = f"{arch}-{variant}" if variant else arch
        self.kernel = TOP / f"build/{self.name}/kernel"
        self.target = userland.Target(arch)
        self.programs = {p.name: p for p in (self.target.out / "bin").iterdir()} if (self.target.out / "bin").exists() else {}
        self.logs = TOP / "build/test-logs"
        self.logs.mkdir(parents=True, exist_ok=True)

    def tree(self):
        """The host tree that `make run` boots, to add to."""
        tree = userland.host_tree(self.target, self.programs)
        userland.busybox_bundle(tree, self.target)
        return tree

    def bundle(self, tree, name, args, files=(), edit=None):
        """A bundle beside busybox's with the same root and these arguments; `files` is {path: (contents or Path, mode)}."""
        config = json.loads((TOP / "user/bundles/busybox/config.json").read_text())
        config["process"]["args"] = list(args)
        if edit:
            edit(config)
        source, base = "bundles/busybox/rootfs", f"bundles/{name}"
        tree.directory(base)
        tree.text(f"{base}/config.json", json.dumps(config))
        for path, entry in list(tree.entries.items()):
            if path == source or path.startswith(source + "/"):
                tree.entries[f"{base}/rootfs{path[len(source):]}"] = entry
        for path, (contents, mode) in dict(files).items():
            for folder in reversed(pathlib.PurePath(path).parents[:-1]):
                if f"{base}/rootfs/{folder}" not in tree.entries:
                    tree.directory(f"{base}/rootfs/{folder}")
            if isinstance(contents, pathlib.Path):
                tree.file(f"{base}/rootfs/{path}", contents, mode)
            else:
                tree.text(f"{base}/rootfs/{path}", contents, mode)

    @contextlib.contextmanager
    def boot(self, tree=None, append="", **options):
        """A VM with this tree as its initramfs. Its console goes to build/test-logs/. Any report of a check kernel is a
        failure, whatever else the test looks at."""
        tree = tree or self.tree()
        label = options.pop("label", "vm")
        with tempfile.TemporaryDirectory(prefix="rundlet-") as scratch:
            image = pathlib.Path(scratch) / "initramfs"
            tree.write(image)
            with open(self.logs / f"{self.name}-{label}.log", "w", encoding="utf8") as log:
                vm = Vm(self.arch, self.kernel, image, log=log, append=append, **options)
                try:
                    with vm:
                        yield vm
                finally:
                    self.look_for_trouble(vm.text, label)

    def look_for_trouble(self, console, label):
        if self.variant == "check" and (found := TROUBLE.search(console)):
            self.report.fail(f"console/{self.name}/{label}", console[found.start():])
