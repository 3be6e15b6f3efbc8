# The kernel of one CPU. Every .cpp and .S below the layers' folders belongs to it, except *_test.cpp,
# and but for the kernels with checks *_ktest.cpp.
include(cmake/headers.cmake)

set(LAYERS lib core kernel fs net drivers container abi boot arch/common arch/${RUNDLET_ARCH})
set(SOURCES)
foreach(layer ${LAYERS})
  file(GLOB_RECURSE found CONFIGURE_DEPENDS ${layer}/*.cpp ${layer}/*.S)
  list(APPEND SOURCES ${found})
endforeach()
list(FILTER SOURCES EXCLUDE REGEX "_test\\.cpp$")
if(NOT RUNDLET_CHECK)
  list(FILTER SOURCES EXCLUDE REGEX "_ktest\\.cpp$")
endif()
list(FILTER SOURCES EXCLUDE REGEX "/arch/${RUNDLET_ARCH}/vdso")

set(COMMON -std=gnu++23 -O2 -g1 -fno-exceptions -fno-rtti -fno-threadsafe-statics -ftrivial-auto-var-init=zero
  -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -fno-asynchronous-unwind-tables -fno-strict-aliasing
  -ffunction-sections -fdata-sections -fno-pic -fvisibility=hidden -ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -ffile-prefix-map=../../=
  -Wall -Wextra -Werror -Wthread-safety -Wno-gnu-statement-expression -Wno-missing-field-initializers)
if(RUNDLET_ARCH STREQUAL x86_64)
  set(CPU_FLAGS -mno-sse -mno-mmx -msoft-float -mno-red-zone -mcmodel=kernel)
  set(GUARD -mstack-protector-guard=global)
else()
  # No F and no D: the kernel never touches a user's floating-point state by accident.
  set(CPU_FLAGS -march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany -mno-relax)
  set(GUARD)
endif()

add_library(kernel-objects OBJECT ${SOURCES})
target_include_directories(kernel-objects PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/arch/${RUNDLET_ARCH})
target_compile_options(kernel-objects PRIVATE ${CPU_FLAGS}
  $<$<COMPILE_LANGUAGE:CXX>:${COMMON}> $<$<COMPILE_LANGUAGE:CXX>:-fstack-protector-strong> $<$<COMPILE_LANGUAGE:CXX>:${GUARD}>
  $<$<COMPILE_LANGUAGE:CXX>:${FREESTANDING}>
  $<$<COMPILE_LANGUAGE:ASM>:-g1>)

if(NOT RUNDLET_CHECK)
  # Handlers and small functions are inlined across files. The check kernel keeps its frames for its reports.
  target_compile_options(kernel-objects PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-flto=thin>)
endif()

# Profile-guided optimisation: tools/make-profile makes cmake/profile.txt from a kernel that counts (RUNDLET_PROFILE).
set(PROFILE ${CMAKE_SOURCE_DIR}/cmake/profile.txt CACHE FILEPATH "")
set(PROFILE_NAMES -mllvm=-static-func-full-module-prefix=false)
if(RUNDLET_PROFILE)
  # Code that runs before the kernel's own page tables cannot count.
  set(counting ${SOURCES})
  list(FILTER counting INCLUDE REGEX "\\.cpp$")
  list(FILTER counting EXCLUDE REGEX "/lib/cstring|/arch/${RUNDLET_ARCH}/early")
  set_property(SOURCE ${counting} APPEND PROPERTY COMPILE_OPTIONS -fprofile-generate -mllvm=-disable-vp=true ${PROFILE_NAMES})
elseif(EXISTS ${PROFILE} AND NOT RUNDLET_CHECK)
  file(SHA1 ${PROFILE} hash) # in the name, so that another profile compiles everything anew
  set(PROFILE_DATA profile-${hash}.profdata) # beside build.ninja: every checkout compiles by the same commands
  execute_process(COMMAND llvm-profdata-19 merge --output=${CMAKE_BINARY_DIR}/${PROFILE_DATA} ${PROFILE} COMMAND_ERROR_IS_FATAL ANY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROFILE})
  # What makes no more than a thousandth of all counts is made small, but where programs' calls come in: the tests are not the
  # programs, and select(2) would cost twice as much for being rare there.
  set(small ${SOURCES})
  list(FILTER small INCLUDE REGEX "\\.cpp$")
  list(FILTER small EXCLUDE REGEX "/(abi/linux|kernel|core)/")
  set_property(SOURCE ${small} APPEND PROPERTY COMPILE_OPTIONS -mllvm=-enable-pgo-force-function-attrs
    -mllvm=-pgo-cold-func-opt=minsize -mllvm=-profile-summary-cutoff-cold=999000)
  # Where a function has changed since, its old counts are left out.
  target_compile_options(kernel-objects PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fprofile-use=${PROFILE_DATA}>
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-profile-instr-out-of-date> $<$<COMPILE_LANGUAGE:CXX>:-Wno-profile-instr-unprofiled>
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-backend-plugin> "$<$<COMPILE_LANGUAGE:CXX>:SHELL:${PROFILE_NAMES}>")
endif()

if(RUNDLET_CHECK)
  target_compile_definitions(kernel-objects PRIVATE RUNDLET_CHECK=1)
  # cc1 directly: the driver knows no KASan for bare targets. Outlined calls keep the shadow's layout out of the code.
  set(KASAN -Xclang=-fsanitize=kernel-address -Xclang=-fsanitize-recover=kernel-address
    -mllvm=-asan-instrumentation-with-call-threshold=0 -mllvm=-asan-stack=0 -mllvm=-asan-globals=0 -mllvm=-asan-constructor-kind=none
    -mllvm=-asan-kernel-mem-intrinsic-prefix=1)
  set(UBSAN -fsanitize=undefined -fno-sanitize=function,vptr,float-divide-by-zero)
  # The runtime of the checks, the string functions it uses, and code that runs before the shadow is mapped
  # (arch/<cpu>/early*.cpp) are not instrumented.
  set(plain ${SOURCES})
  list(FILTER plain INCLUDE REGEX "/core/check/|/lib/cstring|/arch/${RUNDLET_ARCH}/early")
  set(checked ${SOURCES})
  list(FILTER checked INCLUDE REGEX "\\.cpp$")
  if(plain)
    list(REMOVE_ITEM checked ${plain})
  endif()
  set_property(SOURCE ${checked} APPEND PROPERTY COMPILE_OPTIONS ${KASAN} ${UBSAN})
endif()

include(cmake/vdso.cmake)
include(cmake/link.cmake)
