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


def linux_package():
    """The package with Debian's kernel for virtual machines; None where the distribution has none (Ubuntu)."""
    depends = subprocess.run(["apt-cache", "depends", LINUX], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                             check=False).stdout
    return next((line.split()[-1] for line in depends.splitlines() if "Depends: linux-image-" in line), None)


def linux_kernel():
    """That kernel's image and version."""
    image = next((unpacked(linux_package()) / "boot").glob("vmlinuz-*"))
    return image, image.name.removeprefix("vmlinuz-")


def modules(*names):
    """{path: (file, mode)} of modules of that kernel, in the order in which linux/init.c loads them."""
    folder = unpacked(linux_package()) / "lib/modules"
    return {f"bench/modules/{i}.ko": (next(folder.rglob(f"{name}.ko")), 0o644) for i, name in enumerate(names)}


LIBRARIES = ["libc6"]
# What each application needs, and what of its packages is left out.
APPLICATIONS = {
    "sqlite": ["sqlite3", "libsqlite3-0", "libreadline8", "libtinfo6", "zlib1g"],
    "python": ["python3.11-minimal", "libpython3.11-minimal", "libexpat1", "zlib1g"],
    "gcc": ["gcc-12", "cpp-12", "binutils", "binutils-x86-64-linux-gnu", "libbinutils", "libctf0", "libctf-nobfd0", "libjansson4",
            "libisl23", "libmpc3", "libmpfr6", "libgmp10", "libzstd1", "zlib1g"],
    "redis": ["redis-tools", "redis-server", "libatomic1", "libhiredis0.14", "libjemalloc2", "liblua5.1-0", "liblzf1", "libssl3",
              "libsystemd0", "libcap2", "libgcrypt20", "libgpg-error0", "liblz4-1", "liblzma5", "libzstd1", "libstdc++6",
              "libgcc-s1", "lua-bitop", "lua-cjson"],
    "nginx": ["nginx", "libcrypt1", "libpcre2-8-0", "libssl3", "zlib1g"],
    "crun": ["crun", "libyajl2", "libseccomp2", "libcap2", "libsystemd0", "libgcrypt20", "libgpg-error0", "liblz4-1", "liblzma5",
             "libzstd1"],
}
LEFT_OUT = ("/usr/share/", "/etc/", "/var/", "/lib/systemd/", "/gconv/", "/plugin/", "/ossl-modules/", "/engines-3/", "/modules-load.d/",
            "lto1", "lto-wrapper", "lto-dump", "liblto_plugin", "ld.gold", "-dwp", "gprof", "gcov")
LEFT_OUT_ENDINGS = (".a", ".o", "/.complete")


def application(*names):
    """{path: (file, mode)} of applications with their libraries, links followed."""
    packages = list(dict.fromkeys(p for name in names for p in LIBRARIES + APPLICATIONS[name]))
    files, links = {}, {}
    for package in packages:
        folder = unpacked(package)
        for found in sorted(folder.rglob("*")):
            path = str(found.relative_to(folder))
            if any(part in "/" + path for part in LEFT_OUT) or ("/" + path).endswith(LEFT_OUT_ENDINGS):
                continue
            if found.is_file():
                files[path] = (found, found.stat().st_mode & 0o777)
            elif found.is_symlink() and not found.exists():
                links[path] = str(pathlib.PurePath(path).parent / found.readlink())
    # A link into another package.
    files.update((path, files[target]) for path, target in links.items() if target in files)
    return files
