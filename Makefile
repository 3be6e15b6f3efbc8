# A thin front over CMake presets, Ninja and tools/. ARCH is x86_64 or riscv64.
ARCH ?= x86_64

.PHONY: run build test bench bench-quick debug userland packages format clean
run: userland
	@tools/qemu.py run --arch $(ARCH)
build: packages
	@cmake --preset $(ARCH) > build/$(ARCH).log 2>&1 || { cat build/$(ARCH).log; exit 1; }
	@cmake --build build/$(ARCH)
userland: build
	@tools/build-userland $(ARCH)
test: packages
	@tests/run.py
bench: userland
	@bench/run.py --arch $(ARCH) --save
bench-quick: userland
	@bench/run.py --arch $(ARCH) --quick
debug: userland
	@tools/qemu.py debug --arch $(ARCH)
packages:
	@mkdir -p build
	@tools/install-packages.sh
format:
	@git ls-files '*.h' '*.cpp' | grep -v '^lib/libcxx/' | xargs clang-format-19 -i
clean:
	rm -rf build
