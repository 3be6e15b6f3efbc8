"""Unmodified programs of other tool chains: dynamic glibc and musl, C++ with std::thread, Go. Each runs on this machine's
Linux first (built for x86_64) and must say the same in a container on Rundlet."""
import os
import pathlib
import shutil
import subprocess

from harness import TOP, applet_links, cases_on_linux, cases_on_rundlet, compare, userland

SOURCES = TOP / "tests/programs"
run = userland.run


class Skip(Exception):
    pass


def shared_libraries(program, folders):
    """The interpreter and every library a dynamic program needs, found in the cross compiler's folders: {path: file}."""
    found, todo = {}, [program]
    while todo:
        text = run("llvm-readelf-19", "--dynamic", "--program-headers", todo.pop())
        for line in text.splitlines():
            name = None
            if "NEEDED" in line:
                name = line.split("[")[1].rstrip("]")
            elif "interpreter:" in line:
                name = line.split("interpreter: ")[1].rstrip("]")
            if not name or name in found:
                continue
            file = next((f / pathlib.PurePath(name).name for f in folders if (f / pathlib.PurePath(name).name).exists()), None)
            assert file, f"{program}: no {name} in {folders}"
            found[name] = file.resolve()
            todo.append(found[name])
    return {(n if n.startswith("/") else f"/lib/{n}").lstrip("/"): f for n, f in found.items()}


def gnu(target, name, compiler, source, *flags):
    """A dynamic glibc program: (file, {path in the root: file})."""
    out = target.out / "tests" / name
    out.parent.mkdir(parents=True, exist_ok=True)
    if not userland.newer(out, source):
        run(compiler, "-O2", "-o", out, source, *flags)
    folders = [pathlib.Path(p) for p in (f"/usr/{target.gnu}/lib", f"/lib/{target.gnu}", f"/usr/lib/{target.gnu}", "/lib64")]
    return out, shared_libraries(out, folders)


def musl(target, name, source):
    """A dynamic, position-independent musl program."""
    out = target.out / "tests" / name
    out.parent.mkdir(parents=True, exist_ok=True)
    if not userland.newer(out, source):
        flags = [f for f in target.flags("c") if f != "-fno-pic"]
        run("clang-19", *flags, "-fpie", "-c", source, "-o", f"{out}.o")
        lib = target.musl_lib
        libgcc = run(target.gcc, "-print-libgcc-file-name").strip()
        run("ld.lld-19", "-pie", "-dynamic-linker", f"/lib/ld-musl-{target.arch}.so.1", "-o", out, lib / "Scrt1.o",
            lib / "crti.o", f"{out}.o", f"-L{lib}", "-lc", libgcc, lib / "crtn.o")
    return out, {f"lib/ld-musl-{target.arch}.so.1": target.musl_lib / "libc.so"}


def go(target, name):
    if not shutil.which("go"):
        raise Skip("no Go compiler")
    out = target.out / "tests" / name
    source = SOURCES / "go/main.go"
    if not userland.newer(out, source):
        run("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, source,
            env={"CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": {"x86_64": "amd64"}.get(target.arch, target.arch),
                 "GO111MODULE": "off", "GOCACHE": str(TOP / "build/go-cache"), "GOFLAGS": ""})
    return out, {}


def each(target):
    """Every program: name, arguments, builder."""
    yield "glibc-dynamic", "pear apple fig", lambda t: gnu(t, "glibc-dynamic", t.gcc, SOURCES / "hello.c", "-lm")
    yield "musl-dynamic", "pear apple fig", lambda t: musl(t, "musl-dynamic", SOURCES / "hello.c")
    yield "cxx-threads", "", lambda t: gnu(t, "cxx-threads", t.gxx, SOURCES / "threads.cpp", "-std=c++20", "-pthread")
    yield "go-static", "", lambda t: go(t, "go-static")


def test_programs(lab):
    native = userland.Target(os.uname().machine)
    files, cases, on_linux = {}, [], []
    for name, arguments, build in each(lab.target):
        here, _ = build(native)
        there, libraries = build(lab.target)
        files[f"programs/{name}"] = (there, 0o755)
        for path, file in libraries.items():
            files[path] = (file, 0o755)
        cases.append((name, f"/programs/{name} {arguments}"))
        on_linux.append((name, f"{here} {arguments}"))
    expected = cases_on_linux(on_linux, "/nonexistent", "/bin/busybox", applet_links(lab))
    got = cases_on_rundlet(lab, cases, None, files, label="programs", memory="512M", cpus=4)
    compare(lab.report, f"programs/{lab.arch}", expected, got)
