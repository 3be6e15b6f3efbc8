"""Debian packages unpacked below build/bench/packages, not installed: the kernel to compare with, programs to run."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
from lab import TOP, userland  # noqa: E402

HOME = TOP / "build/bench/packages"
LINUX = "linux-image-cloud-amd64"


def unpacked(package):
    """The folder with the package's files."""
    folder = HOME / package
    if (folder / ".complete").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    print(f"bench: fetching the package {package}", flush=True)
    for old in HOME.glob(f"{package}_*.deb"):
        old.unlink()
    userland.run("apt-get", "-q", "download", package, cwd=HOME)
    archive = next(HOME.glob(f"{package}_*.deb"))
    userland.run("dpkg-deb", "-x", archive, folder)
    archive.unlink()
    (folder / ".complete").touch()
    return folder


def linux_kernel():
    """The image of Debian's kernel for virtual machines, and its version."""
    depends = subprocess.run(["apt-cache", "depends", LINUX], stdout=subprocess.PIPE, text=True, check=True).stdout
    names = [line.split()[-1] for line in depends.splitlines() if "Depends: linux-image-" in line]
    if not names:
        sys.exit(f"bench: the distribution has no package {LINUX} (Debian has; on Ubuntu only our own column is measured)")
    image = next((unpacked(names[0]) / "boot").glob("vmlinuz-*"))
    return image, image.name.removeprefix("vmlinuz-")
