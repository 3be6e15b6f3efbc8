# A directory of links to the foreign headers the kernel may see, so that none of glibc's leaks in through /usr/include.
set(FOREIGN ${CMAKE_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${FOREIGN})
if(RUNDLET_ARCH STREQUAL riscv64)
  set(UAPI /usr/riscv64-linux-gnu/include)
  set(UAPI_ASM ${UAPI}/asm)
else()
  set(UAPI /usr/include)
  set(UAPI_ASM /usr/include/x86_64-linux-gnu/asm)
endif()
foreach(pair linux=${UAPI}/linux asm-generic=${UAPI}/asm-generic asm=${UAPI_ASM} boost=/usr/include/boost)
  string(REPLACE = ";" pair ${pair})
  list(GET pair 0 name)
  list(GET pair 1 target)
  if(NOT EXISTS ${target})
    message(FATAL_ERROR "${target} is missing: run tools/install-packages.sh")
  endif()
  file(CREATE_LINK ${target} ${FOREIGN}/${name} SYMBOLIC)
endforeach()

execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-resource-dir OUTPUT_VARIABLE CLANG_RESOURCES
                OUTPUT_STRIP_TRAILING_WHITESPACE)
set(FREESTANDING -ffreestanding -nostdinc -nostdinc++ -D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_FAST
  "SHELL:-isystem ${CMAKE_SOURCE_DIR}/lib/libcxx/config" "SHELL:-isystem /usr/lib/llvm-19/include/c++/v1"
  "SHELL:-isystem ${CMAKE_SOURCE_DIR}/lib/libcxx/c" "SHELL:-isystem ${CLANG_RESOURCES}/include"
  "SHELL:-isystem ${FOREIGN}")
